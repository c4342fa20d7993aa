"""What of an exchange may be shown."""

import json
from urllib.parse import quote

import pytest
from conftest import KEY
from hypothesis import given
from hypothesis import strategies as st

from veo.trace import LARGEST_READ, LONGEST_SHOWN, Exchange, redact, visible

SIGNED = "https://cdn.example/clip.mp4?Expires=1&Signature=s3cret#s3cret"
LOOK = Exchange(method="GET", address="/v2", seconds=0.1, status=200, answer="queued")


@pytest.mark.parametrize(
    "said",
    [
        json.dumps({"video": {"url": SIGNED}}),
        json.dumps({"video": {"url": SIGNED}}).replace("/", "\\/"),
        json.dumps({"video": {"url": SIGNED}}).replace("&", "\\u0026")[:-1],  # cut short: no JSON
        json.dumps({"video": {"url": SIGNED}}).replace("/", "\\/")[:-1],
        f"<a href='{SIGNED}'>Here</a>",
        f"See {SIGNED.upper().replace('S3CRET', 's3cret')}",
        json.dumps({"url": SIGNED.removeprefix("https:")}),
        json.dumps([json.dumps({"url": SIGNED})]),
    ],
)
def test_a_signature_is_left_out_and_its_address_stays(said):
    shown = redact(said.encode())
    assert "s3cret" not in shown
    assert "cdn.example" in shown.lower()
    assert "clip.mp4?…" in shown.lower()


AWKWARD = 'key"with\\all/of+it=%'


@pytest.mark.parametrize("key", [KEY, AWKWARD])
def test_the_key_is_left_out_however_it_is_spelt(key):
    spelt = "".join(f"\\u{ord(c):04x}" for c in key)
    for said in (
        key.encode(),
        json.dumps({"message": f"No such key: {key}"}).encode(),
        f'{{"message": "No such key: {spelt}"}}'.encode(),
        f"/v2/video/generations?generation_id={quote(key, safe='')}",
        {"prompt": f"my key is {key}"},
    ):
        shown = redact(said, secret=key)
        assert "[key]" in shown
        for part in (key, json.dumps(key)[1:-1], quote(key, safe="")):
            assert part not in shown


def test_half_a_key_does_not_stay_at_the_cut():
    said = "x" * (LONGEST_SHOWN - len(KEY) // 2) + KEY
    shown = redact(said.encode(), secret=KEY)
    assert KEY[:6] not in shown
    assert len(shown) <= LONGEST_SHOWN + 1


def spelt_in_full(text):
    return "".join(f"\\u{ord(character):04x}" for character in text)


@pytest.mark.parametrize("spell", [str, spelt_in_full], ids=["as it is", "in escapes"])
@pytest.mark.parametrize("key", [KEY, "longest-" * 62])
@pytest.mark.parametrize("filling", ["https://cdn.example/?xxx", "\U0001f600", "the key"])
def test_half_a_key_does_not_stay_where_reading_ends(filling, key, spell):
    """However short becomes what stands before it."""
    spelt = spell(key).encode()
    filling = spelt if filling == "the key" else filling.encode()
    for cut in range(1, len(spelt), 1 + len(spelt) // 20):
        size = LARGEST_READ - cut
        before = filling * (size // len(filling)) + b" " * (size % len(filling))
        shown = redact(before + spelt * 2, secret=key)
        assert spell(key[:6]) not in shown
        assert key[:6] not in shown


def test_what_is_too_long_to_be_read_as_json_keeps_its_secrets():
    long = ["x" * 2 * LARGEST_READ]
    for spelt in (KEY, spelt_in_full(KEY)):
        said = json.dumps([KEY, SIGNED, long]).replace(KEY, spelt).replace("?", "\\u003F")
        shown = redact(said.replace("/", "\\u002f").encode(), secret=KEY)
        assert shown.startswith('["[key]", "https://cdn.example/clip.mp4?…", ')
    said = json.dumps([AWKWARD, long]).replace("/", "\\/")
    assert redact(said.encode(), secret=AWKWARD).startswith('["[key]", ')


@given(st.binary(max_size=300) | st.text().map(str.encode))
def test_whatever_was_said_can_be_shown(said):
    """As JSON, too: it goes to the browser."""
    shown = redact(said, secret=KEY)
    assert json.loads(json.dumps(shown).encode()) == shown
    assert shown.replace("\n", "").isprintable()


def test_what_nobody_could_see_is_escaped():
    said = {"status": "\u202edeteled", "half": "\ud800"}
    shown = redact(json.dumps(said).encode())
    assert shown == '{\n  "status": "\\u202edeteled",\n  "half": "\\ud800"\n}'
    assert visible("a\x00\u2028é狐\n") == "a\\u0000\\u2028é狐\n"


def test_an_answer_without_end_is_shown_in_part():
    assert redact(b"[" * 10**6).count("[") == LONGEST_SHOWN
    assert redact(b"") == ""
