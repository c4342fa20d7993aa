"""Whatever a program sends to the page's HTTP API, no request outside the table leaves; and how
long its key is kept."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from conftest import KEY
from faults import FaultServer, json_answer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from served import ServedPage, in_a_fresh_python

from veo_client import InvalidRequest, VideoRequest

PLAUSIBLE = {
    "prompt": ["a fox", "a boat", "", " ", "x" * 4001, "\x00", "<b>"],
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
}
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)

# Mostly plausible values, now and then something strange, now and then too few or too many.
VALUES = [
    st.sampled_from(choices[:2])
    | st.sampled_from(choices[:2])
    | st.sampled_from(choices)
    | ANYTHING
    for choices in PLAUSIBLE.values()
]
DATA = st.tuples(*[st.sampled_from(choices[:2]) for choices in PLAUSIBLE.values()]).map(list)
DATA = DATA | st.tuples(*VALUES).map(list) | st.lists(ANYTHING, max_size=14)

INPUTS, AT_ONCE = 5000, 20


@pytest.mark.timeout(400)
def test_no_input_is_a_fault_of_ours_and_none_out_of_range_leaves(tmp_path):
    answers = []
    with FaultServer(json_answer(400, {"message": "no"})) as service:
        with ServedPage(tmp_path, AIMLAPI_KEY=KEY, AIMLAPI_BASE_URL=service.url) as served:
            served.forgives_gradio = True  # too few values are its own to refuse
            session = requests.Session()
            url = f"{served.url}/gradio_api/run/generate"

            def send(data):
                return session.post(url, json={"data": data}, timeout=60)

            @settings(
                max_examples=INPUTS // AT_ONCE,
                deadline=None,
                database=None,
                phases=[Phase.generate],  # to shrink a failure would take minutes
                suppress_health_check=list(HealthCheck),
            )
            @given(st.lists(DATA, min_size=AT_ONCE, max_size=AT_ONCE))
            def send_many(inputs):
                with ThreadPoolExecutor(8) as pool:
                    answers.extend(pool.map(send, inputs))

            send_many()
            log = served.log
        sent = [each.json() for each in service.requests if each.method == "POST"]
    assert len(answers) >= INPUTS
    assert {each.status_code for each in answers} <= {422, 500}
    assert all(json.loads(each.text).get("error") or "detail" in each.text for each in answers)
    assert "Traceback" not in log
    assert KEY not in log
    # Too few values for Gradio are the only thing that gets no sentence of `VideoRequest`.
    assert set(re.findall(r"An event ended in (\w+)", log)) <= {"ValueError"}
    assert len(sent) > INPUTS / 20
    for body in sent:
        try:
            VideoRequest(**body)
        except InvalidRequest as error:
            raise AssertionError(f"{body} was sent: {error}") from error


CALLS = """
import asyncio, os, sys, tempfile
from pathlib import Path
from types import SimpleNamespace

sys.path.append("tests")
import gradio as gr
from conftest import KEY
from faults import file_answer, html_answer, json_answer
from house import DOWN, House, ID, QUEUED, Service, completed, film, until
import jobs as jobs_module, patience
from page import endpoints, server

patience.Watch.wait = lambda *_: 0.005
FORM = "a fox", "google/veo-3.1-t2v", "16:9", 4, "720p", True, ""
server.dollars_for = lambda *_: asyncio.sleep(0)  # else the list of prices would be a look
PROGRAM = SimpleNamespace(headers={"x-aimlapi-key": KEY}, client=None, request=None)

def called(story, pauses=(3600.0,), **scripts):
    jobs_module.LOOK_AGAIN_AFTER = pauses
    async def run():
        with Service(**scripts) as service, tempfile.TemporaryDirectory() as folder:
            os.environ["AIMLAPI_BASE_URL"] = service.url
            house = House(Path(folder))
            async with house.process() as jobs:
                server.the_jobs, server.the_shelf = lambda: jobs, lambda: house.shelf
                await story(jobs, service)
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
async def story(jobs, service):
    assert ID in await refused(endpoints.generate(PROGRAM, *FORM))
    (job,) = jobs._live.values()
    assert job.state == "needs_attention"
    await until(lambda: job.is_over and job.state != "needs_attention")
    assert job.state == "done", job.state
    assert service.count("create") == 1

called(story, pauses=(0.5,), look=[DOWN] * 10 + [completed])

async def taken(jobs, service):
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
    async def story(jobs, service):
        await call()
        assert jobs._visitors == {{}}
    called(story, **scripts)

failed = json_answer(200, {{"id": ID, "status": "error", "error": "It broke."}})
generate = lambda: refused(endpoints.generate(PROGRAM, *FORM))
no_key_after(lambda: endpoints.generate(PROGRAM, *FORM))
no_key_after(lambda: endpoints.status(PROGRAM, ID))
no_key_after(generate, look=[failed])
no_key_after(generate, create=[json_answer(400, {{"message": "No."}})])
no_key_after(generate, create=[html_answer(502)])
no_key_after(lambda: refused(endpoints.status(PROGRAM, ID)), look=[DOWN])
no_key_after(lambda: refused(endpoints.status(PROGRAM, "")))
""")
