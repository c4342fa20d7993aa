"""Pictures in the composer: the slots, and the models and settings that follow from them."""

import io
import json
import threading
import time
from dataclasses import replace

import pytest
from PIL import Image
from playwright.sync_api import expect
from served import (
    actions_of,
    call,
    choose,
    open_page,
    open_sheet,
    press_generate,
    prompt_of,
    wait_for,
)

from backend.pricing import Offer, Prices
from page import chips, form, price_label, rehearsal, slots
from veo.models import MODELS
from veo_client import InvalidRequest, VideoRequest

PICTURE = f"picture:{7:064x}"
FIRST, REFERENCES = {"image_url": PICTURE}, {"image_urls": [PICTURE]}
VALUES = form.values_from(VideoRequest("A fox", seed=7))


# The form's values


def test_what_the_model_does_not_take_stays_typed_and_is_not_sent():
    values = VALUES | {
        "model": "google/veo-3.1-i2v-fast",
        "pictures": form.pictures_of(FIRST),
        "negative_prompt": "people",
        "auto_fix": False,
    }
    request = form.request_from(**values)
    assert (request.image_url, request.seed, request.auto_fix) == (PICTURE, None, None)
    assert "seed" not in request.body()
    assert set(form.values_from(request)) == {*form.FIELDS} - {"seed", "enhance_prompt", "auto_fix"}


@pytest.mark.parametrize("model", MODELS)
def test_the_form_has_every_model_and_gives_its_request_back(model):
    needed = {name: form.ANY_INPUT[name] for name in MODELS[model].needs}
    request = VideoRequest("A fox", model=model, **needed)
    assert form.request_from(**VALUES | form.values_from(request)) == request


@pytest.mark.parametrize("pictures", ["{", "7", "[]", None, 7, '{"image_url": 7}', "[" * 10_000])
def test_what_a_program_makes_of_the_pictures_is_refused_or_nothing(pictures):
    values = VALUES | {"model": "google/veo-3.1-i2v", "pictures": pictures}
    with pytest.raises(InvalidRequest):
        form.request_from(**values)


def test_a_form_that_was_kept_before_there_were_pictures_is_as_it_was():
    before = ["", "google/veo-3.1-t2v-fast", "9:16", 4, "720p", False, "people", "7", True, False]
    kept = form.kept(before)
    assert [kept[name] for name in form.BEFORE_PICTURES] == before
    now = [before[0], form.pictures_of(FIRST), "google/veo-3.1-i2v", *before[2:]]
    assert json.loads(form.kept(now)["pictures"]) == FIRST
    assert "duration" not in form.kept([*before[:3], 7, *before[4:]])  # 7 s is another model's


# The models


def test_what_is_offered_costs_something_without_a_picture():
    for name, model in MODELS.items():
        priced = {"model": name, "duration": model.durations[0], "generate_audio": True}
        assert form.request_to_price(**priced, resolution=model.resolutions[0]).model == name


def test_the_browser_knows_of_each_model_what_the_table_says():
    table = json.loads(chips.table())
    assert {name for _, names in table["offered"] for name in names} == {*MODELS}
    assert table["models"]["google/veo-3.1-reference-to-video"]["lacks"] == [
        "aspect_ratio",
        "negative_prompt",
        "seed",
        "enhance_prompt",
        "auto_fix",
    ]
    assert form.choices_for("duration", "google/veo3-1-extend-video") == [7]
    assert form.choices_for("model", "", form.pictures_of(REFERENCES)) == (
        "google/veo-3.1-reference-to-video",
        "google/gemini-omni-1.1-flash",
    )


def test_a_way_to_go_on_costs_what_its_model_costs():
    fast = VALUES | {"model": "google/veo-3.1-t2v-fast", "duration": 6}
    begins, goes_on = form.priced_with("image_url", fast), form.priced_with("video_url", fast)
    assert (begins.model, begins.duration) == ("google/veo-3.1-i2v-fast", 6)
    assert (goes_on.model, goes_on.duration) == ("google/veo3-1-fast-extend-video", 7)
    offer = Offer(payer="visitor", dollars=2.8)
    assert price_label.to_go_on(goes_on, offer, longer=True) == " · +7 s · $2.80"
    said = price_label.button([goes_on], 2.8, is_demo=False, continues=True)
    assert said == "Continue · +7 s · $2.80"
    assert slots.continues(form.pictures_of({"video_url": "clip:1"}))
    assert not slots.continues("{")
    lite = VALUES | {"model": "veo-3.1-lite-generate-001"}
    assert form.priced_with("video_url", lite).model == "google/veo3-1-fast-extend-video"


# In the browser


def picture_file(size: tuple[int, int] = (400, 300)) -> dict:
    file = io.BytesIO()
    Image.new("RGB", size, (200, 90, 40)).save(file, "PNG")
    return {"name": "cat.png", "mimeType": "image/png", "buffer": file.getvalue()}


def slot(tab, field: str):
    return tab.locator(f'#slots [data-slot="{field}"]')


def kept_form(tab) -> list:
    return json.loads(tab.evaluate("localStorage['veo-form']"))


def fill(tab, field: str, file: dict) -> None:
    with tab.expect_file_chooser() as chooser:
        slot(tab, field).locator(".fill").click()
    chooser.value.set_files(file)


PASTE = """
bytes => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "cat.png", { type: "image/png" }));
  document.activeElement.dispatchEvent(
    new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}
"""


WATCH = """
() => {
  window.seen = [];
  const waits = () => "sending" in document.documentElement.dataset;
  window.addEventListener("veo-form-values", ({ detail }) =>
    window.seen.push([detail[1], detail[3], waits()]));
}
"""


def test_a_picture_decides_what_is_offered_and_survives_a_reload(demo_page, tab):
    open_page(tab, demo_page)
    choose(tab, "Veo 3.1 Fast")
    fill(tab, "image_url", picture_file())
    thumbnail = slot(tab, "image_url").locator(".fill img")
    expect(thumbnail).to_be_visible()
    shape = thumbnail.evaluate("e => [e.naturalWidth, e.naturalHeight]")
    assert shape == [400, 225]  # the film's
    expect(tab.locator("#chips [data-field=model]")).to_have_text("Veo 3.1 Fast")
    assert kept_form(tab)[2] == "google/veo-3.1-i2v-fast"
    references = slot(tab, "image_urls").locator(".fill")
    expect(references).to_have_attribute("aria-disabled", "true")
    references.click(force=True)
    expect(tab.locator("#slots .said")).to_contain_text("can't be combined with a first frame")
    open_sheet(tab)
    for name in ("#seed", "#negative-prompt", "#auto-fix"):
        expect(tab.locator(name)).to_be_hidden()
    # Another shape is another picture.
    before = kept_form(tab)[1]
    tab.evaluate(WATCH)
    choose(tab, "9:16")
    tab.wait_for_function(
        "before => JSON.parse(localStorage['veo-form'])[1] !== before", arg=before
    )
    # A press waits from that choice on: the old picture is in the slot still.
    waits = [waiting for pictures, shape, waiting in tab.evaluate("seen") if shape == "9:16"]
    assert waits[0]
    # As it came back, it is the server's.
    tab.reload()
    expect(thumbnail).to_be_visible()
    width, height = thumbnail.evaluate("e => [e.naturalWidth, e.naturalHeight]")
    assert width / height == pytest.approx(9 / 16, abs=0.01)
    # Another shape is cut from the first picture, and the first shape is that picture again.
    remove = slot(tab, "image_url").get_by_role("button", name="Remove: First frame")
    choose(tab, "16:9")
    remove.focus()
    tab.wait_for_function("first => JSON.parse(localStorage['veo-form'])[1] === first", arg=before)
    expect(remove).to_be_focused()
    tab.keyboard.press("Enter")
    expect(slot(tab, "image_url").locator(".fill")).to_be_focused()
    tab.evaluate(PASTE, [*picture_file()["buffer"]])
    expect(thumbnail).to_be_visible()
    tab.evaluate(PASTE, [*b"GIF89a"])
    expect(tab.locator("#slots .said")).to_contain_text("not a picture we can read")
    assert kept_form(tab)[2] == "google/veo-3.1-i2v-fast"
    tab.set_viewport_size({"width": 390, "height": 844})
    remove.focus()
    expect(slot(tab, "image_url").locator(".large")).to_be_visible()


def test_a_picture_of_another_visitor_leaves_its_slot_empty(demo_page, tab):
    open_page(tab, demo_page)
    pictures = form.pictures_of(FIRST)
    tab.evaluate(
        "pictures => { const form = JSON.parse(localStorage['veo-form']); form[1] = pictures;"
        " form[2] = 'google/veo-3.1-i2v'; localStorage['veo-form'] = JSON.stringify(form); }",
        pictures,
    )
    tab.reload()
    expect(tab.locator("#slots .said")).to_have_text(
        "A picture isn't here any more. Choose it again."
    )
    tab.wait_for_function("JSON.parse(localStorage['veo-form'])[2] === 'google/veo-3.1-t2v'")
    expect(slot(tab, "image_url").locator("img")).to_have_count(0)


def test_a_film_goes_on_from_the_clip_on_the_stage(demo_page, tab):
    open_page(tab, demo_page)
    press_generate(tab, "A fox in the snow")
    wait_for(tab, "Your demo clip is ready")
    tab.get_by_role("button", name="Go on", exact=True).click()
    expect(tab.locator("#go-on .price").first).to_have_text(" · free")
    tab.get_by_role("button", name="Use this frame").click()
    expect(slot(tab, "image_url").locator(".fill img")).to_be_visible()
    expect(tab.locator("#clip-tools .toast")).to_contain_text("Say what happens next")
    tab.get_by_role("button", name="Go on", exact=True).click()
    tab.get_by_role("button", name="Continue this clip").click()
    expect(slot(tab, "video_url")).to_be_visible()
    expect(tab.locator("#generate")).to_have_text("Continue · +7 s · free")
    expect(slot(tab, "image_url")).to_be_hidden()
    expect(tab.locator("#slots .said")).to_contain_text("took the place of a first frame")
    tab.locator("#slots .undo").click()
    expect(slot(tab, "image_url").locator(".fill img")).to_be_visible()
    tab.get_by_role("button", name="Go on", exact=True).click()
    tab.get_by_role("button", name="Continue this clip").click()
    expect(slot(tab, "video_url")).to_be_visible()
    expect(prompt_of(tab)).to_have_value("A fox in the snow")
    slot(tab, "video_url").locator(".remove").click()
    tab.wait_for_function("JSON.parse(localStorage['veo-form'])[4] === 4")  # s, as before
    expect(tab.locator("#generate")).to_have_text("Generate · free")
    # A clip of the strip gives its last frame, too: dragged into a slot, or by its menu.
    clip = tab.locator("#my-clips li").first
    clip.drag_to(slot(tab, "last_image_url"))
    expect(slot(tab, "last_image_url").locator(".fill img")).to_be_visible()
    expect(tab.locator("#slots .said")).to_have_text("A last frame needs a first frame, too.")
    tab.locator("#generate").click()
    expect(tab.locator("#slots .wrong")).to_contain_text("The first picture is missing")
    expect(tab.locator("#slots .said")).to_be_hidden()
    actions_of(clip).get_by_role("button", name="Use last frame").click()
    expect(slot(tab, "image_url").locator(".fill img")).to_be_visible()
    model = "JSON.parse(localStorage['veo-form'])[2].includes('first-last-image')"
    tab.wait_for_function(model)


def test_nobody_gets_a_frame_of_anothers_clip(demo_page, tab):
    open_page(tab, demo_page)
    press_generate(tab, "A boat for one")
    wait_for(tab, "Your demo clip is ready")
    row = demo_page.rows()[-1]
    for field in ("image_url", "video_url", "prompt"):
        event = {"job": row["id"], "field": field}
        said = call(demo_page, "on_frame", [{"visitor": "s" * 43}], event)
        assert "isn't here any more" in said
        assert "picture:" not in said and "clip:" not in said
    owner = {"visitor": row["owner"].removeprefix("browser:")}
    event = {"job": row["id"], "field": "last_image_url", "seconds": 1}
    assert "picture:" in call(demo_page, "on_frame", [owner], event)


# A rehearsal


def test_a_rehearsal_is_short_small_and_fast_and_knows_what_it_was():
    request = VideoRequest("A fox", seed=7, aspect_ratio="9:16")
    small = rehearsal.of(request)
    assert (small.model, small.duration) == ("google/veo-3.1-t2v-fast", 4)
    assert (small.resolution, small.seed, small.aspect_ratio) == ("720p", 7, "9:16")
    assert rehearsal.of(small) is None
    known = rehearsal.kept(rehearsal.kept(None, "before", small), "job", request)
    assert rehearsal.properly(known, "job", small) == request
    assert rehearsal.properly(known, "another", small) is None
    for forged in (None, ["job"], ["job", "veo-0", 8, "1080p"], ["job", [], 9, None]):
        assert rehearsal.properly(forged, "job", small) is None
    for _ in range(20):
        known = rehearsal.kept(known, "more", request)
    assert len(known) == rehearsal.MOST_VALUES
    continued = VideoRequest("A fox", model="google/veo3-1-fast-extend-video", video_url="clip:1")
    assert rehearsal.of(continued) is None  # there is nothing shorter or smaller


def test_what_a_rehearsal_costs_is_told_of_what_it_sends():
    """The fast one of its pair, made of what is filled, on the button and at the press."""
    for given, names in form.OFFERED.items():
        pictures = form.pictures_of({each: form.ANY_INPUT[each] for each in given})
        for name in names:
            settings = {"model": name, "generate_audio": True}
            for field in ("duration", "resolution"):
                settings[field] = MODELS[name].default(field)
            told = form.request_to_price(**settings, pictures=pictures)
            if given != {"last_image_url"}:  # which is refused
                sent = form.request_from(**settings, prompt="price", pictures=pictures)
                assert replace(told, seed=sent.seed) == sent
            small = rehearsal.of(told)
            label = MODELS[name].label
            assert MODELS[small.model if small else name].label in (label, f"{label} Fast")
    edit = VideoRequest("x", model="google/gemini-omni-1.1-flash", video_url="clip:1", task="edit")
    assert rehearsal.of(edit).model == edit.model
    assert rehearsal.of(VideoRequest("x", model="veo-3.1-lite-generate-001")).duration == 4


def test_what_was_rehearsed_is_filmed_properly_at_its_price(keyed_page, tab):
    open_page(tab, keyed_page)
    prompt_of(tab).fill("A fox rehearses")
    choose(tab, "6 s")
    tab.locator("#rehearse").click()
    wait_for(tab, "Your clip is ready")
    tab.reload()
    properly = tab.locator("#clip-tools .properly")
    expect(properly).to_contain_text("Film it properly · ")
    properly.click()
    expect(tab.locator("#status .facts")).to_contain_text("6 s")
    requests = [each for row in keyed_page.rows() if "rehearses" in (each := row["request"] or "")]
    small, whole = map(json.loads, requests)
    assert (small["model"], small["duration"]) == ("google/veo-3.1-t2v-fast", 4)
    assert (whole["model"], whole["duration"]) == ("google/veo-3.1-t2v", 6)
    assert small["seed"] == whole["seed"]
    expect(properly).to_be_hidden()


# Models that are gone


def test_a_model_that_is_gone_leaves_a_button_for_the_nearest(demo_page, tab):
    open_page(tab, demo_page)
    press_generate(tab, "A fox #model-gone")
    wait_for(tab, "The service no longer has this model")
    tab.get_by_role("button", name="Use Veo 3.1 Fast (free)").click()
    expect(tab.locator("#chips [data-field=model]")).to_have_text("Veo 3.1 Fast")
    expect(tab.get_by_role("button", name="Use Veo 3.1 (free)")).to_be_visible()
    requests = [each for row in demo_page.rows() if (each := row["request"])]
    first, second = map(json.loads, requests[-2:])
    assert (first["model"], second["model"]) == ("google/veo-3.1-t2v", "google/veo-3.1-t2v-fast")
    assert {**first, "model": ""} == {**second, "model": ""}  # also the seed


def test_the_catalogue_is_asked_in_the_background():
    class Client:
        base_url = "https://service"
        listed = threading.Event()

        def offered(self):
            self.listed.wait(10)
            return frozenset(MODELS) - {"google/veo-3.1-t2v"}

    prices, client = Prices(), Client()
    assert prices.models_gone(client) == frozenset()  # at once
    client.listed.set()
    prices.close()
    for _ in range(100):
        if gone := prices.models_gone(client):
            break
        time.sleep(0.02)
    assert gone == {"google/veo-3.1-t2v"}
