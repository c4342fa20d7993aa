"""Every notebook runs top to bottom, teaches what it says, and shows today what it shows on GitHub.

    make notebooks            run them all and compare
    make notebooks WRITE=1    run them all and keep what they show now

The run is as a learner's: in a copy of the project, and with a key lying around, which nothing may
touch.  Then each exercise meets a wrong answer and its own folded solution.
"""

import ast
import asyncio
import base64
import importlib.util
import inspect
import io
import os
import re
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from difflib import unified_diff
from itertools import count, pairwise
from pathlib import Path

import nbformat
import pytest
from conftest import KEY
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell
from PIL import Image, ImageChops, ImageStat

import veo_client

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LESSONS = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

LONGEST_CELL = 15  # lines
LOOKED_AT = {"03": (1, 4), "07": (6,), "08": (4,)}
"""How many pictures a lesson shows of a clip, if not one or five; 6 is what `poster` looks at."""
LARGEST_PICTURE, LARGEST_NOTEBOOK = 150_000, 500_000  # bytes
ENDING = ["Exercises", "Troubleshooting", "What you spent"]
MAY_IMPORT = {"veo_client", "veo", "demo_server", "demo"}
YOUR_TURN = re.compile(r"\.\.\.(?=  # your turn)")


# Running them


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """The project as in a clone, where a notebook may leave clips."""
    return copied_to(tmp_path_factory.mktemp("clone"))


def copied_to(copy: Path) -> Path:
    tracked = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in git(ROOT, *tracked).split("\0"):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def outside(tmp_path_factory, films):
    """A world in which a key lies around, and every way out of this machine is watched."""
    folder = tmp_path_factory.mktemp("outside")
    log = folder / "log"
    (folder / "sitecustomize.py").write_text(WATCH.format(log=str(log)))
    with pytest.MonkeyPatch.context() as world, socket.create_server(("127.0.0.1", 0)) as service:
        tests = [str(folder), str(ROOT / "tests/tour"), str(ROOT / "tests")]
        world.setenv("PYTHONPATH", os.pathsep.join(tests))
        standing = films / "standing"
        standing.mkdir(exist_ok=True)
        world.setenv("FILMS", str(standing))
        world.setenv("HOME", str(folder))
        world.setenv("AIMLAPI_KEY", KEY)
        world.setenv("AIMLAPI_BASE_URL", "http://127.0.0.1:{1}".format(*service.getsockname()))
        yield log
        service.setblocking(False)
        with pytest.raises(BlockingIOError):
            service.accept()  # somebody meant to spend money


@pytest.fixture(scope="module")
def running(project, outside, request):
    """The chosen lessons with their exercises tried, two at a time: they mostly wait."""
    paths = {item.callspec.params["path"] for item in request.session.items if is_run(item)}
    with ThreadPoolExecutor(2) as pool:
        yield {path: pool.submit(run, path, project / "notebooks") for path in sorted(paths)}


def place_of_first_code(lesson) -> int:
    """Of the cell that finds the project."""
    return next(place for place, cell in enumerate(lesson.cells) if cell.cell_type == "code")


def is_run(item) -> bool:
    return "running" in getattr(item, "fixturenames", ())


def run(path: Path, folder: Path):
    """The lesson as it went, and the cells that tried its exercises."""
    lesson = read(path)
    tries = exercises_tried(lesson)
    length = len(lesson.cells)
    lesson.cells += [cell for tried in tries for cell in tried]
    looked_at = LOOKED_AT.get(path.stem[:2], (1, 5))
    films = f"import standing_films; standing_films.looked_at = {looked_at}"
    lesson.cells.insert(place_of_first_code(lesson) + 1, new_code_cell(films))
    execute(lesson, folder)
    assert KEY not in nbformat.writes(lesson)
    del lesson.cells[place_of_first_code(lesson) + 1]
    del lesson.cells[length:]
    return lesson, tries


WATCH = """
import sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        address = arguments[1] if event == "socket.connect" else arguments
        host = address[0] if isinstance(address, tuple) else "localhost"  # a Unix socket
        if host not in (None, "", "localhost", "127.0.0.1", "0.0.0.0", "::1"):
            open({log!r}, "a").write(f"{{event}} {{address}}\\n")
            raise OSError("Nothing here reaches the outside.")

sys.addaudithook(watch)
"""


@pytest.mark.slow
@LESSONS
def test_a_notebook_shows_what_it_says_and_its_exercises_can_be_done(
    path, running, outside, request
):
    lesson, tries = running[path].result()
    for wrong, wrong_check, right, right_check in tries:
        assert [output.ename for output in wrong_check.outputs] == ["AssertionError"], wrong.source
        assert printed(right_check).endswith("Right.\n"), right.source
    assert not outside.exists(), outside.read_text()
    committed = read(path)
    tidy(lesson)
    keep_pictures_that_look_the_same(lesson, committed)
    if request.config.getoption("--write-notebooks"):
        nbformat.write(lesson, path)
    else:
        told, shown = (nbformat.writes(each).splitlines() for each in (committed, lesson))
        changed = [line[:200] for line in unified_diff(told, shown, lineterm="", n=1)]
        assert not changed, "\n".join(["if this is right: make notebooks WRITE=1", *changed])


def execute(lesson, folder: Path) -> None:
    client = NotebookClient(
        lesson,
        timeout=60,
        coalesce_streams=True,  # prints arrive in pieces; how many is chance
        record_timing=False,  # a clock in the file would change it on every run
        resources={"metadata": {"path": str(folder)}},
    )
    asyncio.run(client.async_execute())


# Every exercise is a cell with `...  # your turn`, a cell that checks it, and a folded solution.


def exercises_tried(lesson):
    """For each exercise of `lesson`, cells that try a wrong answer and cells that try the right."""
    tries = []
    for number, (cell, check) in enumerate(pairwise(lesson.cells)):
        if cell.cell_type == "code" and YOUR_TURN.search(cell.source):
            solution = next(filter(None, map(folded_code, lesson.cells[number + 2 :])))
            wrong_check = new_code_cell(check.source, metadata={"tags": ["raises-exception"]})
            tries.append(
                [
                    new_code_cell(YOUR_TURN.sub("object()", cell.source)),
                    wrong_check,
                    new_code_cell(solution),
                    new_code_cell(check.source),
                ]
            )
    return tries


def folded_code(cell) -> str:
    """The solution in a cell, or nothing."""
    solution = r"<summary>Solution</summary>\n\n```python\n(.+?)\n```\n\n</details>"
    found = re.search(solution, cell.source, re.S) if cell.cell_type == "markdown" else None
    return found[1] if found else ""


def printed(cell) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


# What a notebook shows, without what differs between two runs or two machines

UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b")
FILE_NAME = re.compile(r"\b[0-9a-f]{32}(?=\.mp4)")
PORT = re.compile(r"(?<=http://127\.0\.0\.1:)\d+")


def tidy(lesson) -> None:
    """Number what is random by its order: ids, file names at the service, ports."""
    lesson.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    ids, names = numbered("{:08x}-0000-4000-8000-000000000000"), numbered("{:032x}")
    for place, cell in enumerate(lesson.cells):
        cell.id = f"cell-{place:02}"
        cell.metadata = {}
        for counted in [cell, *cell.get("outputs", [])]:
            if "execution_count" in counted:
                counted.execution_count = None
        for output in cell.get("outputs", []):
            output.get("metadata", {}).clear()
            for texts in (output, output.get("data", {})):
                for kind, text in texts.items():
                    if isinstance(text, str) and not kind.startswith("image/"):
                        text = UUID.sub(ids, text)
                        text = FILE_NAME.sub(names, text)
                        texts[kind] = PORT.sub("8000", text)


def numbered(form: str):
    """A replacement for `re.sub`: the same number for the same text, in the order of appearance."""
    numbers: dict[str, str] = {}
    following = count(1)

    def number(match: re.Match[str]) -> str:
        if match[0] not in numbers:
            numbers[match[0]] = form.format(next(following))
        return numbers[match[0]]

    return number


def keep_pictures_that_look_the_same(lesson, committed) -> None:
    """Processors round differently: a picture counts as new when an eye could tell."""
    for new, old in zip(pictures(lesson), pictures(committed), strict=False):
        if look_the_same(new["image/png"], old["image/png"]):
            new["image/png"] = old["image/png"]


def pictures(lesson):
    for cell in lesson.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                yield output.data


def look_the_same(one: str, other: str) -> bool:
    first, second = (Image.open(io.BytesIO(base64.b64decode(text))) for text in (one, other))
    if first.size != second.size:
        return False
    difference = ImageChops.difference(first.convert("RGB"), second.convert("RGB"))
    return max(ImageStat.Stat(difference).mean) < 1  # of 255


# What they have in common


def code(path: Path) -> list[str]:
    return [cell.source for cell in read(path).cells if cell.cell_type == "code"]


def read(path: Path):
    return nbformat.read(path, as_version=4)


def headings(path: Path) -> list[str]:
    texts = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    return re.findall(r"^## (.+)$", "\n".join(texts), re.M)


def repository() -> str:
    return re.search(r'REPOSITORY = "https://github\.com/([^"]+)"', code(NOTEBOOKS[0])[0])[1]


def test_there_are_nine_lessons():
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(9)]


@LESSONS
def test_a_notebook_opens_with_title_aim_and_badge(path):
    title, aim, badge = read(path).cells[0].source.split("\n\n")
    assert title.startswith(f"# {path.stem[:2]} ")
    assert aim.count(".") == 1 and aim.endswith(".") and "\n" not in aim
    address = f"https://colab.research.google.com/github/{repository()}/blob/main/notebooks/"
    picture = "https://colab.research.google.com/assets/colab-badge.svg"
    assert badge == f"[![Open in Colab]({picture})]({address}{path.name})"


@LESSONS
def test_every_notebook_has_the_same_first_cell(path):
    assert code(path)[0] == code(NOTEBOOKS[0])[0]


@LESSONS
def test_a_first_cell_installs_what_the_notebooks_are_tested_with(path):
    """Exact versions, or a lesson shows something else as soon as anything new is published."""
    (needs,) = re.findall(r"needs = \[(.+)\]", code(path)[0])
    assert needs == f'f"--requirement={{project}}/requirements.txt", "{pinned("matplotlib")}"'
    assert not any("pip" in source for source in code(path)[1:])
    installed = (ROOT / "requirements.txt").read_text().splitlines()
    assert all(re.match(r"#|[a-z0-9-]+==[0-9.]+$", line) for line in installed)


def test_a_first_cell_looks_for_each_package_that_a_lesson_imports(tmp_path, monkeypatch):
    """Colab has most of them; whichever is not there, they are installed."""
    (tmp_path / "veo_client.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    installed = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: installed.append(command[2]))
    first = compile(code(NOTEBOOKS[0])[0], "first cell", "exec")
    exec(first, {})  # noqa: S102  # as a notebook does
    assert installed == []
    find = importlib.util.find_spec
    imported = {name for path in NOTEBOOKS for name in imported_by("\n".join(code(path)))}
    packages = {PACKAGES_OF_OTHERS.get(name, name) for name in imported} - MAY_IMPORT
    packages -= {"google", *sys.stdlib_module_names}  # Colab's own
    packages |= {"av", "fastapi", "uvicorn"}  # the demo service's
    for missing in sorted(packages):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, gone=missing: name != gone and find(name)
        )
        exec(first, {})  # noqa: S102
        assert installed.pop() == "pip", missing


PACKAGES_OF_OTHERS = {"gradio_client": "gradio", "IPython": "sys"}
"""What comes with another package; the last with the notebook itself."""


def imported_by(source: str) -> set[str]:
    nodes = [*ast.walk(ast.parse(source))]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in plain | named}


def pinned(package: str) -> str:
    listed = (ROOT / "requirements-dev.txt").read_text()
    return re.search(rf"^{package}==[0-9.]+$", listed, re.M)[0]


@LESSONS
def test_every_notebook_that_uses_the_client_asks_the_same_way_who_pays(path):
    assert code(path)[1] == code(NOTEBOOKS[0])[1]


@LESSONS
def test_cells_are_short(path):
    long = [cell.source for cell in read(path).cells if cell.source.count("\n") >= LONGEST_CELL]
    assert not long


@LESSONS
def test_a_notebook_ends_with_exercises_troubleshooting_and_what_you_spent(path):
    assert headings(path)[-3:] == ENDING
    assert re.search(r"\bVideo\(", code(path)[-1]), "the last cell plays the real file"


@LESSONS
def test_every_exercise_is_checked_by_assert_and_has_folded_hints(path):
    lesson = read(path)
    tries = exercises_tried(lesson)
    assert len(tries) >= 2
    for _, check, _, _ in tries:
        assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(check.source)))
    hints = [cell for cell in lesson.cells if "<summary>Hint</summary>" in cell.source]
    assert len(hints) == len(tries)


@LESSONS
def test_pictures_are_small_and_no_video_is_embedded(path):
    assert path.stat().st_size < LARGEST_NOTEBOOK
    lesson = read(path)
    for picture in pictures(lesson):
        assert len(base64.b64decode(picture["image/png"])) < LARGEST_PICTURE
    assert "data:video" not in path.read_text()


@LESSONS
def test_a_notebook_imports_what_it_teaches(path):
    """The project's own client and names; the rest of the house is not a learner's concern."""
    rooms = {file.stem for file in ROOT.glob("*.py")} | {"veo", "backend", "page", "demo"}
    names = set()
    for node in ast.walk(ast.parse("\n".join(code(path)))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.partition(".")[0])
    assert names & rooms <= MAY_IMPORT


def test_every_function_of_the_client_is_taught_somewhere():
    taught = set()
    for path in NOTEBOOKS:
        for node in ast.walk(ast.parse("\n".join(code(path)))):
            if isinstance(node, ast.ImportFrom) and node.module == "veo_client":
                taught |= {alias.name for alias in node.names}
            elif isinstance(node, ast.Attribute):
                taught.add(node.attr)
    assert public_names(veo_client) - taught == set()


def public_names(module) -> set[str]:
    """What `module` offers, with the methods and properties of its classes."""
    things = [getattr(module, name) for name in module.__all__]
    members = [
        member for thing in things if inspect.isclass(thing) for member in vars(thing).items()
    ]
    return set(module.__all__) | {
        name
        for name, value in members
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    }


def test_pictures_that_differ_are_told_apart():
    """Else the comparison above would let anything pass."""
    strips = [picture["image/png"] for path in NOTEBOOKS for picture in pictures(read(path))]
    assert len(strips) > len(NOTEBOOKS)
    assert not any(look_the_same(one, other) for one, other in pairwise(strips))


def test_the_map_names_every_notebook():
    linked = re.findall(r"\]\(([^)]+\.ipynb)\)", (FOLDER / "README.md").read_text())
    assert linked == [path.name for path in NOTEBOOKS]


def test_every_notebook_fetches_the_same_version():
    """One that has a name: whatever is newest may not be what a notebook was run with."""
    assert len({version(path) for path in NOTEBOOKS}) == 1
    assert re.fullmatch(r"v\d+\.\d+\.\d+", version())


def version(path: Path = NOTEBOOKS[0]) -> str:
    return re.search(r'"--branch=([^"]+)"', code(path)[0])[1]


@pytest.mark.slow
def test_a_notebook_opened_alone_fetches_the_project(outside, monkeypatch, tmp_path):
    """In an empty folder, on a Python that seems to lack packages (pip then finds them all).

    The public address leads to a copy on this machine.
    """
    published = copied_to(tmp_path / "published")
    git(published, "init", "--quiet", "--initial-branch=main")
    git(published, "add", "--all")
    git(published, *AUTHOR, "commit", "--quiet", "--message=The project")
    git(published, "tag", version())
    (published / "veo_client.py").write_text("raise AssertionError('newer than the notebook')\n")
    git(published, *AUTHOR, "commit", "--all", "--quiet", "--message=What came later")
    monkeypatch.setenv("AIMLAPI_KEY", KEY)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{published.as_uri()}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"https://github.com/{repository()}")
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    alone = tmp_path / "alone"
    alone.mkdir()
    lesson = read(NOTEBOOKS[1])
    first = place_of_first_code(lesson)
    hidden = [
        "import importlib.util as util\nreal, util.find_spec = util.find_spec, lambda name: None",
        lesson.cells.pop(first).source,
        "util.find_spec = real",
    ]
    lesson.cells[:0] = map(new_code_cell, hidden)
    execute(lesson, alone)
    names = sorted(path.name for path in alone.iterdir())
    assert names == ["clips", repository().partition("/")[2]]
    assert list(alone.glob("clips/demo/*.mp4"))
    assert not outside.exists(), outside.read_text()


AUTHOR = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout
