"""Foreign text costs time in proportion to its length, whatever stands in it: nothing here may hold
the interpreter, and with it every other visitor."""

import json
import random
import re
import time
from functools import partial

import pytest
from conftest import KEY
from fault_server import FaultServer, json_answer

from veo.explain import explain_error
from veo.trace import LARGEST_READ, redact, visible
from veo.types import clean_text, strip_query, subject_of
from veo_client import VeoClient, VideoRequest

SHORT, LONG = 16 << 10, 64 << 10


def seconds(work, *arguments):
    """Of the processor, for a busy machine takes longer by the clock."""
    began = time.process_time()
    work(*arguments)
    return time.process_time() - began


def look_at_each():
    """A peer, for machines differ: 1 to 2 ms."""
    return all(character.isprintable() for character in "a" * LONG)


def takes_at_most(times, peer, work, *arguments):
    """Whether it does, once, `times` as long as `peer`: whatever else runs here only adds."""
    for pause in (*[0] * 10, *[0.2] * 20):
        limit, took = times * seconds(peer), seconds(work, *arguments)
        if took <= limit or took > 1:
            break
        time.sleep(pause)
    return took <= limit


def grows_with_its_length(work, nasty):
    """Whether four times the text takes about four times as long, not sixteen."""
    long = nasty(LONG)
    if seconds(work, long) < 0.01:
        return True
    return takes_at_most(8, partial(work, nasty(SHORT)), work, long)


def again(text):
    return lambda size: (text * (size // len(text) + 1))[:size]


REPEATED = [
    *("/", "//", "https://", "\\/", "\\/\\/", "a/", "/ ", "// ", "//? ", '//?"', "//a?", "?", "#"),
    *('"', "'", " ", "\t", "\n", "\r\n", ":", "a:", ",", "a b ", "1", "1,", "\0", "a\0", "\u202e"),
    *("a\u202e", "\u2028/", "é", "狐", "\\", "\\u0061", "%2F", "a", "no ", "[", "{", "`", "<", KEY),
]
RANDOM = random.Random(1)
NASTY = {repr(text): again(text) for text in REPEATED} | {
    "any character": lambda size: "".join(chr(RANDOM.randrange(0xD800)) for _ in range(size)),
    "private characters": lambda size: "".join(chr(0xF0000 + n % 60_000) for n in range(size)),
    "a signed address": lambda size: f"https://host/?{'a' * size}",
    "half an address": lambda size: f"https://host/{'a' * size}?",
    "a character at the end": lambda size: "a" * size + "\0",
}
JSON = {
    "one long word": lambda size: json.dumps("a" * size),
    "one long address": lambda size: json.dumps(f"https://host/?{'a' * size}"),
    "escaped slashes": lambda size: '["' + "\\/" * (size // 2 - 4) + '"]',
    "escaped letters": lambda size: '["' + "\\u0061" * (size // 6 - 4) + '"]',
    "nothing to see": lambda size: json.dumps("\u202e" * (size // 6 - 4)),
    "many lists": lambda size: f"[{'[],' * (size // 3 - 4)}[]]",
    "many objects": lambda size: f"[{'{},' * (size // 3 - 4)}{{}}]",
    "many keys": lambda size: json.dumps({str(number): 1 for number in range(size // 12)}),
    "many words": lambda size: json.dumps(["//?"] * (size // 8)),
    "many numbers": lambda size: f"[{'1,' * (size // 2 - 4)}1]",
    "large numbers": lambda size: f"[{'1e300,' * (size // 6 - 4)}1]",
    "one number": lambda size: "1" * size,
    "deep lists": lambda size: f"{'[' * 500}{'1,' * (size // 2 - 600)}1{']' * 500}",
    "lists that do not end": lambda size: "[" * size,
}


@pytest.mark.parametrize("name", [*NASTY, *JSON])
def test_64_kib_of_anything_are_redacted_in_milliseconds(name):
    """So is as much as is read, for JSON that is longer is not read as such."""
    for size in (LONG, LARGEST_READ):
        said = (NASTY | JSON)[name](size).encode()[:size]
        for secret in ("", KEY, "a" * 250 + "b" + "a" * 249):
            assert takes_at_most(3, look_at_each, partial(redact, said, secret=secret)), len(secret)


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("work", [strip_query, clean_text], ids=lambda work: work.__name__)
def test_what_reads_foreign_words_takes_linear_time(work, name):
    assert grows_with_its_length(work, NASTY[name])


def test_a_megabyte_is_no_worse():
    for text in ("/" * (1 << 20), "https://" * (1 << 17), '"//?' * (1 << 18)):
        assert takes_at_most(100, look_at_each, strip_query, text)
        assert takes_at_most(6, look_at_each, redact, text)
        assert takes_at_most(6, look_at_each, redact, text.encode())


def test_a_picture_that_is_repeated_is_left_out():
    for said in ('{"message": "No: %s."}', "%s", "<html>%s"):
        for spelt in ("data:image/png;base64,", "data:image\\/png;base64,"):
            assert "AAAA" not in redact((said % (spelt + "A" * 1000)).encode())


# What is left out is what it always was


WORDS = [
    *("/", "/", "\\", "?", "#", '"', " ", "a", "https:", "//", "\\/", "\n", "\t", "\xa0", "\u2028"),
    *("é", "\u202e", "\0", "\ud800", "\U000f0000", "[", "]", "{", "}", ",", ":", "1", "key-12345"),
]
QUERY = re.compile(r'((?:https?:)?(?:\\?/){2}[^\s"?#]*)[?#][^\s"]*', re.IGNORECASE)


def plainly_visible(text):
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def plainly_shown(said, secret):
    """As it was before it had to be quick."""
    try:
        text = json.dumps(json.loads(said.decode()), ensure_ascii=False, indent=2)
    except ValueError:
        text = said.decode()
    return QUERY.sub(r"\1?…", plainly_visible(text).replace(secret, "[key]"))


@pytest.mark.slow
def test_quick_redaction_leaves_out_the_same():
    dice = random.Random(12)

    def text():
        return "".join(dice.choices(WORDS, k=dice.randrange(14)))

    for _ in range(5000):
        said, other = text(), text()
        assert strip_query(said) == QUERY.sub(r"\1?…", said)
        assert visible(said) == plainly_visible(said)
        for each in (said, json.dumps({other: [said, {"a": other, "b": []}, 1.50, None, {}]})):
            sent = each.encode(errors="replace")
            assert redact(sent, secret="key-12345") == plainly_shown(sent, "key-12345")


# Where it happens


@pytest.mark.parametrize("said", ["/" * 4000, "\\/" * 2000, "https://" * 500, "//? " * 1000])
def test_a_nasty_prompt_holds_nobody_up(said):
    """It is shown as it was sent, and the service repeats it in a long answer."""
    heard = []
    answer = json_answer(200, {"id": "a", "message": said * 16, "error": said * 16})
    with FaultServer(answer) as server:
        client = VeoClient(KEY, base_url=server.url).with_trace(heard.append)

        def ask():
            client.submit(VideoRequest(said))
            client.check("a")

        assert takes_at_most(50, look_at_each, ask)
    assert all(exchange.answer and KEY not in exchange.answer for exchange in heard)


def test_a_nasty_refusal_is_explained_at_once():
    for said in ("expected ", "invalid value ", "Expected received ", "sensitive"):
        answer = json_answer(400, {"message": said * 5000})
        with FaultServer(answer) as server, pytest.raises(Exception, match=said.strip()) as refused:
            VeoClient(KEY, base_url=server.url).submit(VideoRequest("a fox"))
        assert takes_at_most(3, look_at_each, subject_of, str(refused.value))
        assert takes_at_most(3, look_at_each, explain_error, refused.value)
