"""Whatever pattern of ours foreign words meet, the time it takes grows no faster than they do."""

import ast
import importlib
import re
from itertools import pairwise

import pytest
from test_house import FILES
from test_redact import NASTY, again, grows_with_its_length

VERBS = ("compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")

# Where one of several is taken, all of them, by how it is written.
TABLES = {
    "begins": "[begins for begins, _ in KINDS]",
    "name": "_HERE.values()",
    "_HERE[kind]": "_HERE.values()",
    "_DATA[kind]": "_DATA.values()",
}


def calls():
    """Where each is that a module of ours gives to `re`, and the call."""
    for name, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=verb)):
                    if verb in VERBS:
                        yield f"{name}:{node.lineno}:{node.col_offset}", node


CALLS = dict(calls())


def compiled(name):
    """The patterns of one call, as its module knows them."""
    known = vars(importlib.import_module(name.partition(":")[0]))
    node = CALLS[name]
    given = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
    flags = [ast.unparse(each) for each in given if ast.unparse(each).startswith("re.")]
    written = ast.unparse(node.args[0])
    all_of_them = TABLES.get(written, f"[{written}]")
    for source in eval(all_of_them, known):  # noqa: S307  # our own code
        yield re.compile(source, eval("|".join(flags) or "0"))  # noqa: S307


def test_all_patterns_are_found():
    sources = [path.read_text() for path in FILES.values()]
    used = sum(source.count(f"re.{verb}(") for source in sources for verb in VERBS)
    assert len(CALLS) == used > 15


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_every_pattern_takes_linear_time(name):
    """On what is nasty by itself, and on its own words again and again."""
    for pattern in compiled(name):
        slow = [words for words, text in nasty_for(pattern).items() if is_slow(pattern, name, text)]
        assert slow == []


def nasty_for(pattern):
    own = re.findall("[A-Za-z]{2,}", str(pattern.pattern))
    nasty = NASTY | {word: again(word) for each in own for word in (each, f"{each} ", f"{each}: ")}
    nasty |= {f"{a} {b}": again(f"{a} {b} ") for a, b in pairwise(own)}
    return nasty | {"all": again(" ".join(own) + " ")}


def is_slow(pattern, name, text):
    def run(text):
        given = text.encode() if isinstance(pattern.pattern, bytes) else text
        pattern.fullmatch(given)
        if CALLS[name].func.attr != "fullmatch":
            pattern.findall(given)

    return not grows_with_its_length(run, text)
