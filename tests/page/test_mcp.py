"""What agents get: the same endpoints as tools, when the server says so."""

import asyncio
import re
import subprocess
import sys

import httpx
import pytest
import requests
from conftest import KEY
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from served import FOX, ROOT, ServedPage

from veo import media


@pytest.fixture(scope="module")
def tools_page(tmp_path_factory, demo):
    """A Space with tools: the server's key is there, but not for visitors."""
    with ServedPage(
        tmp_path_factory.mktemp("tools"),
        VEO_MCP="1",
        AIMLAPI_KEY="the-owners",
        AIMLAPI_BASE_URL=demo.base_url,
        SPACE_ID="a/b",
    ) as served:
        yield served


def as_agent(served, story, **headers):
    """What `story` makes of a session of an agent's."""

    async def meet():
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as http,
            streamable_http_client(f"{served.url}/gradio_api/mcp/", http_client=http) as (
                reading,
                writing,
                _,
            ),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            return await story(session)

    return asyncio.run(asyncio.wait_for(meet(), 90))


async def call(session, tool, **arguments):
    """The texts of the answer, and whether it is an error."""
    answer = await session.call_tool(tool, arguments)
    return [content.text for content in answer.content], answer.isError


def test_tools_are_the_endpoints_without_a_key(tools_page):
    tools = {tool.name: tool for tool in as_agent(tools_page, lambda each: each.list_tools()).tools}
    assert sorted(tools) == ["generate", "price", "resume", "status"]
    for tool in tools.values():
        assert "key" not in str(tool.inputSchema)
        assert "key" not in tool.description.replace("generation_id", "")
        assert all(each["description"] for each in tool.inputSchema["properties"].values()), tool
    generate = tools["generate"]
    assert generate.inputSchema["required"] == ["prompt"]
    assert "costs money" in generate.description


def test_an_agent_makes_a_clip_and_looks_at_it(tools_page):
    async def story(session):
        texts, failed = await call(session, "generate", prompt=FOX, duration=4, resolution="720p")
        assert not failed, texts
        taken = next(text for text in texts if "generation_id" in text)
        generation_id = taken.partition("'generation_id': '")[2].partition("'")[0]
        texts, failed = await call(session, "status", generation_id=generation_id)
        assert not failed
        assert "'status': " in texts[0]
        texts, failed = await call(session, "resume", generation_id=generation_id)
        assert not failed, texts
        return texts

    texts = as_agent(tools_page, story, **{"x-aimlapi-key": KEY})
    address = re.search(r"http://[^']+\.mp4", str(texts))[0]
    path = tools_page.folder / "clip.mp4"
    path.write_bytes(requests.get(address, timeout=30).content)
    assert media.inspect(path).frames == 96
    (row,) = tools_page.rows()[:1]
    assert row["payer"] == "visitor"
    assert KEY not in tools_page.log


def test_an_agent_films_from_a_picture_at_an_address(tools_page):
    async def story(session):
        picture = "https://a.example/b.jpg"
        return await call(session, "generate", prompt=FOX, image_url=picture, duration=4)

    texts, failed = as_agent(tools_page, story, **{"x-aimlapi-key": KEY})
    assert not failed, texts
    assert "'model': 'google/veo-3.1-i2v'" in str(texts)
    assert "'image_url': 'https://a.example/b.jpg'" in str(texts)


def test_an_agent_gets_the_same_words(tools_page):
    async def story(session):
        return [
            await call(session, "generate", prompt=""),
            await call(session, "generate", prompt=FOX, duration=5),
            await call(session, "resume", generation_id=""),
            await call(session, "price"),
        ]

    empty, odd, nothing, price = as_agent(tools_page, story)
    assert "the prompt is empty" in empty[0][0]
    assert "The duration must be 4, 6 or 8" in odd[0][0]
    assert "Give the id of an earlier request" in nothing[0][0]
    assert [failed for _, failed in (empty, odd, nothing, price)] == [True, True, True, False]
    assert tools_page.faults() == []


def by_an_agent(served, **headers):
    """Whether the server's key paid for a clip, else why not."""

    async def story(session):
        return await call(session, "generate", prompt=FOX, duration=4, resolution="720p")

    texts, failed = as_agent(served, story, **headers)
    return texts[0] if failed else "made"


def by_http(served, **headers):
    data = [FOX, "google/veo-3.1-t2v", "16:9", 4, "720p", True, "", None, True, True, False]
    url = f"{served.url}/gradio_api/run/generate"
    answer = requests.post(url, json={"data": data}, headers=headers, timeout=30).json()
    return answer.get("error", "made")


def paid_by_the_server(served):
    return [row["spender"] for row in served.rows() if row["payer"] == "server"]


def test_agents_have_a_visitors_limit_wherever_they_say_they_come_from(tmp_path, demo):
    shared = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": demo.base_url, "VEO_CLIPS_A_VISITOR": "1"}
    with ServedPage(tmp_path, VEO_MCP="1", **shared) as served:
        assert by_an_agent(served) == "made"
        for made_up in ("203.0.113.7", "203.0.113.8, 203.0.113.9"):
            headers = {"X-Forwarded-For": made_up, "X-Sealed-Visitor": made_up}
            assert "1 clip in 24 hours" in by_an_agent(served, **headers)
            assert "1 clip in 24 hours" in by_http(served, **headers)
        assert paid_by_the_server(served) == ["address:127.0.0.1"]


def test_on_a_space_each_visitor_has_a_limit_of_their_own(tmp_path, demo):
    """Its proxy adds where they come from to what they say themselves."""
    shared = {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": demo.base_url, "VEO_CLIPS_A_VISITOR": "1"}
    space = {"SPACE_ID": "a/b", "VEO_SHARE_SERVER_KEY": "1"}
    first, second = "203.0.113.7", "203.0.113.8"
    with ServedPage(tmp_path, VEO_MCP="1", **shared, **space) as served:
        for visitor, by, then_by in ((first, by_an_agent, by_http), (second, by_http, by_an_agent)):
            assert by(served, **{"X-Forwarded-For": f"198.51.100.1, {visitor}"}) == "made"
            refused = then_by(served, **{"X-Forwarded-For": f"198.51.100.2, {visitor}"})
            assert "1 clip in 24 hours" in refused
        assert paid_by_the_server(served) == [f"address:{first}", f"address:{second}"]


def test_nobody_is_an_agent_unless_the_server_says_so(demo_page):
    for path in ("mcp", "mcp/", "mcp/sse", "mcp/schema"):
        answer = requests.post(f"{demo_page.url}/gradio_api/{path}", json={}, timeout=10)
        assert answer.status_code == 404
        assert answer.text == "Not here."


def test_a_missing_package_is_told_at_the_start(tmp_path):
    hidden = (
        "import sys, importlib.util; found = importlib.util.find_spec;"
        "importlib.util.find_spec = lambda name, *more: None if name == 'mcp' else found(name);"
        "import app; app.main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", hidden],
        cwd=ROOT,
        env={**ServedPage.environment(tmp_path), "VEO_MCP": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "pip install" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_tool_may_be_called_from_our_own_page(tools_page):
    """Gradio calls itself for it, with the origin and the host that the agent's request had."""

    async def story(session):
        return await call(session, "price", duration=4)

    texts, failed = as_agent(tools_page, story, Origin=tools_page.url)
    assert not failed, texts
