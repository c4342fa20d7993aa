"""Whatever pattern of ours foreign words meet, the time it takes grows no faster than they do."""

import ast
import importlib
import re
from itertools import pairwise

import pytest
from test_house import FILES
from test_redact import NASTY, again, grows_with_its_length

VERBS = ("compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")


def patterns():
    """Where each is that a module of ours gives to `re`, and the call."""
    for name, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=verb)):
                    if verb in VERBS:
                        yield f"{name}:{node.lineno}", node


PATTERNS = dict(patterns())


def compiled(name):
    """The pattern as its module knows it."""
    known = vars(importlib.import_module(name.partition(":")[0]))
    node = PATTERNS[name]
    given = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
    flags = [ast.unparse(each) for each in given if ast.unparse(each).startswith("re.")]
    source = eval(ast.unparse(node.args[0]), known)  # noqa: S307  # our own code
    return re.compile(source, eval("|".join(flags) or "0"))  # noqa: S307


def test_all_patterns_are_found():
    sources = [path.read_text() for path in FILES.values()]
    used = sum(source.count(f"re.{verb}(") for source in sources for verb in VERBS)
    assert len(PATTERNS) == used > 15


@pytest.mark.slow
@pytest.mark.parametrize("name", PATTERNS)
def test_every_pattern_takes_linear_time(name):
    """On what is nasty by itself, and on its own words again and again."""
    pattern, verb = compiled(name), PATTERNS[name].func.attr
    is_bytes = isinstance(pattern.pattern, bytes)
    source = pattern.pattern.decode("latin-1") if is_bytes else pattern.pattern
    own = re.findall("[A-Za-z]{2,}", source)
    nasty = NASTY | {word: again(word) for each in own for word in (each, f"{each} ", f"{each}: ")}
    nasty |= {f"{a} {b}": again(f"{a} {b} ") for a, b in pairwise(own)}
    nasty["all"] = again(" ".join(own) + " ")

    def run(text):
        given = text.encode() if is_bytes else text
        pattern.fullmatch(given)
        if verb != "fullmatch":
            pattern.findall(given)

    assert [name for name, text in nasty.items() if not grows_with_its_length(run, text)] == []
