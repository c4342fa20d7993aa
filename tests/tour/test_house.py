"""What the documents say of the code is so: who imports whom, the file tree, the commands."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo.faults import FAULTS
from veo import terminal

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

ROOMS = ("veo", "backend", "page", "demo")
FILES = {
    str(path.relative_to(ROOT).with_suffix("")).replace("/", "."): path
    for path in (
        *ROOT.glob("*.py"),
        *(path for room in ROOMS for path in ROOT.rglob(f"{room}/**/*.py")),
    )
    if path.relative_to(ROOT).parts[0] in ROOMS or path.parent == ROOT
}
MODULES = sorted(FILES)

# Nobody imports upwards.  The standard library is everybody's.
IMPORTS = {
    "veo": {"requests", "urllib3", "av", "PIL"},
    "veo_client": {"requests", "veo"},
    "demo": {"av", "PIL", "numpy", "fastapi", "pydantic", "pydantic_core", "starlette"},
    "demo_server": {"fastapi", "uvicorn", "demo"},
    "make_clip": {"veo", "veo_client", "demo_server"},
    "backend": {"platformdirs", "sqlalchemy", "veo", "veo_client", "demo_server"},
    "page": {"gradio", "fastapi", "h11", "starlette", "uvicorn", "veo", "veo_client", "backend"},
    "app": {"gradio", "starlette", "veo_client", "backend", "page"},
}
NEEDS_MORE = {"veo.media": {"av", "PIL"}}
"""The rest of `veo` needs only `requests`, and the `urllib3` below it."""


def room_of(module: str) -> str:
    return module.partition(".")[0]


def imported_by(module: str) -> set[str]:
    """Every package or room that `module` imports, wherever in it, but its own."""
    names = set()
    for node in ast.walk(ast.parse(FILES[module].read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    roots = {room_of(name) for name in names} - {room_of(module)}
    return roots - set(sys.stdlib_module_names) - {"_typeshed"}


@pytest.mark.parametrize("room", IMPORTS)
def test_who_imports_whom(room):
    modules = [module for module in MODULES if room_of(module) == room]
    assert set().union(*map(imported_by, modules)) == IMPORTS[room]


def test_every_room_is_in_the_table():
    assert {room_of(module) for module in MODULES} == {*IMPORTS}


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) == "veo"])
def test_the_core_of_the_client_needs_only_requests(module):
    assert imported_by(module) <= {"requests", "urllib3"} | NEEDS_MORE.get(module, set())


def test_the_root_holds_four_programs():
    assert sorted(path.name for path in ROOT.glob("*.py")) == [
        "app.py",
        "demo_server.py",
        "make_clip.py",
        "veo_client.py",
    ]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module):
    docstring = ast.get_docstring(ast.parse(FILES[module].read_text()))
    assert docstring and docstring.partition("\n\n")[0].endswith((".", ":"))


def test_no_module_is_above_a_tenth_of_the_house():
    lines = {module: FILES[module].read_text().count("\n") for module in MODULES}
    assert max(lines.values()) <= sum(lines.values()) / 10


# What only stands in JavaScript, CSS or HTML that is written out.
OTHER_LANGUAGES = re.compile(r"=>|addEventListener|document\.|\{\s*[a-z-]+: |</\w|<[a-z]+ \w+=")
OF_THE_PAGE = [module for module in MODULES if room_of(module) in ("page", "app")]


def texts_in(module: str) -> list[str]:
    """The string constants of `module` that are no docstrings."""
    tree = ast.parse(FILES[module].read_text())
    docs = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def test_javascript_css_and_html_stand_in_files_of_their_own():
    """In `page/assets/`, where an editor, a linter and a formatter know them."""
    found = {
        module: [text for text in texts_in(module) if OTHER_LANGUAGES.search(text)]
        for module in OF_THE_PAGE
        # The programs to take away are no part of the page.
        if module != "page.code_samples"
    }
    assert [text for texts in found.values() for text in texts if text.count("\n") > 1] == []
    # Tags around what comes from a file, the call of its function, a word in bold.
    assert {module: len(texts) for module, texts in found.items() if texts} == {
        "app": 1,
        "page.components": 3,
        "page.draft": 1,
        "page.takes_grid": 1,
        "page.texts": 3,
        "page.web.first_paint": 3,
    }


def test_the_file_tree_of_the_readme_is_the_real_one():
    tree = README.partition("## What is where")[2].partition("```\n")[2].partition("```")[0]
    told = {line.split()[0].rstrip("/") for line in tree.splitlines() if line.strip()}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    there = {path.partition("/")[0] for path in tracked}
    assert told == there - {".gitignore", "LICENSE", "CHANGELOG.md", "README.md"}


def test_the_readme_shows_every_picture_and_no_other():
    shown = set(re.findall(r"!\[[^]]+\]\((docs/[^)]+)\)", README))
    assert shown == {str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.png")}


def test_the_readme_names_every_fault_word():
    assert set(FAULTS) <= set(re.findall(r"`(#[a-z-]+)`", README))


def test_the_readme_names_every_exit_code():
    for code, meaning in terminal.EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in README


def test_a_space_gets_the_gradio_that_was_tested():
    pinned = re.search(r"^gradio==(.+)$", (ROOT / "requirements.txt").read_text(), re.M)[1]
    assert f"sdk_version: {pinned}\n" in README
    assert README.startswith("---\n")
    for field in ("sdk: gradio", "app_file: app.py", "license: mit"):
        assert f"\n{field}\n" in README


def test_every_direct_dependency_is_pinned_exactly():
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r ")):
                assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line), line


def test_every_imported_package_is_pinned():
    pinned = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.txt").read_text(), re.M))
    imported = set().union(*IMPORTS.values()) - {*IMPORTS}
    names = {"PIL": "pillow", "pydantic_core": "pydantic"}
    assert {names.get(package, package) for package in imported} == pinned


def test_every_make_target_of_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.M)):
        assert f"\n{target}:" in makefile, target


def test_the_client_in_ten_lines_runs_as_shown(demo, tmp_path):
    """The README's example, with nothing changed but where the service is."""
    code = re.search(r"```python\n(.+?)```", README, re.S)[1]
    assert code.count("\n") <= 10
    modules = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    subprocess.run(
        [sys.executable, "-W", "error", "-c", modules + code],
        cwd=tmp_path,
        env={"AIMLAPI_KEY": "any", "AIMLAPI_BASE_URL": demo.base_url},
        check=True,
    )
    assert [path.suffix for path in tmp_path.iterdir()] == [".mp4"]
