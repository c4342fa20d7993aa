"""Models come and go: what the catalogue lists, and what is said of one that is gone."""

import pytest
from conftest import KEY
from fault_server import FaultServer, answer, html_answer, json_answer
from test_models import EXTEND, FAST, FIRST_LAST, I2V, LITE, PICTURE, REFERENCES, T2V, needed

from demo_server import DemoServer
from veo.explain import explain_error
from veo.models import MODELS
from veo_client import Refused, Unreachable, VeoClient, VideoRequest


def refused_by(status, message, request):
    with FaultServer([json_answer(status, {"message": message})]) as server:
        with pytest.raises(Refused) as caught:
            VeoClient(KEY, base_url=server.url).submit(request, sleep=pytest.fail)
    assert len(server.requests) == 1
    return caught.value


@pytest.mark.parametrize(
    ("name", "message", "other"),
    [
        (T2V, "Model google/veo-3.1-t2v is deprecated", FAST),
        (FAST, "The model `google/veo-3.1-t2v-fast` is no longer available.", T2V),
        (I2V, "Model veo-3.1-i2v not found", "google/veo-3.1-i2v-fast"),
        (LITE, "VEO-3.1-LITE-GENERATE-001 is no longer supported", T2V),
        (REFERENCES, f"{REFERENCES} is no longer available", "google/gemini-omni-1.1-flash"),
    ],
)
@pytest.mark.parametrize("status", [400, 404])
def test_a_model_that_is_gone_is_named_with_what_takes_its_place(status, name, message, other):
    error = refused_by(status, message, needed(name))
    assert (error.reason, error.model, error.nearest) == ("model_gone", name, other)
    assert str(error) == message
    explained = explain_error(error, request=needed(name))
    assert other in explained.next_step
    assert MODELS[other].label in explained.next_step
    assert explained.cost == "Nothing was charged."


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        (404, "Not found", "not_found"),
        (404, "Cannot POST /v2/video/generations: not found", "not_found"),
        (404, "Model google/veo-2 is no longer available", "not_found"),
        (404, "Model google/veo-3.1-t2v-fast is no longer available", "not_found"),
        (400, "google/veo-3.1-t2v: duration: Expected 4, 6 or 8, received 5", "request"),
        (403, "google/veo-3.1-t2v is no longer available to you", "forbidden"),
        (401, "google/veo-3.1-t2v not found for this key", "key"),
    ],
)
def test_what_is_about_something_else_is_no_lost_model(status, message, reason):
    error = refused_by(status, message, VideoRequest("a fox"))
    assert (error.reason, error.model, error.nearest) == (reason, "", None)


def test_where_nothing_does_the_same_another_is_to_be_chosen(monkeypatch):
    fewer = {name: model for name, model in MODELS.items() if name in (FIRST_LAST, T2V)}
    monkeypatch.setattr("veo.models.MODELS", fewer)
    error = refused_by(404, f"{FIRST_LAST} not found", needed(FIRST_LAST))
    assert (error.reason, error.nearest) == ("model_gone", None)
    assert explain_error(error).next_step == "Choose another model."


# The catalogue


def entry(name, *aliases):
    return {"id": name, "aliases": [*aliases], "type": "video/generations", "tags": []}


def offered(answer_, *models):
    with FaultServer([answer_]) as server:
        found = VeoClient(base_url=server.url).offered(*models)
    (request,) = server.requests
    assert "Authorization" not in request.headers
    return found, request


def test_the_catalogue_says_which_models_there_are():
    listed = [entry(T2V), entry("lite-3.1", LITE, "lite"), entry("other/model")]
    found, request = offered(json_answer(200, {"object": "list", "data": listed}))
    assert found == {T2V, LITE}
    assert request.path.startswith("/v1/models?id=google%2Fveo-3.1-t2v%2C")
    assert offered(json_answer(200, {"data": listed}), [EXTEND])[0] == set()
    assert offered(json_answer(200, {"data": []}))[0] == set()


@pytest.mark.parametrize(
    "data", [[7, None, {}, {"id": 7}, {"id": [T2V], "aliases": "x"}, {"aliases": [None, T2V]}]]
)
def test_an_odd_catalogue_is_read_as_far_as_it_goes(data):
    assert offered(json_answer(200, {"data": data}))[0] == {T2V}


@pytest.mark.parametrize(
    "broken",
    [
        json_answer(200, {}),
        json_answer(200, {"data": None}),
        json_answer(200, {"data": {T2V: {}}}),
        html_answer(200, "<title>Sign in</title>"),
        answer(500),
    ],
)
def test_no_catalogue_does_not_say_that_models_are_gone(broken):
    with FaultServer([broken]) as server, pytest.raises(Unreachable):
        VeoClient(base_url=server.url).offered()


def test_a_model_that_the_service_retires_is_gone_from_now_on():
    """The demo service, over HTTP: while it runs, one model is switched off."""
    with DemoServer() as demo:
        client = VeoClient("any", base_url=demo.base_url)
        assert client.offered() == {*MODELS}
        demo.retired.add(LITE)
        assert client.offered() == {*MODELS} - {LITE}
        with pytest.raises(Refused) as caught:
            client.submit(needed(LITE, image_url=PICTURE))
    assert (caught.value.reason, caught.value.nearest) == ("model_gone", I2V)
    again = needed(LITE, image_url=PICTURE).for_model(caught.value.nearest)
    assert (again.image_url, again.resolution) == (PICTURE, "720p")
