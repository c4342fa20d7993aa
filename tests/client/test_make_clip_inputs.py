"""The command with pictures and clips: what is sent of them, and what is refused before."""

import base64
import contextlib
import io
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import test_make_clip
from fault_server import FaultServer, answer, json_answer
from PIL import Image
from test_film_list import stoppable
from test_make_clip import events, names, posts, service
from test_models import EXTEND, FAST, FIRST_LAST, I2V, LITE, OMNI, PICTURE, REFERENCES, T2V
from test_one_frame import psnr
from test_prepare_picture import quarters, saved

from demo import film
from demo_server import DemoServer
from veo import media
from veo.models import MODELS
from veo.pictures import prepare
from veo.terminal import CHANGE_SOMETHING, DONE, TRY_LATER

call, clip, folder = test_make_clip.call, test_make_clip.clip, test_make_clip.folder
"""Its fixtures."""


@pytest.fixture
def cat(folder):
    exif = Image.Exif()
    exif[0x010F] = "Canary phone"
    (folder / "cat.jpg").write_bytes(saved(quarters(800, 600), "JPEG", quality=95, exif=exif))
    (folder / "dog.png").write_bytes(saved(quarters(400, 900)))
    return folder


def decoded(address):
    head, _, content = address.partition(",")
    assert head == "data:image/jpeg;base64"
    return base64.b64decode(content)


def asked(call, *arguments):
    """The body of the one request, which is refused."""
    with FaultServer([answer(400)]) as server:
        code, _, err = call("a fox", *arguments, service=server.url)
    assert code == CHANGE_SOMETHING
    (body,) = posts(server) or pytest.fail(err)
    return body


def refused(call, *arguments, server=None):
    with server or FaultServer([]) as server:
        code, out, err = call("a fox", *arguments, service=server.url)
    assert (code, out) == (CHANGE_SOMETHING, "")
    assert posts(server) == []
    return err


# Which model


@pytest.mark.parametrize(
    ("arguments", "model"),
    [
        ((), T2V),
        (("--fast",), FAST),
        (("--lite",), LITE),
        (("--image", PICTURE), I2V),
        (("--image", PICTURE, "--fast"), "google/veo-3.1-i2v-fast"),
        (("--image", PICTURE, "--lite"), LITE),
        (("--image", PICTURE, "--last-image", PICTURE), FIRST_LAST),
        (("--image", PICTURE, "--last-image", PICTURE, "--lite"), LITE),
        (("--reference", PICTURE, "--reference", PICTURE), REFERENCES),
        (("--extend", "https://host/a.mp4"), EXTEND),
        (("--extend", "https://host/a.mp4", "--fast"), "google/veo3-1-fast-extend-video"),
        (("--extend", "https://host/a.mp4", "--model", OMNI, "--task", "edit"), OMNI),
        (("--lite", "--model", T2V), T2V),
        (("--image", PICTURE, "--model", OMNI), OMNI),
    ],
    ids=str,
)
def test_the_model_follows_from_what_is_given(call, arguments, model):
    assert asked(call, *arguments)["model"] == model


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--reference", PICTURE, "--lite"), f"There is no lite model for this: {REFERENCES}"),
        (("--reference", PICTURE, "--image", PICTURE), "No model makes a film of these together"),
        (("--last-image", PICTURE), "No model"),
        (("--image", PICTURE, "--model", T2V), f"{I2V} takes it"),
        (("--image", PICTURE, "--seed", "7"), "The seed cannot be chosen"),
        (("--image", PICTURE, "--last-frame-of", "a"), "not allowed with"),
        (("--fast", "--lite"), "not allowed with"),
        (["--reference", PICTURE] * 4, "4 references are too many"),
        (("--image", "http://host.example/a.png"), "cannot be read"),
        (("--image", "no.jpg"), "no.jpg cannot be read (no such file"),
        (("--image", "."), "cannot be read"),
        (("--image", "a\0b"), "cannot be read"),
        (("--extend", "a b"), "clip to go on from"),
        (("--duration", "5", "--image", PICTURE), "The duration must be 4, 6 or 8"),
    ],
    ids=str,
)
def test_what_cannot_be_is_told_before_anything_is_sent(call, arguments, says):
    assert says in refused(call, *arguments)


def test_nothing_of_a_film_goes_with_resume(call):
    for option in (("--image", PICTURE), ("--fast",), ("--extend", "a")):
        code, _, err = call("--resume", "a", *option)
        assert (code, "only -o and --json" in err) == (CHANGE_SOMETHING, True)


# Pictures


def test_a_picture_is_sent_as_the_film_has_it_and_without_what_else_is_in_it(call, cat):
    body = asked(call, "--image", "cat.jpg", "--resolution", "720p")
    sent = decoded(body["image_url"])
    assert sent == prepare((cat / "cat.jpg").read_bytes(), (1280, 720))
    assert b"anary" not in sent
    assert body["aspect_ratio"] == "16:9"


def test_the_shape_follows_from_the_first_picture(call, cat):
    body = asked(call, "--image", "dog.png")
    assert body["aspect_ratio"] == "9:16"
    assert Image.open(io.BytesIO(decoded(body["image_url"]))).size == (1080, 1920)
    assert asked(call, "--image", "dog.png", "--aspect-ratio", "16:9")["aspect_ratio"] == "16:9"


def test_first_last_and_references_each_have_their_place(call, cat):
    body = asked(call, "--image", "cat.jpg", "--last-image", "dog.png", "--resolution", "720p")
    first, last = (
        Image.open(io.BytesIO(decoded(body[name]))) for name in ("image_url", "last_image_url")
    )
    assert first.size == last.size == (1280, 720)
    body = asked(call, "--reference", "cat.jpg", "--reference", "dog.png", "--reference", PICTURE)
    cat_, dog, address = body["image_urls"]
    assert address == PICTURE
    assert Image.open(io.BytesIO(decoded(cat_))).size == (800, 600)
    assert Image.open(io.BytesIO(decoded(dog))).size == (400, 900)


def test_a_file_that_is_no_picture_is_refused(call, folder):
    (folder / "a.jpg").write_bytes(b"<html>")
    assert "no JPEG, PNG or WebP" in refused(call, "--image", "a.jpg")
    (folder / "a.jpg").write_bytes(bytes((12 << 20) + 1))
    assert "larger than 12 MiB" in refused(call, "--image", "a.jpg")
    with contextlib.suppress(OSError):
        assert "larger than 12 MiB" in refused(call, "--image", "/dev/zero")


def test_without_the_extra_it_says_what_to_install(call, cat, monkeypatch):
    monkeypatch.setattr("veo.given.pictures", None)
    monkeypatch.setattr("veo.given.media", None)
    for option in ("--image", "--last-frame-of"):
        assert "film-a-sentence[media]" in refused(call, option, "cat.jpg")


# Clips


def test_a_clip_in_a_file_is_sent_whole(call, folder, clip):
    (folder / "a.mp4").write_bytes(clip)
    head, _, content = asked(call, "--extend", "a.mp4")["video_url"].partition(",")
    assert head == "data:video/mp4;base64"
    assert base64.b64decode(content) == clip
    (folder / "a.mp4").write_bytes(b"no clip")
    assert "must be an MP4 clip" in refused(call, "--extend", "a.mp4")


def test_the_last_frame_of_a_clip_in_a_file_is_the_first(call, folder, clip):
    (folder / "a.mp4").write_bytes(clip)
    sent = decoded(asked(call, "--last-frame-of", "a.mp4")["image_url"])
    last = Image.open(io.BytesIO(media.last_frame("a.mp4")))
    assert psnr(Image.open(io.BytesIO(sent)).resize(last.size), last) > 30
    (folder / "a.mp4").write_bytes(clip[:2000])
    assert "cut short" in refused(call, "--last-frame-of", "a.mp4")


def earlier(clip, then):
    """A service that has the clip `old`, and refuses the next with 400."""
    return service(clip, generation_id="old", created=then)


def test_a_clip_by_its_id_is_asked_for_first(call, folder, clip):
    for option, field in (("--extend", "video_url"), ("--last-frame-of", "image_url")):
        with FaultServer(earlier(clip, answer(400))) as server:
            code, _, _ = call("a fox", option, "old", service=server.url)
        (body,) = posts(server)
        assert code == CHANGE_SOMETHING
        assert body[field].startswith("http://" if option == "--extend" else "data:image/jpeg")
        assert names(folder) == []


def test_an_id_that_is_not_known_is_no_clip_of_ours_to_resume(call):
    unknown = json_answer(404, {"message": "There is no such generation."})
    for option in ("--extend", "--last-frame-of"):
        err = refused(call, option, "old", server=FaultServer([unknown]))
        assert "resume" not in err


def test_a_service_that_is_away_is_tried_later(call):
    for option in ("--extend", "--last-frame-of"):
        with FaultServer([answer(503)]) as server:
            code, _, err = call("a fox", option, "old", service=server.url)
        assert (code, "resume" in err) == (TRY_LATER, False)


def test_the_shape_is_that_of_the_clip_that_is_gone_on_from(call, folder, tmp_path):
    """By its id it is seen once it was fetched."""
    size = {"width": 90, "height": 160, "duration": 1}
    film.render(tmp_path / "tall.mp4", prompt="a fox", seed=1, sound=False, **size)
    with FaultServer(earlier((tmp_path / "tall.mp4").read_bytes(), answer(400))) as server:
        call("a fox", "--last-frame-of", "old", service=server.url)
        call("a fox", "--last-frame-of", "old", "--aspect-ratio", "16:9", service=server.url)
    first, second = posts(server)
    assert first["aspect_ratio"] == "9:16"
    assert Image.open(io.BytesIO(decoded(first["image_url"]))).size == (1080, 1920)
    assert second["aspect_ratio"] == "16:9"


def test_a_model_that_does_not_look_at_the_clip_is_told_its_shape(call, folder, tmp_path):
    size = {"width": 90, "height": 160, "duration": 1}
    film.render(folder / "tall.mp4", prompt="a fox", seed=1, sound=False, **size)
    content = (folder / "tall.mp4").read_bytes()
    for clip in ("tall.mp4", "old"):
        with FaultServer(earlier(content, answer(400))) as server:
            call("a fox", "--extend", clip, "--model", OMNI, service=server.url)
            call("a fox", "--extend", clip, service=server.url)
        first, second = posts(server)
        assert first["aspect_ratio"] == "9:16"
        assert second.get("aspect_ratio", "auto") == "auto"


def test_the_earlier_clip_is_asked_for_once_and_before_anything_is_said_to_be_sent(call, clip):
    with FaultServer(earlier(clip, answer(503))) as server:
        call("a fox", "--extend", "old", service=server.url)
    assert [each.method for each in server.requests] == ["GET", "POST"]
    with FaultServer([answer(503)]) as server:
        assert "Sending" not in call("a fox", "--extend", "old", service=server.url)[2]


def test_a_stop_while_the_earlier_clip_is_asked_for_sends_nothing(call, clip):
    play = earlier(clip, json_answer(200, {"id": "new", "status": "queued"}))

    def stopped(connection):
        if connection.request.method == "GET":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
        play(connection)

    for option in ("--extend", "--last-frame-of"):
        with FaultServer(stopped) as server, stoppable():
            code, _, err = call("a fox", option, "old", service=server.url)
        assert (code, posts(server)) == (TRY_LATER, [])
        assert "Sending" not in err


@pytest.mark.parametrize("text", ["fxo.mp4", "no such clip", "clips/FXO.MP4", ""])
@pytest.mark.parametrize("option", ["--extend", "--last-frame-of"])
def test_what_can_be_no_id_is_a_file_that_is_not_here(call, option, text):
    assert f"There is no file {text!r}" in refused(call, f"{option}={text}")


@pytest.mark.parametrize("option", ["--image", "--last-image", "--reference"])
def test_a_picture_without_a_name_is_no_film_of_words_alone(call, option):
    """As from a variable of the shell that is not set."""
    assert "cannot be read" in refused(call, option, "")


def test_a_clip_may_come_through_a_pipe(call, folder, clip):
    os.mkfifo("pipe")
    writing = threading.Thread(target=lambda: Path("pipe").write_bytes(clip))
    writing.start()
    _, _, content = asked(call, "--extend", "pipe")["video_url"].partition(",")
    writing.join()
    assert base64.b64decode(content) == clip


def test_a_last_picture_alone_is_told(call):
    assert "a last picture without a first one" in refused(call, "--last-image", PICTURE)


def test_a_budget_is_for_a_list(call):
    assert "--budget is for the list of --from" in refused(call, "--budget", "0")


def test_a_signed_address_is_sent_and_not_kept(call, folder, clip):
    signed = f"{PICTURE}?X-Amz-Signature=CANARY#CANARY"
    with FaultServer(service(clip)) as server:
        code, _, err = call("a fox", "--image", signed, "--json", service=server.url)
    assert (code, posts(server)[0]["image_url"]) == (DONE, signed)
    assert "CANARY" not in err
    assert b"CANARY" not in (folder / "clip.mp4").read_bytes()
    assert media.read_request("clip.mp4")["image_url"] == PICTURE


@pytest.mark.parametrize("size", [4_000, 3 << 20])
def test_a_picture_that_the_service_repeats_is_not_shown(call, cat, size):
    """However long its answer is: it says that nothing was taken."""
    said = json_answer(
        400, {"message": f"No picture: data:image/jpeg;base64,{'A' * size} It is dark"}
    )
    with FaultServer([said]) as server:
        code, _, err = call("a fox", "--image", "cat.jpg", service=server.url)
    assert (code, "AAAA" in err, "may be charged" in err) == (CHANGE_SOMETHING, False, False)
    assert ("data:… It is dark" in err) == (size < 1 << 20)


# The films


@pytest.mark.slow
def test_a_film_is_made_of_a_picture_and_gone_on_from(call, cat):
    """The demo service's: the first frame is the picture, the next clip goes on from it."""
    small = ("--resolution", "720p", "--json")
    with DemoServer() as demo:
        code, out, err = call(
            "a cat",
            "--image",
            "cat.jpg",
            "--lite",
            "--duration",
            "4",
            *small,
            service=demo.base_url,
        )
        assert (code, out) == (DONE, "clip.mp4\n"), err
        told = events(err)[-1]
        code, _, err = call(
            "on", "--extend", told["generation_id"], "-o", "on.mp4", *small, service=demo.base_url
        )
        assert code == DONE, err
        went_on = events(err)[-1]
        code, _, err = call(
            "on",
            "--last-frame-of",
            "clip.mp4",
            "-o",
            "next.mp4",
            "--duration",
            "4",
            *small,
            "--fast",
            service=demo.base_url,
        )
        assert code == DONE, err
    sent = Image.open(io.BytesIO(prepare((cat / "cat.jpg").read_bytes(), (1280, 720))))
    first = Image.open(io.BytesIO(media.frame_at("clip.mp4", 0)))
    assert psnr(first, sent) > 30
    assert told["request"]["image_url"].startswith("picture:")
    assert media.read_request("clip.mp4") == told["request"]
    assert media.inspect("on.mp4").duration == pytest.approx(11, abs=0.3)
    assert went_on["differences"] == []
    last, following = media.last_frame("clip.mp4"), media.frame_at("next.mp4", 0)
    assert psnr(Image.open(io.BytesIO(last)), Image.open(io.BytesIO(following))) > 30


def test_help_stays_readable(call):
    code, out, _ = call("--help")
    assert code == DONE
    assert max(map(len, out.splitlines())) <= 100
    assert all(name in out for name in MODELS)
    assert "360p, 720p, 1080p, 4k" in " ".join(out.split())
