"""What is one visitor's is shown to no other, whatever their program sends.

Each case asks twice: its owner is shown something of theirs, so the case can fail; a stranger
with the same ids is shown nothing of it.
"""

import json
import secrets
from types import SimpleNamespace

import pytest
import requests
from served import ServedPage, call
from test_mcp import as_agent

OWNER, STRANGER = "o" * 43, "s" * 43
FORM = ["", "google/veo-3.1-t2v", "16:9", 4, "720p", True, "", "3141592653", True, True]

SHOWN = [
    "on_load",
    "on_load_1",
    "restore_form",
    "on_fetch",
    "on_select",
    "on_retry",
    "on_action",
    "on_generate",
    "on_rehearse",
    "on_properly",
    "on_edit",
    "on_use_seed",
    "on_focus",
    "on_find",
    "on_star",
    "on_compare",
    "on_code",
    "on_stop",
    "on_delete",  # the last: it takes one of the two clips away
]
"""The handlers that show a visitor's things."""

NOTHING = {
    *("on_key", "on_forget_key"),  # a sum, see test_money
    *("on_money", "on_money_1", "on_money_2", "on_money_3", "on_money_4"),  # likewise
    *("on_chip", "on_go_on"),  # prices of what is sent
    "on_frame",  # a name that nobody can guess, see test_slots
    *("on_input", "on_submit", "on_undo", "offered", "lambda"),  # the help, of what is sent
    *("on_select_1", "on_select_2"),  # examples
    *("on_submit_1", "on_select_3"),  # presets of what is sent
    *("on_upload", "on_focus_1"),  # the form, of what is sent
}
"""The handlers that know no job and whose sums are asked for elsewhere."""


def handlers_of(served: ServedPage) -> set[str]:
    config = requests.get(f"{served.url}/config", timeout=10).json()
    return {
        each["api_name"]
        for each in config["dependencies"]
        if each["backend_fn"] and each["api_visibility"] != "public"
    }


def test_every_handler_is_known_here(keyed_page):
    """Whoever adds one says what it shows, and to whom."""
    assert handlers_of(keyed_page) == {*SHOWN, *NOTHING}


@pytest.fixture(scope="module")
def owned(keyed_page):
    """Two clips of the owner's, and all that gives them away."""
    prompt = f"A secret garden {secrets.token_hex(8)}"
    call(keyed_page, "on_generate", [{"visitor": OWNER}, prompt, *FORM, 2, "seed", None], {})
    rows = of(keyed_page, OWNER)
    assert [row["state"] for row in rows] == ["done", "done"]
    seeds = [str(json.loads(row["request"])["seed"]) for row in rows]
    assert seeds == ["3141592653", "3141592654"]
    return SimpleNamespace(
        prompt=prompt,
        jobs=[row["id"] for row in rows],
        generation_ids=[json.loads(row["generation_id"]) for row in rows],
        told=[prompt, *seeds, *(row["clip"] for row in rows)],
    )


def of(served: ServedPage, visitor: str):
    return [row for row in served.rows() if row["owner"] == f"browser:{visitor}"]


def kept_by(visitor: str, owned) -> dict:
    """What a browser keeps, with the owner's jobs in it; the stranger's program can do as much."""
    return {
        "visitor": visitor,
        "job": owned.jobs[0],
        "takes": owned.jobs,
        # Whoever has it, and a key for it, has the clip from the service, but not the request.
        "generation_id": owned.generation_ids[0],
        "form": [owned.prompt, *FORM] if visitor == OWNER else [],
    }


def asked(served: ServedPage, handler: str, kept: dict, owned) -> str:
    event = {"job": owned.jobs[1], "jobs": owned.jobs, "action": "look_again"}
    event |= {"chosen": owned.jobs[1:], "starred": True, "words": "garden"}
    other = [7 if each == FORM[7] else each for each in FORM]
    before = {"on_fetch": [kept["generation_id"]]}
    pressed = ["Another garden", *other, 1, "seed", None]
    after = {"on_generate": pressed, "on_rehearse": pressed}
    data = [*before.get(handler, []), kept, *after.get(handler, [])]
    return call(served, handler, data, event)


@pytest.mark.parametrize("handler", SHOWN)
def test_a_handler_shows_its_owner_what_it_hides_from_a_stranger(handler, owned, keyed_page):
    kept = kept_by(STRANGER, owned)
    for stranger in (kept, kept | {"visitor": f"browser:{OWNER}", "owner": f"browser:{OWNER}"}):
        said = asked(keyed_page, handler, stranger, owned)
        assert "process_completed" in said
        assert [each for each in owned.told if each in said] == []
    assert len(of(keyed_page, OWNER)) >= 2
    said = asked(keyed_page, handler, kept_by(OWNER, owned), owned)
    assert [each for each in owned.told if each in said] != []


def test_a_stranger_cannot_end_what_somebody_follows(keyed_page):
    """Nor learn of it: of the three names it takes, each is known to its own tab alone."""
    session = secrets.token_hex(8)
    url = f"{keyed_page.url}/gradio_api"
    press = keyed_page.numbers["on_generate"]
    body = {
        "fn_index": press,
        "data": [{"visitor": OWNER}, "A secret boat", *FORM, 1, "seed", None],
        "session_hash": session,
    }
    event = requests.post(f"{url}/queue/join", json=body, timeout=10).json()["event_id"]
    for names in (
        {"session_hash": "another", "fn_index": press, "event_id": "another"},
        {"session_hash": "", "fn_index": press, "event_id": ""},
        {"session_hash": "another", "fn_index": press, "event_id": event[:8]},
    ):
        for path in ("cancel", "reset"):
            answer = requests.post(f"{url}/{path}", json=names, timeout=10)
            assert answer.json() == {"success": True}
    stream = requests.get(
        f"{url}/queue/data", params={"session_hash": session}, stream=True, timeout=30
    )
    lines = []
    for line in stream.iter_lines(decode_unicode=True):
        lines.append(line)
        if "process_completed" in line:
            break
    assert "Your clip is ready" in "".join(lines)


def test_an_agent_and_a_program_see_nothing_of_a_visitors(tmp_path, demo):
    shared = {"AIMLAPI_KEY": "the-owners", "AIMLAPI_BASE_URL": demo.base_url}
    with ServedPage(tmp_path, VEO_MCP="1", **shared) as served:
        prompt = f"A secret garden {secrets.token_hex(8)}"
        call(served, "on_generate", [{"visitor": OWNER}, prompt, *FORM, 1, "seed", None], {})
        (row,) = of(served, OWNER)
        told = [prompt, "3141592653", row["clip"]]
        generation_id = json.loads(row["generation_id"])

        async def story(session):
            said = [await session.list_tools(), await session.list_resources()]
            for tool, sought in (
                ("status", generation_id),
                ("resume", generation_id),
                ("status", row["id"]),
                ("status", row["owner"]),
            ):
                said.append(await session.call_tool(tool, {"generation_id": sought}))
            own = await session.call_tool("generate", {"prompt": prompt, "seed": 3141592653})
            assert all(each in str(own) for each in told[:2])  # so it would be seen
            return said

        said = [str(each) for each in as_agent(served, story)]
        said += [requests.get(f"{served.url}/{path}", timeout=10).text for path in OPEN_TO_ALL]
        assert generation_id in said[2]
        assert [each for each in told if each in "".join(said)] == []


OPEN_TO_ALL = ["", "config", "gradio_api/info", "gradio_api/openapi.json", "gradio_api/app_id"]
