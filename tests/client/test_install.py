"""The client can be taken along: installed from a wheel, or copied, with nothing but requests."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import KEY

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TEN_LINES = re.search(r"```python\n(.+?)```", (ROOT / "README.md").read_text(), re.S)[1]
BELOW = ("requests", "urllib3", "idna", "certifi", "charset-normalizer")
"""`requests` and what comes with it."""


def run(*command, folder, **environment):
    return subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    """A Python of its own that has `requests` and what comes with it, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    for name in BELOW:
        for file in importlib.metadata.files(name):
            if ".." not in file.parts:  # a script
                to = packages / file
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), to)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Made of what is tracked, in another place: a build leaves files beside its sources."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            to = folder / "source" / name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "-q", "-w", folder)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", *options, folder / "source"], check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(bare_python, wheel):
    """That Python, with the wheel installed."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", bare_python]
    subprocess.run([*pip, "install", "--no-index", "-q", wheel], check=True)
    return bare_python


def test_the_client_alone_needs_only_requests():
    assert [re.match(r"[a-z0-9-]+", each)[0] for each in PROJECT["dependencies"]] == ["requests"]


def test_the_extra_for_the_page_is_what_a_space_installs():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert PROJECT["optional-dependencies"]["page"] == [
        line for line in lines if line and not line.startswith("#")
    ]


@pytest.mark.slow
def test_the_ten_lines_run_where_the_wheel_is_installed(installed, demo, tmp_path):
    ran = run(
        *(installed, "-W", "error", "-c", TEN_LINES),
        folder=tmp_path,
        AIMLAPI_KEY=KEY,
        AIMLAPI_BASE_URL=demo.base_url,
    )
    assert ran.returncode == 0, ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["fox.mp4"]


@pytest.mark.slow
def test_two_copied_things_are_enough(bare_python, demo, tmp_path):
    """`veo_client.py` and `veo/`, and no other file of the project."""
    shutil.copy(ROOT / "veo_client.py", tmp_path)
    shutil.copytree(ROOT / "veo", tmp_path / "veo", ignore=shutil.ignore_patterns("__pycache__"))
    ran = run(
        *(bare_python, "-W", "error", "-c", f"import veo_client\n{TEN_LINES}"),
        folder=tmp_path,
        AIMLAPI_KEY=KEY,
        AIMLAPI_BASE_URL=demo.base_url,
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert ran.returncode == 0, ran.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"veo_client.py", "veo", "fox.mp4"}


@pytest.mark.slow
def test_the_command_needs_only_requests_when_there_is_a_key(installed, demo, tmp_path):
    ran = run(
        *(installed.with_name("make-clip"), "a fox", "--duration", "4", "--resolution", "720p"),
        folder=tmp_path,
        AIMLAPI_KEY=KEY,
        AIMLAPI_BASE_URL=demo.base_url,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"^\d+\.\d MB, seed \d+$", ran.stderr, re.M)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.slow
def test_the_command_without_a_key_names_what_demo_mode_needs(installed, tmp_path):
    ran = run(installed.with_name("make-clip"), "a fox", folder=tmp_path)
    assert ran.returncode == 2
    assert 'pip install "film-a-sentence[demo]"' in ran.stderr
    assert "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []
