"""What the documents say of the code is so: who imports whom, the file tree, commands, settings."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import PIL.Image
import pytest

from demo.faults import FAULTS
from veo import terminal
from veo.models import IN_WORDS, MODELS, Model
from veo_client import VideoRequest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCS = ROOT / "docs"

PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(DOCS.glob("*.md")),
    ROOT / "notebooks" / "README.md",
    *sorted(ROOT.glob("notebooks/*.ipynb")),
)


def prose(path: Path) -> str:
    """What a person reads in `path`: of a notebook, its text and not its code."""
    if path.suffix != ".ipynb":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)

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
    "veo_client": {"veo"},
    "demo": {"av", "PIL", "numpy", "fastapi", "pydantic", "pydantic_core", "starlette"},
    "demo_server": {"fastapi", "uvicorn", "demo"},
    "make_clip": {"veo", "veo_client", "demo_server"},
    "backend": {
        "platformdirs",
        "sqlalchemy",
        "obstore",
        "procrastinate",
        "psycopg",
        "veo",
        "veo_client",
        "demo_server",
    },
    "page": {"gradio", "fastapi", "h11", "starlette", "uvicorn", "veo", "veo_client", "backend"},
    "app": {"gradio", "backend", "page"},
}
OPTIONAL = {
    "backend.bucket": {"obstore"},
    "backend.shared_engine": {"procrastinate", "psycopg"},
}
"""What only several servers need; who wants them installs it."""
NEEDS_MORE = {"veo.media": {"av", "PIL"}, "veo.pictures": {"PIL"}}
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


@pytest.mark.slow
def test_javascript_css_and_html_stand_in_files_of_their_own():
    """In `page/assets/`, where an editor, a linter and a formatter know them."""
    found = {
        module: [text for text in texts_in(module) if OTHER_LANGUAGES.search(text)]
        for module in OF_THE_PAGE
    }
    assert [text for texts in found.values() for text in texts if text.count("\n") > 1] == []
    # Tags around what comes from a file, the call of its function, a word in bold.
    assert {module: len(texts) for module, texts in found.items() if texts} == {
        "app": 1,
        "page.chips": 1,
        "page.components": 3,
        "page.draft": 1,
        "page.takes_asked": 1,
        "page.texts": 4,
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


def test_the_readme_is_read_in_one_go():
    assert README.count("\n") <= 135


def test_the_readme_leads_to_every_page():
    linked = set(re.findall(r"\]\((docs/[^)#]+\.md)\)", README))
    assert linked == {str(path.relative_to(ROOT)) for path in DOCS.glob("*.md")}


def test_the_documents_show_every_picture_and_no_other():
    shown = {
        (page.parent / picture).resolve()
        for page in (ROOT / "README.md", *DOCS.glob("*.md"))
        for picture in re.findall(r"!\[[^]]+\]\(([^)]+)\)", page.read_text())
    }
    assert shown == {*DOCS.glob("*.png"), *DOCS.glob("*.webp")}


@every_page
def test_every_link_to_a_file_leads_to_one(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not re.match(r"[a-z]+:|#", link):
            assert (page.parent / link.partition("#")[0]).exists(), link


@every_page
def test_every_file_that_is_named_is_there(page):
    for name in re.findall(r"`([\w.]+/[\w./-]+\.(?:py|md|ipynb))`", prose(page)):
        assert (ROOT / name).is_file(), name


def test_every_fault_word_is_told_and_no_other():
    told = re.findall(r"`(#[a-z-]+)`", (DOCS / "demo-service.md").read_text())
    assert sorted(told) == sorted(FAULTS)


def test_every_model_is_told_as_the_table_has_it_and_no_other():
    told = (DOCS / "models.md").read_text().partition("|---|")[2].partition("\n\n")[0]
    rows = [row_of(name, model) for name, model in MODELS.items()]
    assert told.splitlines()[1:] == rows, "\n".join(rows)


def row_of(name: str, model: Model) -> str:
    """The model's line in the table of `docs/models.md`."""
    told = {"prompt", "model", "duration", "resolution", "aspect_ratio", *model.needs}
    shapes = model.aspect_ratios if "aspect_ratio" in model.takes else ["none"]
    cells = (
        f"`{name}`",
        ", ".join(model.does),
        " ".join(f"`{each}`" for each in model.needs),
        " ".join(f"`{each}`" for each in IN_WORDS if each in model.takes - told),
        chosen(model, "duration", model.durations),
        chosen(model, "resolution", model.resolutions),
        chosen(model, "aspect_ratio", shapes),
    )
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def chosen(model: Model, field: str, choices: Sequence[object]) -> str:
    """What may be chosen; what it is without a choice in bold."""
    default = model.default(field)
    return " ".join(f"**{each}**" if each == default else str(each) for each in choices)


def test_every_field_of_a_request_is_told_of_its_models():
    told = set(re.findall(r"`([a-z_]+)`", (DOCS / "models.md").read_text()))
    assert {each.name for each in fields(VideoRequest)} <= told


def test_the_program_of_the_models_page_makes_a_request(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    PIL.Image.new("RGB", (400, 300), "orange").save("cat.jpg")
    (program,) = re.findall(r"```python\n(.+?)```", (DOCS / "models.md").read_text(), re.S)
    made: dict[str, VideoRequest] = {}
    exec(program, made)  # noqa: S102
    assert made["request"].image_url.startswith("data:image/jpeg;base64,")


def test_every_exit_code_is_told_and_no_other():
    told = re.findall(r"^\| (\d+) \| (.+) \|$", (DOCS / "command.md").read_text(), re.M)
    assert {int(code): meaning for code, meaning in told} == terminal.EXIT_CODES


def test_every_setting_is_told_and_no_other():
    """Of another's variables, as Gradio's, at least those that the code names."""
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", (DOCS / "settings.md").read_text(), re.M))
    anywhere = set(re.findall(r"`([A-Z_]+)`", (DOCS / "settings.md").read_text()))
    read = variables_read()
    assert {name for name in told if name.startswith("VEO_")} == {
        name for name in read if name.startswith("VEO_")
    }
    assert read <= anywhere


def variables_read() -> set[str]:
    """Every string in the code that is the name of a variable of the environment."""
    name = re.compile(r"(VEO|AIML|AIMLAPI|GRADIO|SPACE|OAUTH|HF|FORWARDED)_[A-Z_]+")
    return {
        node.value
        for path in FILES.values()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if name.fullmatch(node.value)
    }


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


def test_several_servers_are_told_to_install_what_was_tested():
    """In every place that names a version."""
    tested = set((ROOT / "requirements-dev.txt").read_text().split())
    named = re.compile(r"\b(?:obstore|procrastinate|psycopg(?:-binary|\[binary\])?)==[0-9.]*[0-9]")
    pages = [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "backend").glob("*.py")]
    all_of_them = [DOCS / "servers" / "Dockerfile", ROOT / "pyproject.toml"]
    for path in (*pages, *all_of_them):
        found = {each.replace("[binary]", "") for each in named.findall(path.read_text())}
        assert len(found) >= 3 or path not in all_of_them, path.name
        assert found <= tested, path.name
    assert 'pip install ".[servers]"' in (DOCS / "servers.md").read_text()


def test_the_servers_of_compose_are_those_that_nginx_asks():
    compose = (DOCS / "servers" / "compose.yaml").read_text()
    nginx = (DOCS / "servers" / "nginx.conf").read_text()
    asked = set(re.findall(r"server (server-\d):(\d+)", nginx))
    assert len(asked) == 3
    told = re.findall(r"^  (server-\d):.*?GRADIO_SERVER_PORT: (\d+)", compose, re.M | re.S)
    assert set(told) == asked
    for variable in re.findall(r"^    (VEO_[A-Z_]+|FORWARDED_[A-Z_]+|AWS_[A-Z_]+):", compose, re.M):
        assert f"`{variable}`" in (DOCS / "settings.md").read_text(), variable


def pinned_in(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text(), re.M))


@pytest.mark.slow
def test_what_is_optional_is_imported_by_one_module_alone():
    optional = set().union(*OPTIONAL.values())
    found = {module: imported_by(module) & optional for module in MODULES}
    assert {module: packages for module, packages in found.items() if packages} == OPTIONAL


def test_every_imported_package_is_pinned():
    pinned = pinned_in("requirements.txt")
    optional = set().union(*OPTIONAL.values())
    assert optional <= pinned_in("requirements-dev.txt")
    imported = set().union(*IMPORTS.values()) - {*IMPORTS} - optional
    names = {"PIL": "pillow", "pydantic_core": "pydantic"}
    assert {names.get(package, package) for package in imported} == pinned


COMMAND = re.compile(r"(?:^|`)(?:[A-Z_]+=\S+ )*make (?:[A-Z_]+=\S+ )*([a-z-]+)", re.MULTILINE)


@every_page
def test_every_make_target_that_is_named_exists(page):
    makefile = (ROOT / "Makefile").read_text()
    for target in COMMAND.findall(prose(page)):
        assert f"\n{target}:" in makefile, target


def test_the_file_tree_names_every_make_target():
    told = re.search(r"^Makefile +(.+)$", README, re.M)[1].split(", ")
    assert told == re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)[1].split()


@pytest.mark.slow
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
