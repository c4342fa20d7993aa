"""A download against curl, from the same server to the same folder, and what it adds in memory.

Both write 512 MiB and see them safe on the disk: ours syncs before it names the file, curl is
followed by `sync FILE`.  Ours also walks the boxes and syncs the folder.  The server is a process
of its own that lets the kernel copy the file, so that it is never what one waits for.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import peak_mib
from benchmarks.table import Row
from veo import download as veo_download

ROUNDS = 10
SIZE = 512 << 20
ROOT = Path(__file__).parents[1]
ITSELF = [sys.executable, "-m", "benchmarks.bench_download"]
MOST_ADDED_MIB = 20.0


def rows() -> list[Row]:
    """Measure speed as the best of alternating runs, and memory in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = folder / "film.mp4"
        write_film(film)
        with serving(film) as url:
            ours, curl = measure_speed(url, folder)
            after, before = measure_memory(url, folder)
    return [
        Row(
            name="download 512 MiB, synced",
            ours=ours,
            peer=curl,
            unit="MB/s",
            peer_name="curl, then sync",
            limit=1.0,
            at_most=False,
        ),
        Row(
            name="memory: download 512 MiB",
            ours=after,
            peer=before,
            unit="MiB",
            peer_name="the same process before it",
            limit=(before + MOST_ADDED_MIB) / before,
        ),
    ]


def write_film(path: Path) -> None:
    """The boxes of an MP4 around zeros."""
    head = (16).to_bytes(4) + b"ftypisom" + bytes(4) + (108).to_bytes(4) + b"moov" + bytes(100)
    with path.open("wb") as file:
        file.write(head + (SIZE - len(head)).to_bytes(4) + b"mdat")
        for _ in range(SIZE >> 20):
            file.write(bytes(1 << 20))
        file.truncate(SIZE)


def measure_speed(url: str, folder: Path) -> tuple[float, float]:
    """Ours and curl's, in MB/s."""
    target = folder / "clip.mp4"

    def ours() -> None:
        veo_download.fetch(f"{url}/film.mp4", target, trusted=url, max_bytes=SIZE)

    def curl() -> None:
        subprocess.run(["curl", "-sS", "-o", target, f"{url}/film.mp4"], check=True)
        subprocess.run(["sync", target], check=True)

    seconds: dict[Callable[[], None], list[float]] = {ours: [], curl: []}
    for round_ in range(1 + ROUNDS):
        # Who comes second finds the disk busy with the first one's file: take turns at that too.
        for download, taken in list(seconds.items())[:: 1 if round_ % 2 else -1]:
            began = time.perf_counter()
            download()
            if round_:  # the first one warms up
                taken.append(time.perf_counter() - began)
            assert target.stat().st_size == SIZE
            target.unlink()
    return (
        SIZE / 1e6 / min(seconds[ours]),
        SIZE / 1e6 / min(seconds[curl]),
    )


def measure_memory(url: str, folder: Path) -> tuple[float, float]:
    """Peak MiB of a fresh process after and before its first download."""
    command = [*ITSELF, "measure memory", url, str(folder / "clip.mp4")]
    process = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT)
    before, after = process.stdout.split()
    return float(after), float(before)


def print_memory(url: str, path: str) -> None:
    print(peak_mib())
    veo_download.fetch(f"{url}/film.mp4", Path(path), trusted=url, max_bytes=SIZE)
    print(peak_mib())


@contextlib.contextmanager
def serving(film: Path) -> Iterator[str]:
    """The address of a process that serves `film` to whoever asks for anything."""
    command = [*ITSELF, "serve", str(film)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            assert server.stdout
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.kill()


def serve(film: str) -> None:
    size = Path(film).stat().st_size
    head = f'HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nETag: "one"\r\n\r\n'.encode()
    with socket.create_server(("127.0.0.1", 0)) as listener, Path(film).open("rb") as file:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(head)
                connection.sendfile(file, 0)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", film]:
            serve(film)
        case ["measure memory", url, path]:
            print_memory(url, path)
        case _:
            for row in rows():
                print(row, f"ratio {row.ratio:.2f}", "holds" if row.holds else "DOES NOT HOLD")
