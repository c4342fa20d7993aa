"""The page's JavaScript, CSS and HTML, from the files in `page/assets/`.

A file may import others of the same folder.  Gradio takes a component's script as the body of a
function and an event's as an expression, neither of which can import: so what is imported is put
before the file that needs it, and `export` is left out.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from string import Template
from typing import Any

import gradio as gr

ASSETS = Path(__file__).parent / "assets"

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""What Gradio is told of every event of the page: no program's to call, and no spinner."""

IMPORT = re.compile(r'^(?:import \{[^}]*\} from|@import) "\./([\w.]+)";\n+', re.MULTILINE)

# A visitor's bytes: what is for the reader of a file is left behind.
FOR_READERS = re.compile(r"^\s*(?:export |//.*\n|/\*.*\*/\n)?", re.MULTILINE)


def component(name: str, value: Any, **props: Any) -> gr.HTML:
    """A Gradio HTML component from `name`'s template, style sheet (if there is one) and module.

    The template and the module's `mount` find `props` under their names; Gradio hands them over as
    JSON.
    """
    return gr.HTML(
        value,
        html_template=read(f"{name}.html"),
        css_template=read(f"{name}.css") if (ASSETS / f"{name}.css").exists() else "",
        js_on_load=f"{read(f'{name}.js')}mount({{ element, props, watch, trigger }});",
        apply_default_css=False,
        **props,
    )


def function(name: str) -> str:
    """For an event's `js`: the module's `run`."""
    return f"(...given) => {{\n{read(f'{name}.js')}return run(...given);\n}}"


def script(name: str, **data: str) -> str:
    """For the page itself: the module's `run`, called with `data`."""
    given = json.dumps(data).replace("<", "\\u003c")
    return f"<script>(() => {{\n{read(f'{name}.js')}run({given});\n}})();</script>"


def html(name: str, **parts: str) -> str:
    """The template with `parts`, which are HTML, in it."""
    return Template(read(f"{name}.html")).substitute(parts)


@functools.cache
def read(file: str) -> str:
    """What is in the file, behind what is in those that it imports."""
    texts = ((ASSETS / each).read_text("utf-8") for each in files(file))
    return "".join(FOR_READERS.sub("", IMPORT.sub("", text)) for text in texts)


def files(file: str) -> list[str]:
    """The file, behind those that it imports; each once."""
    needed = [
        each for name in IMPORT.findall((ASSETS / file).read_text("utf-8")) for each in files(name)
    ]
    return [*dict.fromkeys(needed), file]
