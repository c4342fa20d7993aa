"""What the documents say of the code is so: who imports whom, the file tree, the commands."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import progress
from demo_faults import FAULTS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FILES = {
    str(path.relative_to(ROOT).with_suffix("")).replace("/", "."): path
    for path in (*ROOT.glob("*.py"), *ROOT.glob("page/*.py"))
}
MODULES = sorted(FILES)

# Three floors; nobody imports upwards.  The standard library is everybody's.
IMPORTS = {
    "boxes": set(),
    "parts": set(),
    "transport": {"requests", "urllib3"},
    "veo_types": set(),
    "exchanges": {"veo_types"},
    "downloads": {"requests", "boxes", "parts", "transport"},
    "patience": {"veo_types"},
    "veo_client": {"requests", "downloads", "exchanges", "patience", "transport", "veo_types"},
    "clips": {"av", "PIL", "boxes", "parts"},
    "demo_pictures": {"numpy"},
    "demo_scene": {"av", "PIL", "numpy", "demo_pictures"},
    "demo_studio": {"pydantic", "demo_scene"},
    "demo_faults": {"fastapi", "starlette", "demo_studio"},
    "demo_api": {"fastapi", "pydantic", "pydantic_core", "starlette", "demo_faults", "demo_studio"},
    "demo_server": {"fastapi", "uvicorn", "demo_api", "demo_faults", "demo_scene", "demo_studio"},
    "words": {"veo_types"},
    "ledger": {"parts", "sqlalchemy"},
    "shelf": {"clips", "parts"},
    "samples": {"exchanges", "veo_client"},
    "turns": {"veo_types"},
    "jobs": {"clips", "exchanges", "ledger", "shelf", "turns", "veo_client"},
    "batch": {"jobs", "veo_client"},
    "settings": {"platformdirs", "ledger"},
    "progress": {"clips", "veo_client", "words"},
    "make_clip": {"clips", "demo_server", "parts", "progress", "veo_client", "words"},
    "page.__init__": set(),
    "page.draft": {"gradio", "page"},
    "page.looks": {"gradio"},
    "page.press": set(),
    "page.wrong": {"gradio", "page", "veo_client"},
    "page.closings": {"gradio", "starlette"},
    "page.first_paint": {"page", "starlette"},
    "page.form": {"gradio", "page", "veo_client"},
    "page.composing": {"page"},
    "page.prompt_help": {"gradio", "page"},
    "page.examples": {"gradio", "page"},
    "page.presets": {"gradio", "page", "veo_client"},
    "page.settings_file": {"clips", "gradio", "page", "veo_client"},
    "page.discreet": {"gradio", "ledger", "page"},
    "page.no_files": set(),
    "page.ranges": {"starlette"},
    "page.unforeseen": {"fastapi", "gradio", "starlette"},
    "page.lean": {"gradio"},
    "page.guard": {"page", "starlette"},
    "page.half_sent": {"h11", "page", "uvicorn"},
    "page.origins": {"starlette"},
    "page.crowd": {"gradio", "page"},
    "page.compressed": {"starlette"},
    "page.player": {"gradio", "page"},
    "page.server": {
        "batch",
        "demo_server",
        "jobs",
        "ledger",
        "parts",
        "settings",
        "shelf",
        "veo_client",
    },
    "page.texts": set(),
    "page.visitors": {"gradio"},
    "page.money": {"ledger", "page", "veo_client", "veo_types", "words"},
    "page.code": {"gradio", "page", "samples", "veo_client"},
    "page.exchanges": {"exchanges", "gradio", "jobs", "page"},
    "page.status_card": {"gradio", "jobs", "page", "veo_client", "words"},
    "page.picking": {"page"},
    "page.copying": set(),
    "page.my_clips": {"gradio", "jobs", "page", "shelf", "words"},
    "page.takes": {"batch", "gradio", "jobs", "page", "shelf", "veo_client", "words"},
    "page.compare": {"batch", "gradio", "jobs", "page", "shelf"},
    "page.endpoints": {"gradio", "jobs", "page", "veo_client", "words"},
    "page.handlers": {"batch", "gradio", "jobs", "page", "veo_client", "words"},
    "app": {"gradio", "page", "settings", "starlette", "veo_client"},
}


def imported_by(module: str) -> set[str]:
    """Every package or module of ours that `module` imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(FILES[module].read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    roots = {name.partition(".")[0] for name in names}
    return roots - set(sys.stdlib_module_names) - {"_typeshed"}


@pytest.mark.parametrize("module", MODULES)
def test_who_imports_whom(module):
    assert imported_by(module) == IMPORTS[module]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for_and_what_it_does_not_know(module):
    docstring = ast.get_docstring(ast.parse(FILES[module].read_text()))
    assert re.search(r"\b(not|no|neither|nothing|without)\b", docstring, re.I)


def test_no_room_is_above_a_fifth_of_the_house():
    lines = {module: FILES[module].read_text().count("\n") for module in MODULES}
    assert max(lines.values()) <= sum(lines.values()) / 5


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
    for code, meaning in progress.EXIT_CODES.items():
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
    imported = set().union(*IMPORTS.values()) - {*MODULES, "page"}
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
