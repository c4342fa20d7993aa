"""A list of films: each row is paid for once, whenever it ends, and never above the budget."""

import contextlib
import errno
import json
import os
import signal
import time
from collections import Counter

import pytest
import test_make_clip
from fault_server import FaultServer, answer, close, file_answer, json_answer
from test_make_clip import KEY, Run, events, names, posts
from test_models import LITE, T2V
from test_prepare_picture import quarters, saved

import make_clip
from veo import media
from veo.film_list import LARGEST_LIST, Notes, open_notes, read_rows
from veo.terminal import (
    CHANGE_SOMETHING,
    DONE,
    LOOK_FIRST,
    NOT_MADE,
    RESUME,
    TRY_LATER,
    Progress,
)
from veo.types import InvalidRequest, TookTooLong

call, clip, folder = test_make_clip.call, test_make_clip.clip, test_make_clip.folder
"""Its fixtures."""

NOTES = "films.csv.notes.jsonl"
A_SECOND = {"kind": "fixed", "units": [{"unit": "second", "price": 0.25, "per": 1}]}


class Service:
    """Makes a clip at once, for 25 cents a second; the answers of `creates` come first."""

    def __init__(self, clip, *creates, look=None, spent=None, pricing=A_SECOND, file=None):
        self.clip, self.creates, self.look, self.spent = clip, [*creates], look, spent
        self.pricing, self.file = pricing, file
        self.made = 0

    def __call__(self, connection):
        request = connection.request
        if request.method == "POST":
            self.made += 1
            taken = json_answer(200, {"id": f"id-{self.made}", "status": "queued"})
            (self.creates.pop(0) if self.creates else taken)(connection)
        elif request.path.startswith("/v1/models"):
            name = request.path.partition("id=")[2].partition("&")[0].replace("%2F", "/")
            json_answer(200, {"data": [{"id": name, "pricing": self.pricing}]})(connection)
        elif request.path == "/clip.mp4":
            (self.file or file_answer(self.clip))(connection)
        else:
            url = f"http://{request.headers['Host']}/clip.mp4"
            usage = {} if self.spent is None else {"meta": {"usage": {"usd_spent": self.spent}}}
            done = {"id": "a", "status": "completed", "video": {"url": url}} | usage
            (self.look or json_answer(200, done))(connection)


@pytest.fixture
def films(folder, call):
    """Films a list: `films(service, rows, *options)`."""

    def film(service, rows, *options, budget="5"):
        (folder / "films.csv").write_text(rows)
        asked = ["--from", "films.csv", *(["--budget", budget] if budget else []), *options]
        with FaultServer(service) as server:
            code, out, err = call(*asked, service=server.url)
        return code, out, err, posts(server)

    return film


THREE = 'prompt,duration,seed\na fox,4,1\n"a cat, asleep",4,2\na dog,4,3\n'


def test_each_row_is_a_clip(films, clip, folder):
    code, out, err, sent = films(Service(clip), THREE, "--resolution", "720p")
    assert (code, out.split()) == (DONE, ["clip.mp4", "clip-2.mp4", "clip-3.mp4"]), err
    assert [each["prompt"] for each in sent] == ["a fox", "a cat, asleep", "a dog"]
    assert [each["seed"] for each in sent] == [1, 2, 3]
    assert {each["resolution"] for each in sent} == {"720p"}
    assert "Row 2: a cat, asleep" in err


def test_a_row_that_was_filmed_is_not_filmed_again(films, clip, folder):
    films(Service(clip), THREE)
    code, out, _, sent = films(Service(clip), THREE + "a bird,4,4\n")
    assert (code, out.split()) == (DONE, ["clip-4.mp4"])
    assert [each["prompt"] for each in sent] == ["a bird"]
    moved = "".join([THREE.splitlines(True)[0], *reversed(THREE.splitlines(True)[1:])])
    assert films(Service(clip), moved)[3] == []
    assert len(films(Service(clip), THREE + "a fox,4,1\n")[3]) == 1, "the same twice is two"


def test_any_option_may_be_a_column(films, clip):
    rows = "prompt,Model,lite,no_audio,negative-prompt,aspect_ratio,output\n"
    rows += f"a fox,,yes,x,,9:16,a.mp4\n-a cat,{T2V},,,people,,b.mp4\n"
    code, out, err, sent = films(Service(clip), rows)
    assert (code, out.split()) == (DONE, ["a.mp4", "b.mp4"]), err
    assert (sent[0]["model"], sent[0]["generate_audio"]) == (LITE, False)
    assert (sent[0]["aspect_ratio"], "seed" in sent[0]) == ("9:16", False)
    assert (sent[1]["prompt"], sent[1]["negative_prompt"]) == ("-a cat", "people")


def test_the_budget_is_for_all_of_it(films, clip):
    """4 s cost a dollar."""
    code, _, err, sent = films(Service(clip), THREE, budget="2.5")
    assert (code, len(sent)) == (CHANGE_SOMETHING, 2)
    assert "Row 3 costs $1.00, and $0.50 of the budget is left." in err
    assert films(Service(clip), THREE, budget="2.5")[3] == [], "nor is it anew the next time"
    assert len(films(Service(clip), THREE, budget="3")[3]) == 1


def test_what_was_really_charged_counts(films, clip):
    assert len(films(Service(clip, spent=0.5), THREE, budget="2")[3]) == 3


def test_a_price_is_the_sum(films, clip):
    code, out, _, sent = films(Service(clip), THREE, "--price", budget=None)
    assert (code, out, sent) == (DONE, "$3.00\n", [])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("", "names each column once"),
        ("a fox\n", "no column 'a fox'"),
        ("prompt\n", "0 rows"),
        ("duration\n4\n", "one is prompt"),
        ("prompt,prompt\na,b\n", "each column once"),
        ("prompt,json\na,yes\n", "no column 'json'"),
        ('prompt\na fox\n""\n', "Row 2: Describe the video"),
        ("prompt,duration\na fox,4\na cat,5\n", "Row 2: The duration must be"),
        ("prompt,duration\na fox,4\na cat,soon\n", "Row 2: argument --duration"),
        ("prompt,model\na fox,veo-0\n", "Row 1: argument --model"),
        ("prompt,image\na fox,no.jpg\n", "Row 1: no.jpg cannot be read"),
        ("prompt,seed\na fox,1,2\n", "Row 1 has more cells"),
        ("prompt;seed\na fox;1\n", "Separate the columns of the list with commas"),
        ('prompt\n"a fox\n', "no CSV"),
        ("prompt\n" + "a\n" * 1001, "1,001 rows"),
        ("prompt\n" + "a" * LARGEST_LIST, "larger than 1 MiB"),
        ("prompt,fast,lite\na fox,yes,yes\n", "Row 1: argument --lite: not allowed"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_before_anything_is_sent(films, clip, rows, says):
    code, _, err, sent = films(Service(clip), rows)
    assert (code, sent) == (CHANGE_SOMETHING, [])
    assert says in err


def test_without_a_budget_or_a_price_nothing_is_sent(films, clip):
    code, _, err, sent = films(Service(clip), THREE, budget=None)
    assert (code, sent, "Give --budget" in err) == (CHANGE_SOMETHING, [], True)
    code, _, err, sent = films(Service(clip, pricing={"kind": "variable"}), THREE)
    assert (code, sent) == (CHANGE_SOMETHING, [])
    assert "Row 1: the service does not say what it costs" in err
    for wrong in ("-1", "nan", "inf", "much"):
        assert films(Service(clip), THREE, f"--budget={wrong}", budget=None)[0] == CHANGE_SOMETHING


def test_a_list_goes_with_no_prompt_and_no_id(call):
    assert call("a fox", "--from", "films.csv")[0] == CHANGE_SOMETHING
    assert call("--resume", "a", "--from", "films.csv")[0] == CHANGE_SOMETHING
    code, _, err = call("--from", "no.csv")
    assert (code, "no.csv cannot be read" in err) == (CHANGE_SOMETHING, True)


# What can go wrong on the way


def test_a_refused_row_does_not_end_the_list(films, clip):
    refusal = json_answer(400, {"message": "Violates the content policy."})
    code, out, _, sent = films(Service(clip, refusal), THREE)
    assert (code, len(out.split()), len(sent)) == (CHANGE_SOMETHING, 2, 3)
    code, out, _, sent = films(Service(clip), THREE)
    assert (code, [each["prompt"] for each in sent]) == (DONE, ["a fox"]), "it may be sent again"


@pytest.mark.parametrize(
    ("create", "expected"),
    [
        (json_answer(401, {"message": "Expected a valid key."}), CHANGE_SOMETHING),
        (json_answer(403, {"message": "Out of credits."}), CHANGE_SOMETHING),
        (json_answer(429, {"message": "Too many."}, [("Retry-After", "90")]), TRY_LATER),
    ],
)
def test_what_is_no_fault_of_a_row_ends_the_list(films, clip, create, expected):
    code, _, _, sent = films(Service(clip, create), THREE)
    assert (code, len(sent)) == (expected, 1)
    assert films(Service(clip), THREE)[0] == DONE


@pytest.mark.parametrize("create", [close, answer(502)], ids=["no answer", "502"])
def test_what_may_have_been_taken_is_not_sent_again(films, clip, create):
    code, _, _, sent = films(Service(clip, create), THREE)
    assert (code, len(sent)) == (LOOK_FIRST, 1)
    code, out, err, sent = films(Service(clip), THREE)
    assert (code, len(out.split())) == (LOOK_FIRST, 2)
    assert [each["prompt"] for each in sent] == ["a cat, asleep", "a dog"]
    assert "Row 1: we don't know if the service got it" in err
    assert len(films(Service(clip), THREE + "a bird,4,4\n", budget="3.5")[3]) == 0, "it may cost"


def test_a_clip_that_did_not_arrive_is_fetched_and_not_paid_for_again(films, clip, monkeypatch):
    monkeypatch.setattr("veo.download._pause_before", lambda _: 0.0)
    code, _, err, sent = films(Service(clip, file=answer(500)), THREE)
    assert (code, len(sent), "--resume=id-1" in err) == (RESUME, 1, True)
    code, out, _, sent = films(Service(clip), THREE)
    assert (code, len(out.split()), len(sent)) == (DONE, 3, 2)


def test_a_film_that_failed_costs_nothing_and_is_not_tried_again(films, clip):
    failed = json_answer(200, {"id": "a", "status": "error", "error": {"message": "Dropped."}})
    code, _, _, sent = films(Service(clip, look=failed), THREE, budget="1")
    assert (code, len(sent)) == (NOT_MADE, 3)
    assert films(Service(clip), THREE)[::3] == (NOT_MADE, [])


def test_two_runs_of_a_list_do_not_meet(films, clip, folder):
    with open_notes(folder / NOTES):
        code, _, err, sent = films(Service(clip), THREE)
    assert (code, sent, "being filmed already" in err) == (CHANGE_SOMETHING, [], True)


def test_a_list_can_be_tried_with_demo_clips(folder, call, monkeypatch, clip):
    """They are no films of the list: the next run with a key makes them all."""
    (folder / "films.csv").write_text(THREE)
    with FaultServer(
        Service(
            clip, pricing={"kind": "fixed", "units": [{"unit": "second", "price": 0, "per": 1}]}
        )
    ) as server:
        monkeypatch.setattr("demo_server.DemoServer.start", lambda self: self)
        monkeypatch.setattr("demo_server.DemoServer.base_url", server.url, raising=False)
        code, out, err = call("--from", "films.csv")
    assert (code, len(out.split())) == (DONE, 3), err
    assert NOTES not in names(folder)


MANY = "prompt,duration\n" + "".join(f"fox {number},4\n" for number in range(9))
PLACED = "prompt,duration,output\n" + "".join(f"fox {n},4,{n}.mp4\n" for n in range(9))


@pytest.mark.slow
@pytest.mark.parametrize("table", [MANY, PLACED], ids=["folder", "output"])
def test_whenever_it_is_killed_no_row_is_paid_for_twice(folder, clip, table):
    """Killed while the service takes a request, while it is followed, and while it is fetched."""
    (folder / "films.csv").write_text(table)
    asked = ("--from", "films.csv", "--budget", "9", "--json")
    service = Service(clip)
    with FaultServer(service) as server:
        for text in ('"sending"', '"submitted"', '"update"', '"saved"', '"submitted"'):
            with Run(*asked, service=server.url) as process:
                process.wait_for(text)
        with Run(*asked, service=server.url) as process:
            code = process.end()
    sent = Counter(each["prompt"] for each in posts(server))
    assert max(sent.values()) == 1
    assert code in (DONE, LOOK_FIRST)
    rows = read_rows(folder / "films.csv", {"prompt", "duration", "seed", "output"})
    with open_notes(folder / NOTES) as notes:
        states = [notes.of(row).state for row in rows]
        assert notes.dollars <= 9
    assert states.count("saved") + states.count("sending") == 9
    assert KEY not in (folder / NOTES).read_text()


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_half_a_note_is_left_aside(films, clip, folder, cut):
    films(Service(clip), THREE, budget="1")
    whole = (folder / NOTES).read_bytes()
    (folder / NOTES).write_bytes(whole[:-cut])
    code, _, _, sent = films(Service(clip), THREE)
    assert code == DONE
    assert [each["prompt"] for each in sent] == ["a cat, asleep", "a dog"]
    for odd in (b"7\n", b"{}\n", b"\xff\n", b'{"row": [], "state": 7, "generation_id": 1}\n'):
        (folder / NOTES).write_bytes(odd + (folder / NOTES).read_bytes())
    assert films(Service(clip), THREE)[3] == []


def test_notes_are_kept_as_they_are_written(tmp_path):
    (tmp_path / "a.csv").write_text("prompt\na fox\n")
    (row,) = read_rows(tmp_path / "a.csv", {"prompt"})
    with open_notes(tmp_path / "notes") as notes:
        notes.write(row, "sending", dollars=1.5)
        assert json.loads((tmp_path / "notes").read_text())["state"] == "sending"
        notes.write(row, "taken", generation_id="a")
        with pytest.raises(InvalidRequest), open_notes(tmp_path / "notes"):
            pass
    with open_notes(tmp_path / "notes") as notes:
        known = notes.of(row)
        assert (known.state, known.generation_id, known.dollars) == ("taken", "a", 1.5)
        assert notes.dollars == 1.5


# What was paid for is not lost, and not paid for again


WITH_OUTPUT = "prompt,duration,output\na fox,4,x.mp4\n"
AWAY = answer(500)


@pytest.fixture
def at_once(monkeypatch):
    """A download that fails is tried again without waiting."""
    monkeypatch.setattr("veo.download._pause_before", lambda _: 0.0)


def test_another_place_makes_no_other_film(films, clip, folder):
    films(Service(clip), WITH_OUTPUT)
    assert films(Service(clip), WITH_OUTPUT.replace("x.mp4", "y.mp4"))[::3] == (DONE, [])


def test_a_clip_that_was_fetched_by_hand_does_not_stop_the_list(films, clip, folder, at_once):
    films(Service(clip, file=AWAY), WITH_OUTPUT)
    (folder / "x.mp4").write_bytes(clip)
    code, out, err, sent = films(Service(clip), WITH_OUTPUT)
    assert (code, out.split(), sent) == (DONE, ["x-2.mp4"], []), err


def test_a_clip_that_is_here_though_the_note_of_it_is_not_is_not_fetched(films, clip, folder):
    films(Service(clip), WITH_OUTPUT)
    notes = (folder / NOTES).read_text().splitlines(keepends=True)
    assert json.loads(notes.pop())["state"] == "saved"
    (folder / NOTES).write_text("".join(notes))
    code, out, err, sent = films(Service(clip), WITH_OUTPUT)
    assert (code, out, sent) == (DONE, "", [])
    assert f"Row 1 was filmed before: {folder / 'x.mp4'}" in err
    assert json.loads((folder / NOTES).read_text().splitlines()[-1])["state"] == "saved"
    (folder / NOTES).write_text("".join(notes))
    (folder / "x.mp4").write_bytes(b"")  # the name was held, the clip was not there yet
    assert films(Service(clip), WITH_OUTPUT)[1] == "x-2.mp4\n"


@pytest.mark.parametrize("failing", ["sending", "taken", "saved"])
def test_a_note_that_cannot_be_written_is_told_with_the_id(
    films, clip, folder, monkeypatch, failing
):
    """The disk is full from the first note of that state on, and no row is sent again."""
    write = Notes._append

    def full(self, line):
        if f'"state": "{failing}"'.encode() in line:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, line)

    monkeypatch.setattr(Notes, "_append", full)
    code, _, err, sent = films(Service(clip), THREE)
    assert "cannot be written (no space left on device)" in err
    assert (code, len(sent)) == ((CHANGE_SOMETHING, 0) if failing == "sending" else (RESUME, 1))
    assert ("--resume=id-1" in err) == (failing != "sending")


@contextlib.contextmanager
def stoppable():
    """The command's answer to Ctrl-C, in this process."""
    before, made = signal.getsignal(signal.SIGINT), []

    def handler(number, frame):
        made[-1](number, frame)

    class Noted(Progress):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(make_clip.Stop(self))

    signal.signal(signal.SIGINT, handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("make_clip.Progress", Noted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def test_a_stop_before_the_request_is_sent_again_leaves_the_row_as_it_was(films, clip, monkeypatch):
    busy = json_answer(429, {"message": "Too many."}, [("Retry-After", "5")])

    def stopped(self, seconds):
        self.is_sending = False
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("veo.terminal.Progress.sleep", stopped)
        code, _, _, sent = films(Service(clip, busy), THREE)
    assert (code, len(sent)) == (TRY_LATER, 1)
    assert len(films(Service(clip), THREE)[3]) == 3


def test_a_stop_while_a_row_is_refused_sends_no_other(films, clip):
    """The end that was asked for comes with the answer, whatever it is."""
    service = Service(clip)

    def stop_and_refuse(connection):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        json_answer(400, {"message": "Violates the content policy."})(connection)

    service.creates = [stop_and_refuse]
    with stoppable():
        code, _, err, sent = films(service, THREE)
    assert (code, len(sent), "Stopping when the id is here" in err) == (TRY_LATER, 1, True)


def test_a_stop_after_a_refused_row_comes_at_once(films, clip):
    """Row 2 looks for the clip to go on from when it is stopped: nothing is on its way."""
    service = Service(clip, json_answer(400, {"message": "Violates the content policy."}))

    def play(connection):
        if "generation_id=old" in connection.request.path:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
        service(connection)

    with stoppable():
        code, _, err, sent = films(play, "prompt,extend\na fox,\na cat,old\n", budget="9")
    assert (code, len(sent), "may be charged" in err) == (TRY_LATER, 1, False)


def test_half_a_note_is_taken_back(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("prompt\na fox\n")
    (row,) = read_rows(tmp_path / "a.csv", {"prompt"})
    really = os.write
    with open_notes(tmp_path / "notes") as notes:
        notes.write(row, "sending")
        before = (tmp_path / "notes").read_bytes()

        def half(number, line):
            if len(line) < 40:
                raise OSError(errno.ENOSPC, "No space left on device")
            return really(number, line[:-39])

        monkeypatch.setattr("veo.film_list.os.write", half)
        with pytest.raises(TookTooLong) as caught:
            notes.write(row, "taken", generation_id="a")
        assert caught.value.generation_id == "a"
        assert notes.of(row).state == "taken", "nobody may take it for not sent"
        monkeypatch.undo()
        assert (tmp_path / "notes").read_bytes() == before
    assert (tmp_path / "notes").read_bytes() == before


def test_what_is_paid_for_is_fetched_whatever_is_wrong_with_the_others(
    films, clip, folder, at_once
):
    """Its picture is gone, too."""
    (folder / "p.png").write_bytes(saved(quarters(400, 300)))
    rows = "prompt,image\na fox,p.png\n"
    films(Service(clip, file=AWAY), rows)
    (folder / "p.png").unlink()
    code, out, err, sent = films(Service(clip), rows + "a cat,no.png\n")
    assert (code, out, sent) == (CHANGE_SOMETHING, "clip.mp4\n", [])
    assert "Row 2: no.png cannot be read" in err


def test_a_clip_that_is_fetched_later_tells_what_was_sent(films, clip, folder, at_once):
    rows = "prompt,duration\na fox,4\n"
    _, _, _, (body,) = films(Service(clip, file=AWAY), rows)
    code, _, err, _ = films(Service(clip), rows)
    assert (code, f"seed {body['seed']}" in err) == (DONE, True)
    assert media.read_request(folder / "clip.mp4") == body


def test_a_clip_that_the_service_lost_does_not_stop_the_others(films, clip, at_once):
    films(Service(clip, file=AWAY), "prompt,duration\na fox,4\n")
    service = Service(clip)
    service.made = 1
    lost = json_answer(404, {"message": "There is no such generation."})

    def play(connection):
        is_look = "generation_id=id-1" in connection.request.path
        (lost if is_look else service)(connection)

    code, out, err, sent = films(play, "prompt,duration\na fox,4\na cat,4\n")
    assert (code, out, len(sent)) == (CHANGE_SOMETHING, "clip.mp4\n", 1), err
    code, _, err, sent = films(Service(clip, file=AWAY), "prompt,duration\na fox,4\n")
    assert (code, "--resume=id-1" in err, sent) == (RESUME, True, [])


def test_what_goes_wrong_with_a_row_is_nothing_of_the_one_before(films, clip, at_once):
    rows = "prompt,extend\na fox,\n"
    films(Service(clip, file=AWAY), rows)
    service = Service(clip, file=AWAY)
    unknown = json_answer(404, {"message": "There is no such generation."})

    def play(connection):
        is_look = "generation_id=unknown" in connection.request.path
        (unknown if is_look else service)(connection)

    _, _, err, _ = films(play, rows + "a cat,unknown\n", "--json")
    errors = [each for each in events(err) if each["event"] == "error"]
    assert [each["generation_id"] for each in errors] == ["id-1", None]


def test_all_pictures_are_looked_at_before_the_first_row_is_paid_for(films, clip, folder):
    (folder / "text.jpg").write_text("no picture")
    for column, says in (("image", "no JPEG, PNG or WebP"), ("extend", "must be an MP4 clip")):
        rows = f"prompt,{column}\na fox,\na cat,text.jpg\n"
        code, _, err, sent = films(Service(clip), rows)
        assert (code, sent) == (CHANGE_SOMETHING, [])
        assert "Row 2: " in err and says in err


def test_a_row_whose_clip_is_not_known_does_not_end_the_list(films, clip):
    rows = "prompt,extend\na fox,unknown\na cat,\n"
    unknown = json_answer(404, {"message": "There is no such generation."})
    service = Service(clip)

    def play(connection):
        is_look = "generation_id=unknown" in connection.request.path
        (unknown if is_look else service)(connection)

    code, out, err, sent = films(play, rows)
    assert (code, out, len(sent)) == (CHANGE_SOMETHING, "clip.mp4\n", 1)
    assert "Sending the request.\nThe service has no such" not in err


# Where the clips of a list go


def test_the_clips_go_into_a_folder_that_is_made(films, clip, folder):
    code, out, _, sent = films(Service(clip), THREE, "-o", "my/clips")
    assert (code, len(sent)) == (DONE, 3)
    assert out.split() == [f"my/clips/{name}" for name in ("clip.mp4", "clip-2.mp4", "clip-3.mp4")]
    code, _, err, sent = films(Service(clip), THREE + "a bird,4,4\n", "-o", "films.csv")
    assert (code, sent, "can be no folder" in err) == (CHANGE_SOMETHING, [], True)


def test_each_row_has_a_place_of_its_own_before_the_first_is_paid_for(films, clip, folder):
    code, _, err, sent = films(Service(clip), "prompt,output\na fox,x.mp4\na cat,./x.mp4\n")
    assert (code, sent, "Row 2: x.mp4 is the output of row 1" in err) == (
        CHANGE_SOMETHING,
        [],
        True,
    )
    (folder / "y.mp4").write_bytes(b"a film")
    code, _, err, sent = films(Service(clip), "prompt,output\na fox,x.mp4\na cat,y.mp4\n")
    assert (code, sent, "Row 2: y.mp4 exists already" in err) == (CHANGE_SOMETHING, [], True)


# What a list says


def test_a_list_tells_what_it_passes_over(films, clip, folder):
    films(Service(clip), THREE)
    code, out, err, sent = films(Service(clip), THREE)
    assert (code, out, sent) == (DONE, "", [])
    assert f"Row 2 was filmed before: {folder / 'clip-2.mp4'}\n" in err
    failed = json_answer(200, {"id": "a", "status": "error", "error": {"message": "Dropped."}})
    films(Service(clip, look=failed), "prompt\na bird\n")
    assert (
        "Row 1: the service could not make it before" in films(Service(clip), "prompt\na bird\n")[2]
    )


@pytest.mark.parametrize("word", ["yes", "Y", "on", "TRUE", "1", "x"])
def test_a_switch_is_on(films, clip, word):
    (body,) = films(Service(clip), f"prompt,lite\na fox,{word}\n")[3]
    assert body["model"] == LITE


def test_a_switch_is_off_or_says_that_it_is_not_understood(films, clip):
    bodies = films(Service(clip), "prompt,lite,duration\na fox,no,4\na cat,0,4\n")[3]
    assert {body["model"] for body in bodies} == {T2V}
    bodies = films(Service(clip), "prompt,lite,no-audio\na fox,no,no\n", "--lite", "--no-audio")[3]
    assert bodies[0]["model"] == T2V and "generate_audio" not in bodies[0]
    code, _, err, sent = films(Service(clip), "prompt,lite\na fox,ja\n")
    assert (code, sent, "Row 1: lite is 'ja': write yes or no" in err) == (
        CHANGE_SOMETHING,
        [],
        True,
    )


def test_what_a_row_says_takes_the_place_of_what_the_command_says(films, clip, folder):
    for name, size in (("wide", (400, 300)), ("tall", (300, 500))):
        (folder / f"{name}.png").write_bytes(saved(quarters(*size)))
    (folder / "a.mp4").write_bytes(clip)
    wide = films(Service(clip), "prompt,image\na fox,wide.png\n")[3]
    rows = "prompt,image\nthe fox,wide.png\n"
    (body,) = films(Service(clip), rows, "--last-frame-of", "a.mp4")[3]
    assert body["image_url"] == wide[0]["image_url"]
    rows = "prompt,reference\nthe fox,wide.png\n"
    (body,) = films(Service(clip), rows, "--reference", "tall.png", budget="9")[3]
    assert len(body["image_urls"]) == 1


def test_no_budget_is_no_film(films, clip):
    code, _, err, sent = films(Service(clip), THREE, budget="0")
    assert (code, sent, "and $0.00 of the budget is left" in err) == (CHANGE_SOMETHING, [], True)


def test_notes_that_cannot_be_kept_are_told(films, clip, folder):
    (folder / NOTES).mkdir()
    code, _, err, sent = films(Service(clip), THREE)
    assert (code, sent) == (CHANGE_SOMETHING, [])
    assert f"The notes {NOTES} cannot be written (is a directory)" in err
