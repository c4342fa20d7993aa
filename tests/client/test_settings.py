"""Settings in other spellings are understood, and a key that was pasted with all around it."""

import time

import pytest
from conftest import KEY
from fault_server import FaultServer, json_answer

from veo.settings import as_in_a_shell, key_in, plain
from veo_client import InvalidRequest, Refused, VeoClient

SPELT = [
    KEY,
    f"  {KEY}\n",
    f"{KEY}\r\n",
    f'"{KEY}"',
    f"'{KEY}'",
    f"`{KEY}`",
    f"\u201c{KEY}\u201d",
    f"\u201e{KEY}\u201c",
    f"\u2018{KEY}\u2019",
    f"\xab{KEY}\xbb",
    f"\ufeff{KEY}",
    f"\u200b{KEY}\u200b",
    f"{KEY[:8]}\u200b{KEY[8:]}\u2060",
    f"\xa0{KEY}\u3000",
    f"Bearer {KEY}",
    f"bearer {KEY}",
    f"BEARER\xa0{KEY}",
    f"Bearer: {KEY}",
    f"Authorization: Bearer {KEY}",
    f'"Authorization": "Bearer {KEY}",',
    f"authorization:bearer {KEY}",
    f"AIMLAPI_KEY={KEY}",
    f'export AIMLAPI_KEY="{KEY}";',
    f"AIML_API_KEY='{KEY}'",
    f'"api_key": "{KEY}",',
    f"x-aimlapi-key: {KEY}",
    f"\ufeff{KEY}".encode().decode("latin-1"),
    f"OPENAI_API_KEY={KEY}",
    f"X-API-Key:{KEY}",
    f"set AIMLAPI_KEY={KEY}",
    f"setx AIMLAPI_KEY {KEY}",
    f'$env:AIMLAPI_KEY = "{KEY}"',
    f"Token {KEY}",
    f"<{KEY}>",
    f"({KEY})",
    f'\\"{KEY}\\"',
    f"\u201a{KEY}\u2018",
    f"\u2039{KEY}\u203a",
]
NOTHING = [
    "",
    " ",
    "\u200b",
    "\ufeff\n",
    '""',
    "''",
    "\u201c\u201d",
    "Bearer",
    "bearer ",
    '"Bearer "',
]


@pytest.mark.parametrize("pasted", SPELT)
def test_a_key_is_found_in_what_was_pasted(pasted):
    assert key_in(pasted) == KEY


@pytest.mark.parametrize("pasted", NOTHING)
def test_where_no_key_is_there_is_none(pasted):
    assert key_in(pasted) == ""


@pytest.mark.parametrize(
    "key", ["bearer-12345678", "Bearerof12345678", "keys=12345678", "a=b=c", "token12345678"]
)
def test_a_key_that_begins_like_a_label_stays_whole(key):
    assert key_in(key) == key


def test_a_novel_in_the_field_is_not_gone_through():
    began = time.perf_counter()
    key_in("Bearer " * 1_000_000)
    assert time.perf_counter() - began < 0.5
    key_in("Bearer " * 280)
    assert time.perf_counter() - began < 1


def test_every_way_to_the_service_sends_the_same_key(monkeypatch):
    """Whether it is given, or lies in the environment."""
    with FaultServer([json_answer(200, {"current_balance": 1})] * (2 * len(SPELT))) as server:
        for pasted in SPELT:
            monkeypatch.setenv("AIMLAPI_KEY", pasted)
            monkeypatch.setenv("AIMLAPI_BASE_URL", f'"{server.url}/"')
            VeoClient(pasted).balance()
            VeoClient().balance()
    sent = {request.headers["Authorization"] for request in server.requests}
    assert (sent, len(server.requests)) == ({f"Bearer {KEY}"}, 2 * len(SPELT))


@pytest.mark.parametrize("nothing", NOTHING)
def test_a_key_that_is_none_is_no_other_persons(nothing, monkeypatch):
    monkeypatch.setenv("AIMLAPI_KEY", nothing)
    monkeypatch.setenv("AIML_API_KEY", KEY)
    assert VeoClient().has_key  # the next variable
    monkeypatch.setenv("AIMLAPI_KEY", KEY)
    if nothing:
        assert not VeoClient(nothing).has_key
        with pytest.raises(Refused):
            VeoClient(nothing).balance()


@pytest.mark.parametrize("wrong", [f"{KEY} and more", f"{KEY}\n{KEY}", f"{KEY}ключ", KEY * 100])
def test_what_is_no_key_is_refused_without_being_shown(wrong):
    with pytest.raises(InvalidRequest, match="copy it again") as caught:
        VeoClient(f'"Bearer {wrong}"')
    assert KEY not in str(caught.value) + repr(caught.value)


def test_a_folder_for_temporary_files_is_spelt_out(monkeypatch):
    monkeypatch.setenv("HOME", "/home/fox")
    for text in ("~/tmp", "$HOME/tmp", '"${HOME}/tmp"', "'~/tmp'\n", "/home/fox/tmp"):
        assert as_in_a_shell(text) == "/home/fox/tmp"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('"a b"', "a b"),
        ("'/data'\r\n", "/data"),
        ("\ufeff/data", "/data"),
        ("\u201c5\u201d", "5"),
        ('"', '"'),
        ('a"b"', 'a"b"'),
        ('"a', '"a'),
        ("'\"x\"'", "x"),
        (None, ""),
    ],
)
def test_a_setting_is_read_without_what_stands_around_it(text, meant):
    assert plain(text) == meant
