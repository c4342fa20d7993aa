"""Whatever a program sends to the page's HTTP API, no request outside the table leaves; and how
long its key is kept."""

import collections
import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from conftest import KEY
from fault_server import FaultServer, json_answer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from served import ServedPage, in_a_fresh_python, posts

PLAUSIBLE = {
    "prompt": ["a fox", "a boat", "", " ", "x" * 4001, "\x00", "<b>", "\ud800"],
    "model": ["google/veo-3.1-t2v", "google/veo-3.1-t2v-fast", "veo", ""],
    "aspect_ratio": ["16:9", "9:16", "4:3"],
    "duration": [4, 8, 6, 5, "8", 8.0, -4, 10**30],
    "resolution": ["720p", "1080p", "4k"],
    "generate_audio": [True, False, 1, "true"],
    "negative_prompt": ["", "people", "y" * 5000],
    "seed": [None, 7, "", 0, -1, 2**32, 2**32 - 1, 1.5, "7", "x", True],
    "enhance_prompt": [True, False, 0],
    "auto_fix": [True, False, None],
    "wait": [True, False, "no"],
    "api_key": [None, "", "two words", 5],
    "image_url": [None, "", "https://a.example/b.jpg", f"picture:{'0' * 64}", "data:,", "file:///"],
    "last_image_url": [None, "", "https://a.example/b.jpg", "http://a.example/b.jpg", 5],
    "image_urls": [None, [], ["https://a.example/b.jpg"], ["a"] * 9, "https://a.example/b.jpg"],
    "video_url": [None, "", "https://a.example/b.mp4", "clip:an-id", "clip:", "https://"],
    "last_frame_of": [None, "", "an-id", "\x00", 7],
    "extend": [None, "", "an-id", " ", ["an-id"]],
    "person_generation": [None, "", "allow_adult", "everybody"],
    "provider": [None, "", "google", "nobody"],
    "task": [None, "", "edit", "nothing"],
    "generation_id": ["an-id", "an-id:google/veo-3.1-t2v", "", "../balance", "x" * 10_000, "\x00"],
}
TAKEN = {
    "generate": [name for name in PLAUSIBLE if name != "generation_id"],
    "price": ["model", "duration", "resolution", "generate_audio"],
    "status": ["generation_id", "api_key"],
    "resume": ["generation_id", "api_key"],
}
"""The parameters of each endpoint, in their order."""

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


def data_for(endpoint):
    """Mostly plausible values, now and then something strange, now and then too few or too many."""
    choices = [PLAUSIBLE[name] for name in TAKEN[endpoint]]
    likely = [st.sampled_from(each[:2]) for each in choices]
    strange = [
        once | st.sampled_from(each) | ANYTHING for once, each in zip(likely, choices, strict=True)
    ]
    return st.tuples(*likely) | st.tuples(*strange) | st.lists(ANYTHING, max_size=22)


CALL = st.sampled_from(["generate"] * 5 + ["price", "status", "resume"]).flatmap(
    lambda endpoint: st.tuples(
        st.just(endpoint), st.sampled_from(["call"] + ["run"] * 7), data_for(endpoint)
    )
)
INPUTS, A_TIME, AT_ONCE = 1500, 20, 20


def one_of(*choices):
    return lambda value: json.dumps(value) in map(json.dumps, choices)


MAY_LEAVE = {
    "prompt": lambda value: isinstance(value, str) and value.strip() and len(value) <= 4000,
    "model": one_of(
        "google/veo-3.1-t2v",
        "google/veo-3.1-t2v-fast",
        "google/veo-3.1-i2v",
        "google/veo-3.1-first-last-image-to-video",
        "google/veo-3.1-reference-to-video",
        "google/veo3-1-extend-video",
    ),
    "image_url": one_of("https://a.example/b.jpg"),
    "last_image_url": one_of("https://a.example/b.jpg"),
    "image_urls": one_of(["https://a.example/b.jpg"]),
    "video_url": one_of("https://a.example/b.mp4"),
    "provider": one_of("google"),
    "aspect_ratio": one_of("16:9", "9:16"),
    "duration": one_of(4, 6, 7, 8),
    "resolution": one_of("720p", "1080p"),
    "generate_audio": one_of(True, False),
    "negative_prompt": lambda value: isinstance(value, str) and len(value) <= 4000,
    "seed": lambda value: type(value) is int and 0 <= value <= 4_294_967_295,
    "enhance_prompt": one_of(True, False),
    "auto_fix": one_of(True, False),
}
"""What the service's documents allow, once more: against our own table, its mistakes pass."""


def choosy(connection):
    """A service that takes a boat and no fox, and has a price and an error for what it took."""
    url = urlsplit(connection.request.path)
    if connection.request.method == "POST":
        if "boat" in connection.request.json()["prompt"]:
            json_answer(200, {"id": secrets.token_hex(8), "status": "queued"})(connection)
        else:
            json_answer(400, {"message": "No."})(connection)
    elif url.path == "/v1/models":
        rates = {"kind": "fixed", "currency": "USD"}
        rates["units"] = [{"price": 0.4, "unit": "second", "per": 1}]
        listed = [{"id": name, "pricing": rates} for name in PLAUSIBLE["model"][:2]]
        json_answer(200, {"data": listed})(connection)
    else:
        (sought,) = parse_qs(url.query)["generation_id"]
        json_answer(200, {"id": sought, "status": "error", "error": "It broke."})(connection)


@pytest.mark.timeout(400)
def test_no_input_is_a_fault_of_ours_and_none_out_of_range_leaves(tmp_path):
    sending = []
    with FaultServer(choosy) as service:
        with ServedPage(tmp_path, AIMLAPI_KEY=KEY, AIMLAPI_BASE_URL=service.url) as served:
            served.forgives_gradio = True  # too few values are its own to refuse
            url = f"{served.url}/gradio_api"
            program = requests.Session()
            program.mount(url, HTTPAdapter(pool_maxsize=AT_ONCE))
            pool = ThreadPoolExecutor(AT_ONCE)

            def send(call, session):
                endpoint, way, data = call
                if way == "run":
                    body = {"data": data, "session_hash": session}
                    answer = program.post(f"{url}/run/{endpoint}", json=body, timeout=60)
                    assert answer.status_code in (200, 422, 500)
                    return answer.text
                taken = program.post(f"{url}/call/{endpoint}", json={"data": data}, timeout=60)
                assert taken.status_code == 200, taken.text
                event = taken.json()["event_id"]
                return program.get(f"{url}/call/{endpoint}/{event}", timeout=60).text

            @settings(
                max_examples=INPUTS // A_TIME,
                deadline=None,
                database=None,
                phases=[Phase.generate],  # to shrink a failure would take minutes
                suppress_health_check=list(HealthCheck),
            )
            @given(st.lists(CALL, min_size=A_TIME, max_size=A_TIME))
            def send_many(calls):
                # Each program's: Gradio takes half its time for the first call of a session.
                session = secrets.token_hex(8)
                sending.extend(pool.submit(send, call, session) for call in calls)

            send_many()
            answers = [each.result() for each in sending]
            log, rows = served.log, served.rows()
        sent = posts(service)
    assert len(answers) >= INPUTS
    assert KEY not in "".join(answers)
    assert "Traceback" not in log
    assert KEY not in log
    # Too few values for Gradio are the only thing that gets no sentence of ours.
    assert set(re.findall(r"An event ended in (\w+)", log)) <= {"ValueError"}
    wrong = [
        (name, value) for body in sent for name, value in body.items() if not MAY_LEAVE[name](value)
    ]
    assert wrong == []
    assert len(sent) == len({row["id"] for row in rows if row["request"]}) > INPUTS / 20
    states = collections.Counter(row["state"] for row in rows)
    assert min(states["failed"], states["rejected"]) > INPUTS / 100, states


CALLS = """
import asyncio, os, sys, tempfile
from pathlib import Path
from types import SimpleNamespace

sys.path.append("tests")
import gradio as gr
from conftest import KEY
from fault_server import file_answer, html_answer, json_answer
from jobs_fixture import DOWN, House, ID, QUEUED, Service, completed, film, until
from backend import config, runner as runner_module
from backend.service import Service as BackEnd
from veo import polling
from page.api import Api

polling.PollState.wait = lambda *_: 0.005
FORM = "a fox", "google/veo-3.1-t2v", "16:9", 4, "720p", True, ""
PROGRAM = SimpleNamespace(headers={"x-aimlapi-key": KEY}, client=None, request=None)

def called(story, pauses=(3600.0,), **scripts):
    runner_module.LOOK_AGAIN_AFTER = pauses
    async def run():
        with Service(**scripts) as service, tempfile.TemporaryDirectory() as folder:
            os.environ["AIMLAPI_BASE_URL"] = service.url
            house = House(Path(folder))
            back_end = BackEnd(config.read({"VEO_DATA_DIR": folder}))
            # Else the list of prices would be a look.
            back_end.prices.estimate = lambda *_: asyncio.sleep(0)
            async with house.process() as jobs:
                back_end.jobs = jobs
                await story(jobs, service, Api(back_end))
            back_end.close()
    asyncio.run(run())

async def refused(call):
    try:
        await call
    except gr.Error as error:
        assert KEY not in str(error)
        return str(error)
    raise AssertionError("no error")
"""


def test_a_programs_key_stays_with_its_job_when_nobody_waits_for_it_any_more():
    """Its owner never comes back: what the looks after an error need a key for would be lost."""
    in_a_fresh_python(f"""{CALLS}
async def story(jobs, service, endpoints):
    assert ID in await refused(endpoints.generate(PROGRAM, *FORM))
    (job,) = jobs._live.values()
    assert job.state == "needs_attention"
    await until(lambda: job.is_over and job.state != "needs_attention")
    assert job.state == "done", job.state
    assert service.count("create") == 1

called(story, pauses=(0.5,), look=[DOWN] * 10 + [completed])

async def taken(jobs, service, endpoints):
    _, facts = await endpoints.generate(PROGRAM, *FORM, wait=False)
    assert facts["generation_id"] == ID
    (job,) = jobs._live.values()
    await until(lambda: job.is_over)
    assert job.state == "done", job.state

called(taken, look=[QUEUED, completed])
""")


def test_a_programs_key_goes_with_its_call_when_nothing_is_left_to_do():
    in_a_fresh_python(f"""{CALLS}
def no_key_after(call, **scripts):
    async def story(jobs, service, endpoints):
        await call(endpoints)
        assert jobs.keys._clients == {{}}
    called(story, **scripts)

failed = json_answer(200, {{"id": ID, "status": "error", "error": "It broke."}})
generate = lambda endpoints: refused(endpoints.generate(PROGRAM, *FORM))
no_key_after(lambda endpoints: endpoints.generate(PROGRAM, *FORM))
no_key_after(lambda endpoints: endpoints.status(PROGRAM, ID))
no_key_after(generate, look=[failed])
no_key_after(generate, create=[json_answer(400, {{"message": "No."}})])
no_key_after(generate, create=[html_answer(502)])
no_key_after(lambda endpoints: refused(endpoints.status(PROGRAM, ID)), look=[DOWN])
no_key_after(lambda endpoints: refused(endpoints.status(PROGRAM, "")))
""")
