"""The command as it is run: its two streams, its exit codes, and the line that resumes.

A test starts the process where streams, signals or a terminal matter, and calls `main` where a
process adds nothing.
"""

import contextlib
import errno
import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import stat
import struct
import subprocess
import sys
import termios
import threading
import time
from dataclasses import fields
from pathlib import Path

import pytest
from conftest import KEY
from fault_server import (
    FaultServer,
    answer,
    close,
    file_answer,
    hang,
    html_answer,
    json_answer,
    refused_url,
    reset,
)

import make_clip
from demo import film
from veo import media, options, polling
from veo import terminal as veo_terminal
from veo.models import INPUTS
from veo.terminal import CHANGE_SOMETHING, DONE, LOOK_FIRST, NOT_MADE, RESUME, TRY_LATER
from veo.types import VideoRequest

SHORT = ("--duration", "4", "--resolution", "720p")
ID = "uuid:google/veo"
TAKEN = json_answer(200, {"id": ID, "status": "queued"})
BUSY = json_answer(429, {"message": "Too many requests."}, [("Retry-After", "50")])


# The command, run and called


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder of the command, as empty as it may be."""
    here = tmp_path / "my clips"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def environment(service, **others):
    """What a person has who has set the key, and no more."""
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LANG": "C.UTF-8"}
    if service:
        clean |= {"AIMLAPI_KEY": KEY, "AIMLAPI_BASE_URL": service}
    return clean | others


def command(*arguments):
    # A warning in the command is an error, as it is in a test.
    return [sys.executable, "-W", "error", make_clip.__file__, *arguments]


class Run:
    """The command in a process of its own; `out` and `err` are what came so far."""

    def __init__(self, *arguments, service=None, **environment_):
        self.process = subprocess.Popen(
            command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(service, **environment_),
        )
        self.out = self.err = ""

    def wait_for(self, text):
        """Read what it says until `text` was said."""
        while text not in self.err:
            line = self.process.stderr.readline()
            assert line, f"it ended without {text!r}: {self.err}"
            self.err += line

    def end(self, timeout=40):
        """The exit code, once it ended; nothing that it said may hold the key or a traceback."""
        out, err = self.process.communicate(timeout=timeout)
        self.out, self.err = self.out + out, self.err + err
        check_decency(self.out + self.err)
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def run(*arguments, **options):
    with Run(*arguments, **options) as process:
        return process.end(), process.out, process.err


def check_decency(said):
    assert KEY not in said
    assert "Traceback" not in said
    assert "Exception ignored" not in said


@pytest.fixture
def call(folder, monkeypatch, capfd):
    """`main` with all waiting cut short: gives exit code, standard output and standard error."""
    waits = veo_terminal.Progress.sleep
    monkeypatch.setattr(
        veo_terminal.Progress, "sleep", lambda self, seconds: waits(self, min(seconds, 0.02))
    )

    def call(*arguments, service=None, key=KEY):
        if key and service:
            monkeypatch.setenv("AIMLAPI_KEY", key)
        if service:
            monkeypatch.setenv("AIMLAPI_BASE_URL", service)
        try:
            code = make_clip.main(arguments)
        except SystemExit as end:
            code = end.code
        out, err = capfd.readouterr()
        check_decency(out + err)
        return code, out, err

    return call


def events(err):
    return [json.loads(line) for line in err.splitlines()]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def posts(server):
    return [request.json() for request in server.requests if request.method == "POST"]


# Services


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The bytes of a small clip."""
    path = tmp_path_factory.mktemp("clip") / "small.mp4"
    size = {"width": 160, "height": 90, "duration": 1}
    film.render(path, prompt="a fox", seed=1, sound=True, **size)
    return path.read_bytes()


def service(content=b"", *, generation_id=ID, created=TAKEN, look=None, file=None):
    """An honest service but for what is given: every generation is complete at once."""

    def play(connection):
        request = connection.request
        home = f"http://{request.headers['Host']}"
        done = {"id": generation_id, "status": "completed", "video": {"url": f"{home}/clip.mp4"}}
        if request.method == "POST":
            created(connection)
        elif request.path == "/clip.mp4":
            (file or file_answer(content))(connection)
        else:
            (look or json_answer(200, done))(connection)

    return play


WORKING = json_answer(200, {"id": ID, "status": "generating"})


# A clip, start to end


@pytest.mark.slow
def test_a_clip_is_saved_and_its_path_alone_is_on_standard_output(demo, folder):
    code, out, err = run("a fox", "-o", "fox.mp4", "--seed", "7", *SHORT, service=demo.base_url)
    assert (code, out) == (DONE, "fox.mp4\n")
    assert err.splitlines()[0] == "Sending the request."
    assert re.search(r"^id \S+:google/veo-3.1-t2v$", err, re.MULTILINE)
    assert re.search(r"^0:0\d of about 1:30  Fetching the video$", err, re.MULTILINE)
    what_came, what_did_not = err.splitlines()[-2:]
    assert re.fullmatch(r"320 × 180, 4 s, 24 fps, with sound, \d\.\d MB, seed 7", what_came)
    assert what_did_not == "Not as asked: 720p; it came with 320 × 180."
    assert "\r" not in err
    assert "\x1b" not in err
    assert names(folder) == ["fox.mp4"]
    assert media.inspect("fox.mp4").duration == 4
    assert media.read_request("fox.mp4")["seed"] == 7


@pytest.mark.slow
def test_without_a_key_the_demo_service_draws_a_clip_and_says_so(folder):
    code, out, err = run("a fox", *SHORT)
    assert (code, out) == (DONE, "clip.mp4\n")
    assert "No AIMLAPI_KEY" in err.splitlines()[0]
    assert "demo" in err.splitlines()[0]
    assert media.inspect("clip.mp4").height == 720
    assert names(folder) == ["clip.mp4"]


def test_json_lines_tell_all_and_the_last_is_that_it_is_saved(call, clip):
    with FaultServer(service(clip)) as server:
        code, out, err = call("a fox", "--json", "--seed", "7", service=server.url)
    assert (code, out) == (DONE, "clip.mp4\n")
    told = events(err)
    assert [each["event"] for each in told] == [
        "sending",
        "submitted",
        "update",
        "update",
        "saved",
    ]
    assert told[1] == {"event": "submitted", "generation_id": ID}
    assert told[2]["status"] == "queued"
    assert told[2]["expected"] == 120
    assert "clip.mp4" not in json.dumps(told[3]), "the clip's address is as good as the clip"
    saved = told[-1]
    assert saved["path"] == "clip.mp4"
    assert saved["generation_id"] == ID
    assert saved["request"] == VideoRequest("a fox", seed=7).body()
    assert saved["facts"]["width"] == 160


@pytest.mark.slow
def test_the_state_is_told_in_the_services_words_when_we_know_none(call, demo):
    code, _, err = call("a fox #unknown-status #flaky", *SHORT, service=demo.base_url)
    assert code == DONE
    assert "  upscaling" in err or "We keep checking." in err


# What is asked for


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ((), {}),
        (("--model", "google/veo-3.1-t2v-fast"), {"model": "google/veo-3.1-t2v-fast"}),
        (("--aspect-ratio", "9:16"), {"aspect_ratio": "9:16"}),
        (("--duration", "6"), {"duration": 6}),
        (("--resolution", "720p"), {"resolution": "720p"}),
        (("--negative-prompt", "people, text"), {"negative_prompt": "people, text"}),
        (("--seed", "0"), {"seed": 0}),
        (("--no-audio",), {"generate_audio": False}),
        (("--no-enhance-prompt",), {"enhance_prompt": False}),
        (("--no-auto-fix",), {"auto_fix": False}),
    ],
)
def test_each_option_reaches_the_request(call, options, sent):
    with FaultServer([answer(400)]) as server:
        code, _, _ = call("a fox", "--seed", "7", *options, service=server.url)
    assert code == CHANGE_SOMETHING
    assert posts(server) == [
        {"prompt": "a fox", "model": "google/veo-3.1-t2v", "aspect_ratio": "16:9", "seed": 7} | sent
    ]


def test_no_field_of_a_request_is_without_an_option():
    every = (
        *("a fox", "--model", "google/veo-3.1-t2v", "--aspect-ratio", "16:9", "--duration", "4"),
        *("--resolution", "720p", "--negative-prompt", "x", "--seed", "1"),
        *("--no-audio", "--no-enhance-prompt", "--no-auto-fix", "--provider", "fal"),
        *("--person-generation", "dont_allow", "--task", "edit"),
    )
    given = options.request_fields(options.read_options(every))
    assert set(given) == {field.name for field in fields(VideoRequest)} - {*INPUTS}


@pytest.mark.parametrize(
    "prompt",
    ["-a fox with a dash", "--json", "--", "-", "@fox", "\u2014price", "a\nfox  狐 🦊 $(id)"],
)
def test_any_prompt_can_be_given(call, prompt):
    with FaultServer([answer(400)]) as server:
        call("--seed", "7", "--", prompt, service=server.url)
    assert posts(server)[0]["prompt"] == prompt


def test_a_prose_that_begins_with_a_dash_needs_no_asking(call):
    with FaultServer([answer(400)]) as server:
        call("\u2014 a fox, in the snow", service=server.url)
    assert posts(server)[0]["prompt"] == "\u2014 a fox, in the snow"


def test_the_name_of_a_file_that_is_there_is_asked_about(call, folder):
    (folder / "prompt.txt").write_text("a fox")
    with FaultServer([answer(400)]) as server:
        code, _, err = call("prompt.txt", service=server.url)
        assert (code, server.connections) == (CHANGE_SOMETHING, 0)
        assert "give - and the file as standard input" in err
        call("fox.txt", service=server.url)
    assert posts(server)[0]["prompt"] == "fox.txt"


# A prompt from standard input


def piped(data, *arguments, service):
    return subprocess.run(
        command("-", *arguments), input=data, env=environment(service), capture_output=True
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "prompt"),
    [
        (b"a fox\n", "a fox"),
        ("\ufeffa fox 狐".encode(), "a fox 狐"),
        (b"a fox,\nin the snow\n\n", "a fox,\nin the snow"),
        (b"-x", "-x"),
    ],
)
def test_a_dash_reads_the_prompt_from_standard_input(folder, data, prompt):
    with FaultServer([answer(400)]) as server:
        piped(data, service=server.url)
    assert posts(server)[0]["prompt"] == prompt


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the prompt is empty"),
        (b"\n \n", "the prompt is empty"),
        ("\u200b\n".encode(), "the prompt is empty"),
        (b"\xff\xfea\x00", "no text in UTF-8"),
        (b"x" * 4001, "The prompt is 1 character too long (4,001 of 4,000)."),
        ("狐".encode() * 1_000_000, "too long ("),
    ],
)
def test_standard_input_that_holds_no_prompt_is_refused_before_anything_is_sent(folder, data, says):
    with FaultServer([]) as server:
        ended = piped(data, service=server.url)
    assert ended.returncode == CHANGE_SOMETHING
    assert says in ended.stderr.decode()
    assert server.connections == 0
    check_decency(ended.stderr.decode())


@pytest.mark.slow
def test_a_closed_standard_input_is_told(folder):
    with FaultServer([]) as server:
        ended = run_in_shell('"$@" <&-', "-", service=server.url)
    assert ended.returncode == CHANGE_SOMETHING
    assert "standard input" in ended.stderr
    assert server.connections == 0


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "sent"), [(b"y\n", 1), (b"n\n", 0), (b"\n", 0), (b"\x04", 0)])
def test_on_a_terminal_what_looks_like_an_option_is_asked_about(folder, typed, sent):
    with FaultServer([answer(400)]) as server:
        child, terminal = pty.fork()
        if child == 0:
            os.execve(sys.executable, command("@fox"), environment(server.url))  # noqa: S606  # ours
        said = b""
        while b"[y/N]" not in said:
            said += os.read(terminal, 1000)
        assert server.connections == 0
        os.write(terminal, typed)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == CHANGE_SOMETHING
        os.close(terminal)
        assert len(posts(server)) == sent


@pytest.mark.slow
def test_a_terminal_says_what_to_type(folder):
    with FaultServer([answer(400)]) as server:
        child, terminal = pty.fork()
        if child == 0:
            os.execve(sys.executable, command("-"), environment(server.url))  # noqa: S606  # ours
        said = b""
        while b"Ctrl-D" not in said:
            said += os.read(terminal, 1000)
        os.write(terminal, b"a fox\n\x04")
        os.waitpid(child, 0)
        os.close(terminal)
        assert posts(server)[0]["prompt"] == "a fox"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "PROMPT --resume --from is required"),
        (("",), "the prompt is empty"),
        (("x" * 4001,), "The prompt is 1 character too long (4,001 of 4,000)."),
        (("a fox", "--duration", "5"), "The duration must be 4, 6 or 8."),
        (("a fox", "--duration", "11"), "choose from"),
        (("a fox", "--duration", "long"), "invalid int value"),
        (("a fox", "--seed", "-1"), "0 to 4,294,967,295"),
        (("a fox", "--seed", str(2**32)), "0 to 4,294,967,295"),
        (("a fox", "--dur", "4"), "unrecognized arguments"),
        (("a fox", "in the snow"), "unrecognized arguments: in the snow"),
        (("a fox", "--resume", ID), "not allowed with"),
        (("--resume", ID, "--seed", "3"), "only -o and --json go with it"),
        (("--resume", ID, "--no-audio"), "only -o and --json go with it"),
        (("--resume", ID, "--price"), "only -o and --json go with it"),
        (("--resume", ""), "Give --resume the id"),
        (("--resume", " "), "Give --resume the id"),
        (("--resume", "\udcff"), "Give --resume the id"),
        (("--resume", "-x"), "expected one argument"),
        (("a fox", "-o", "no/such/folder.mp4"), "no such file or directory"),
        (("a fox", "-o", "x" * 300), "file name too long"),
        (("a fox \udcff",), "Type it again"),
        (("\u200b",), "the prompt is empty"),
        (("--", "\ufeff\u2060"), "the prompt is empty"),
        (("-x",), "required"),
        (("@prompt.txt",), "put -- before it"),
        (("\u2014price",), "put -- before it"),
        (("\u2013help",), "put -- before it"),
        (("\u2212-json",), "put -- before it"),
        (("/help",), "put -- before it"),
        (("-5",), "put -- before it"),
        (("@prompt.txt", "--seed", "7"), "put -- before it"),
    ],
)
def test_bad_input_is_told_in_a_sentence_and_nothing_is_sent(call, folder, arguments, says):
    with FaultServer([]) as server:
        code, out, err = call(*arguments, service=server.url)
    assert (code, out) == (CHANGE_SOMETHING, "")
    assert says in err
    assert len(err.splitlines()) <= 3
    assert server.connections == 0
    assert names(folder) == []


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("AIMLAPI_KEY", f"{KEY} and more", "copy it again"),
        ("AIMLAPI_KEY", f"{KEY}ключ", "copy it again"),
        ("AIMLAPI_BASE_URL", "http://service.example", "must look like https://host"),
        ("AIMLAPI_BASE_URL", "nonsense", "must look like https://host"),
    ],
)
def test_a_bad_key_or_address_in_the_environment_is_told(call, monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)
    code, _, err = call("a fox")
    assert code == CHANGE_SOMETHING
    assert says in err
    assert len(err.splitlines()) == 1


def test_a_service_of_ones_own_without_a_key_asks_for_the_key(call):
    with FaultServer([]) as server:
        code, _, err = call("a fox", service=server.url, key=None)
    assert code == CHANGE_SOMETHING
    assert "set AIMLAPI_KEY" in err


def test_resuming_without_a_key_asks_for_the_key_and_starts_no_demo(call):
    code, _, err = call("--resume", ID)
    assert code == CHANGE_SOMETHING
    assert "set AIMLAPI_KEY" in err
    assert "demo" not in err


# The price


PRICES = {
    "kind": "variants",
    "currency": "USD",
    "variants": [{"when": {"resolution": "1080p"}, "price": 0.65, "unit": "second", "per": 1}],
}


@pytest.mark.parametrize(
    ("pricing", "options", "says", "dollars"),
    [
        (PRICES, (), "$5.20\n", 5.2),
        (PRICES, ("--duration", "4"), "$2.60\n", 2.6),
        (PRICES, ("--resolution", "720p"), "no price available\n", None),
        ({}, (), "no price available\n", None),
    ],
)
def test_the_price_is_printed_and_nothing_is_made(call, folder, pricing, options, says, dollars):
    listed = json_answer(200, {"data": [{"id": "google/veo-3.1-t2v", "pricing": pricing}]})
    with FaultServer([listed, listed]) as server:
        assert call("a fox", "--price", *options, service=server.url) == (DONE, says, "")
        code, out, err = call("a fox", "--price", "--json", *options, service=server.url)
    assert (code, out) == (DONE, says)
    assert events(err) == [{"event": "price", "dollars": dollars}]
    assert {request.method for request in server.requests} == {"GET"}
    assert names(folder) == []


def test_a_demo_clip_is_free(call):
    code, out, err = call("a fox", "--price")
    assert (code, out) == (DONE, "free\n")
    assert "demo" in err


# Exit codes, by what the caller can do next


REFUSALS = [
    (json_answer(400, {"message": "duration: Expected 4"}), CHANGE_SOMETHING, "Change the prompt"),
    (json_answer(401, {"message": "Invalid API key"}), CHANGE_SOMETHING, "shows your keys"),
    (json_answer(403, {"message": "You are out of credits"}), CHANGE_SOMETHING, "Top up"),
    (json_answer(404, {"message": "No such path"}), CHANGE_SOMETHING, "base URL"),
    (json_answer(429, {}, [("Retry-After", "3600")]), TRY_LATER, "Wait 60 minutes"),
    (json_answer(429, {}), TRY_LATER, "Wait a minute"),
    (html_answer(502), LOOK_FIRST, "Check your AI/ML API account"),
    (json_answer(200, {"status": "queued"}), LOOK_FIRST, "Check your AI/ML API account"),
    (json_answer(401, {"message": f"Bad key {KEY}"}), CHANGE_SOMETHING, "Bad key [key]."),
    (close, LOOK_FIRST, "Check your AI/ML API account"),
    (reset, LOOK_FIRST, "Check your AI/ML API account"),
]


@pytest.mark.parametrize(("created", "exit_code", "says"), REFUSALS)
def test_a_request_that_was_not_taken_or_may_not_have_been(call, folder, created, exit_code, says):
    with FaultServer([created]) as server:
        code, out, err = call("a fox", service=server.url)
    assert (code, out) == (exit_code, "")
    assert says in err
    assert "--resume" not in err
    assert len(posts(server)) == 1
    assert names(folder) == []


LOOKS = [
    (json_answer(200, {"status": "error", "error": "Refused by a policy"}), NOT_MADE, "a policy."),
    (json_answer(401, {"message": "Expired key"}), RESUME, "shows your keys"),
    (json_answer(403, {"message": "No credits"}), RESUME, "Top up"),
    (json_answer(400, {"message": "generation_id: Expected a uuid"}), RESUME, "Check the id"),
    (html_answer(502), RESUME, "no usable answer"),
]


@pytest.mark.parametrize(("look", "exit_code", "says"), LOOKS)
def test_a_request_that_was_taken_is_never_lost(call, folder, look, exit_code, says):
    with FaultServer(service(look=look)) as server:
        code, out, err = call("a fox", service=server.url)
    assert (code, out) == (exit_code, "")
    assert says in err
    assert (f"--resume={ID}" in err) == (exit_code == RESUME)
    assert ("Nothing was charged" in err) == (exit_code == NOT_MADE)
    assert len(posts(server)) == 1
    assert names(folder) == []


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_an_id_that_the_service_refuses_has_to_be_changed(call, monkeypatch, status):
    monkeypatch.setattr(polling, "NOT_FOUND_GRACE_UNKNOWN_AGE", 0.0)
    with FaultServer([json_answer(status, {"message": "No."})]) as server:
        code, _, err = call("--resume", ID, service=server.url)
    assert code == CHANGE_SOMETHING
    assert "Nothing was charged" not in err


@pytest.mark.parametrize("arguments", [("a fox",), ("a fox", "--price")])
def test_nobody_there_is_told_and_nothing_was_created(call, arguments):
    code, out, err = call(*arguments, service=refused_url())
    assert (code, out) == (TRY_LATER, "")
    assert "127.0.0.1 could not be reached" in err
    assert "Nothing was charged." in err


def test_nobody_there_any_more_leaves_the_command_that_resumes(call):
    code, _, err = call("--resume", ID, service=refused_url())
    assert code == RESUME
    assert err.splitlines()[-1].endswith(f"--resume={ID}")


@pytest.mark.parametrize(
    ("word", "exit_code"),
    [
        ("#bad-key", CHANGE_SOMETHING),
        ("#no-credits", CHANGE_SOMETHING),
        ("#blocked", CHANGE_SOMETHING),
        ("#must-enhance", CHANGE_SOMETHING),
        pytest.param("#busy", DONE, marks=pytest.mark.slow),
        ("#too-many", TRY_LATER),
        ("#bad-gateway", LOOK_FIRST),
        ("#lost-answer", LOOK_FIRST),
        ("#refused", NOT_MADE),
        ("#failed", NOT_MADE),
        pytest.param("#expired-link", DONE, marks=pytest.mark.slow),
        ("#broken-file", RESUME),
    ],
)
def test_each_fault_of_the_demo_service_has_its_exit_code(call, demo, word, exit_code):
    arguments = (f"a fox {word}", "--no-enhance-prompt", "--json", *SHORT)
    code, out, err = call(*arguments, service=demo.base_url)
    last = events(err)[-1]
    assert code == exit_code
    if code == DONE:
        assert out == "clip.mp4\n"
        assert last["event"] == "saved"
    else:
        assert out == ""
        assert last["event"] == "error"
        assert last["exit_code"] == code
        assert last["message"]
        assert last["cost"]
        assert last["next_step"]
        assert bool(last["resume"]) == (code == RESUME)


def test_every_exit_code_stands_in_the_help(call):
    code, out, _ = call("--help", service=refused_url())
    assert code == 0
    told = dict(re.findall(r"^  (\d)  (.+)$", out, re.MULTILINE))
    assert {int(number): text for number, text in told.items()} == veo_terminal.EXIT_CODES
    assert set(veo_terminal.EXIT_CODES) == {
        DONE,
        CHANGE_SOMETHING,
        TRY_LATER,
        RESUME,
        LOOK_FIRST,
        NOT_MADE,
    }


def test_a_request_that_has_to_wait_says_so(call, clip):
    created = [BUSY, TAKEN]
    with FaultServer(service(clip, created=lambda c: created.pop(0)(c))) as server:
        code, _, err = call("a fox", service=server.url)
    assert code == DONE
    assert "The service did not take it. Trying again in" in err


# Where the clip goes


def test_no_file_is_overwritten_and_none_is_paid_for_in_vain(call, folder):
    (folder / "fox.mp4").write_text("mine")
    (folder / "nowhere.mp4").symlink_to("missing/target.mp4")
    with FaultServer([]) as server:
        for name in ("fox.mp4", "nowhere.mp4"):
            code, _, err = call("a fox", "-o", name, service=server.url)
            assert code == CHANGE_SOMETHING
            assert f"{name} exists already: choose another name" in err
    assert (folder / "fox.mp4").read_text() == "mine"
    assert server.connections == 0


def test_a_folder_takes_one_clip_after_the_other(call, clip, folder):
    (folder / "out").mkdir()
    with FaultServer(service(clip)) as server:
        for name in ("out/clip.mp4", "out/clip-2.mp4", "out/clip-3.mp4"):
            code, out, _ = call("--resume", ID, "-o", "out", service=server.url)
            assert (code, out) == (DONE, f"{name}\n")
    assert len(names(folder / "out")) == 3


def test_a_file_that_appears_while_waiting_is_not_overwritten(call, clip, folder):
    """What was paid for is saved beside it, and the path says where."""

    def intrude(connection):
        (folder / "fox.mp4").write_text("mine")
        file_answer(clip)(connection)

    with FaultServer(service(file=intrude)) as server:
        code, out, _ = call("a fox", "-o", "fox.mp4", service=server.url)
    assert (code, out) == (DONE, "fox-2.mp4\n")
    assert (folder / "fox.mp4").read_text() == "mine"
    assert media.inspect("fox-2.mp4").width == 160


@pytest.mark.slow
def test_two_at_once_in_one_folder_do_not_meet(folder, clip):
    both_are_here = threading.Barrier(2)

    def together(connection):
        with contextlib.suppress(threading.BrokenBarrierError):
            both_are_here.wait(timeout=20)
        file_answer(clip)(connection)

    with (
        FaultServer(service(generation_id="one", file=together)) as first,
        FaultServer(service(generation_id="two", file=together)) as second,
        Run("--resume", "one", service=first.url) as one,
        Run("--resume", "two", service=second.url) as two,
    ):
        assert one.end() == two.end() == DONE
    assert sorted([one.out, two.out]) == ["clip-2.mp4\n", "clip.mp4\n"]
    assert names(folder) == ["clip-2.mp4", "clip.mp4"]


def test_a_place_that_cannot_be_written_is_told_before_anything_is_paid_for(call, folder):
    (folder / "notes").write_text("mine")
    with FaultServer([]) as server:
        code, _, err = call("a fox", "-o", "notes/clip.mp4", service=server.url)
    assert code == CHANGE_SOMETHING
    assert "Cannot write notes/clip.mp4 (not a directory)" in err
    assert server.connections == 0


def limited(blocks, *arguments):
    """The command where no file may have more than so many blocks of 512 bytes."""
    return ["/bin/sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh", *command(*arguments)]


@pytest.mark.slow
def test_no_room_at_all_is_told_before_anything_is_paid_for(folder):
    with FaultServer([]) as server:
        ended = subprocess.run(
            limited(1000, "a fox"), env=environment(server.url), capture_output=True, text=True
        )
    assert ended.returncode == CHANGE_SOMETHING
    assert "Cannot write clip.mp4 (file too large)" in ended.stderr
    check_decency(ended.stderr)
    assert server.connections == 0
    assert names(folder) == []


@pytest.mark.slow
def test_a_disk_that_fills_up_loses_nothing(folder, clip):
    """The limit is that of a process, so this is a real failure to write, also for root."""
    large = clip + (6 << 20).to_bytes(4) + b"free" + bytes((6 << 20) - 8)
    with FaultServer(service(large)) as server:
        ended = subprocess.run(
            limited(4000, "--resume", ID),
            env=environment(server.url),
            capture_output=True,
            text=True,
        )
        assert ended.returncode == RESUME
        assert "File too large" in ended.stderr
        check_decency(ended.stderr)
        assert "clip.mp4" not in names(folder)
        assert paste(ended.stderr, server.url).stdout == f"{folder}/clip.mp4\n"
    assert names(folder) == ["clip.mp4"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EINVAL])
def test_a_place_that_cannot_lock_is_told_before_anything_is_paid_for(
    call, folder, monkeypatch, number
):
    def cannot(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", cannot)
    with FaultServer([]) as server:
        code, _, err = call("a fox", service=server.url)
    assert code == CHANGE_SOMETHING
    assert f"Cannot write {folder} ({os.strerror(number).lower()})" in err
    assert "choose another place with -o" in err
    assert server.connections == 0
    assert names(folder) == []


def test_a_folder_that_cannot_be_synced_takes_what_was_paid_for(call, clip, folder, monkeypatch):
    """As on CIFS: the clip is there, so that is no failure, and it is fetched once."""
    sync = os.fsync

    def refuse_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    with FaultServer(service(clip)) as server:
        assert call("a fox", service=server.url)[:2] == (DONE, "clip.mp4\n")
        assert [request.path for request in server.requests].count("/clip.mp4") == 1
    assert names(folder) == ["clip.mp4"]


@pytest.mark.parametrize("broken", ["veo.media.publish", "os.fsync", "make_clip.claim"])
def test_no_space_left_at_any_step_ends_in_the_command_that_resumes(
    call, clip, folder, monkeypatch, broken
):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    check = make_clip.check_place

    def check_then_break(place):
        check(place)
        monkeypatch.setattr(broken, full)

    monkeypatch.setattr(make_clip, "check_place", check_then_break)
    with FaultServer(service(clip)) as server:
        code, out, err = call("a fox", service=server.url)
    assert (code, out) == (RESUME, "")
    assert re.search("no space left|disk is full", err)
    assert f"--resume={ID}" in err
    assert "clip.mp4" not in names(folder)


# The command that resumes


def resume_line(err):
    assert "To resume" in err
    return err.splitlines()[-1].strip()


def paste(err, service, *, where="/", is_line=False):
    """Run the printed command in a shell, from another folder."""
    return subprocess.run(
        ["/bin/sh", "-c", err if is_line else resume_line(err)],
        cwd=where,
        env=environment(service),
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "generation_id",
    ["uuid:google/veo", "-x", "--json", "it's here", 'a b"$HOME"`id`;ls', "*", "狐", "a=b&c"],
)
def test_the_printed_command_fetches_the_clip_when_pasted(call, folder, clip, generation_id):
    out_of_luck = json_answer(401, {"message": "Not now"})
    taken = json_answer(200, {"id": generation_id})
    with FaultServer(service(created=taken, look=out_of_luck)) as server:
        code, _, err = call("a fox", "-o", "a fox's.mp4", service=server.url)
    assert code == RESUME
    with FaultServer(service(clip)) as server:
        pasted = paste(err, server.url)
    assert (pasted.returncode, pasted.stdout) == (DONE, f"{folder}/a fox's.mp4\n")
    assert posts(server) == []
    assert "generation_id=" in server.requests[0].path


def test_the_command_that_resumes_keeps_the_form_of_progress(call, folder, clip):
    with FaultServer(service(look=json_answer(401, {}))) as server:
        _, _, err = call("a fox", "--json", service=server.url)
    error = events(err)[-1]
    assert shlex.split(error["resume"]) == [
        sys.executable,
        make_clip.__file__,
        "-o",
        str(folder),
        "--json",
        f"--resume={ID}",
    ]
    assert error["generation_id"] == ID
    assert error["exit_code"] == RESUME


def test_an_id_that_a_terminal_would_obey_is_not_sent_to_it(call):
    taken = json_answer(200, {"id": "a\x1b[2Jb\rc"})
    with FaultServer(service(created=taken, look=json_answer(401, {}))) as server:
        _, _, err = call("a fox", service=server.url)
    assert "\x1b" not in err
    assert "\r" not in err
    assert "id a?[2Jb?c" in err


# Ctrl-C


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_while_waiting_prints_the_command_that_resumes(folder, clip, stop):
    with FaultServer(service(look=WORKING)) as server:
        with Run("a fox", "-o", "fox.mp4", service=server.url) as process:
            process.wait_for("Waiting in line")
            process.process.send_signal(stop)
            assert process.end() == RESUME
    assert process.out == ""
    assert "You pay only if the clip completes." in process.err
    # Nobody reads what is said when the terminal has gone.
    assert names(folder) == ([resume_note(ID)] if stop == signal.SIGHUP else [])
    with FaultServer(service(clip)) as server:
        assert paste(process.err, server.url).stdout == f"{folder}/fox.mp4\n"
    assert names(folder) == ["fox.mp4"]


def resume_note(generation_id):
    return make_clip.note_of(Path(), generation_id).name


STOPS = [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.slow
@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_while_the_request_is_on_its_way_waits_for_its_id(folder, clip, stop):
    """It comes twice, as from a shell and its terminal; then the answer names what was bought."""
    stopped = threading.Event()

    def answer_late(connection):
        stopped.wait(20)
        TAKEN(connection)

    with FaultServer(service(clip, created=answer_late)) as server:
        with Run("a fox", "-o", "fox.mp4", service=server.url) as process:
            await_request(server)
            for _ in range(2):
                process.process.send_signal(stop)
            process.wait_for("Stopping when the id is here")
            stopped.set()
            assert process.end() == RESUME
        assert f"id {ID}" in process.err
        assert len(posts(server)) == 1
        assert paste(process.err, server.url).stdout == f"{folder}/fox.mp4\n"
    assert names(folder) == ["fox.mp4"]


@pytest.mark.slow
def test_a_terminal_that_goes_while_the_request_is_on_its_way_leaves_the_id_in_a_file(folder, clip):
    """Its process group is told, and nothing that is printed arrives any more."""
    gone = threading.Event()

    def answer_late(connection):
        gone.wait(20)
        TAKEN(connection)

    with FaultServer(service(clip, created=answer_late)) as server:
        child, terminal = pty.fork()
        if child == 0:
            os.execve(sys.executable, command("a fox"), environment(server.url))  # noqa: S606  # ours
        await_request(server)
        os.close(terminal)  # the kernel sends SIGHUP
        time.sleep(0.2)
        gone.set()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == RESUME
        (note,) = names(folder)
        assert note == resume_note(ID)
        line = (folder / note).read_text()
        assert KEY not in line
        assert paste(line, server.url, is_line=True).stdout == f"{folder}/clip.mp4\n"
        assert len(posts(server)) == 1
    assert names(folder) == ["clip.mp4"]


@pytest.mark.slow
def test_what_nohup_has_survive_survives(folder, clip):
    waiting = threading.Event()

    def answer_late(connection):
        waiting.wait(20)
        TAKEN(connection)

    with FaultServer(service(clip, created=answer_late)) as server:
        ignoring = ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", *command("a fox")]
        with subprocess.Popen(ignoring, env=environment(server.url), stderr=-3, stdout=-1) as ours:
            await_request(server)
            ours.send_signal(signal.SIGHUP)
            time.sleep(0.1)
            waiting.set()
            assert ours.wait(30) == DONE
    assert names(folder) == ["clip.mp4"]


@pytest.mark.slow
def test_nobody_who_reads_loses_no_id(folder):
    """The pipe of standard error is closed, and the service fails after it took the request."""
    with FaultServer(service(look=json_answer(401, {}))) as server:
        ended = run_in_shell('"$@" 2>&1 >out | true', "a fox", service=server.url)
    check_decency(ended.stdout + ended.stderr)
    assert resume_note(ID) in names(folder)


@pytest.mark.slow
def test_a_stop_during_the_download_keeps_what_has_arrived(folder, clip):
    half = len(clip) // 2

    def stall_once(connection):
        if "Range" not in connection.request.headers:
            file_answer(clip, cut_after=half)(connection)
            connection.wait()
        file_answer(clip)(connection)

    with FaultServer(service(file=stall_once)) as server:
        with Run("--resume", ID, service=server.url) as process:
            process.wait_for("Fetching the video")
            await_part(folder, half)
            process.process.send_signal(signal.SIGINT)
            assert process.end() == RESUME
        assert "clip.mp4" not in names(folder)
        assert paste(process.err, server.url).stdout == f"{folder}/clip.mp4\n"
        assert server.requests[-1].headers["Range"] == f"bytes={half}-"
    assert names(folder) == ["clip.mp4"]


def await_part(folder, size):
    deadline = time.monotonic() + 20
    while not any(path.stat().st_size == size for path in folder.glob("*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_a_second_stop_while_the_request_is_on_its_way_says_to_look_first(folder):
    with FaultServer([hang]) as server:
        with Run("a fox", service=server.url) as process:
            await_request(server)
            process.process.send_signal(signal.SIGINT)
            process.wait_for("Another stop does not wait for it.")
            time.sleep(make_clip.ONE_STOP)
            process.process.send_signal(signal.SIGINT)
            assert process.end() == LOOK_FIRST
    assert "Check your AI/ML API account" in process.err
    assert "Nothing was" not in process.err


def await_request(server):
    deadline = time.monotonic() + 20
    while not server.requests:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_stop_between_two_tries_knows_that_nothing_was_taken():
    with FaultServer([BUSY]) as server:
        with Run("a fox", service=server.url) as process:
            process.wait_for("Trying again in 50 s.")
            process.process.send_signal(signal.SIGINT)
            assert process.end() == TRY_LATER
    assert "Nothing was charged." in process.err


@pytest.mark.slow
def test_a_stop_of_the_demo_leaves_nothing_to_resume(folder):
    with Run("a fox", "--json") as process:
        process.wait_for('"submitted"')
        process.process.send_signal(signal.SIGINT)
        assert process.end() == TRY_LATER
    last = events(process.err)[-1]
    assert last["event"] == "error"
    assert last["resume"] is None
    assert last["generation_id"] is None
    assert last["cost"] == "Demo clips are free."
    assert names(folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["demo", "service"])
def test_a_second_stop_right_after_the_first_changes_nothing(kind):
    with FaultServer(service(look=WORKING)) as server:
        with Run("a fox", service=server.url if kind == "service" else None) as process:
            process.wait_for("Waiting in line")
            for _ in range(5):
                process.process.send_signal(signal.SIGINT)
                time.sleep(0.002)
            assert process.end() == (RESUME if kind == "service" else TRY_LATER)
    assert process.err.count("Stopped.") == 1


# Streams that are closed, full or strange


def run_in_shell(script, *arguments, service):
    """`script` with the command as "$@"."""
    return subprocess.run(
        ["/bin/sh", "-c", script, "sh", *command(*arguments)],
        env=environment(service),
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        '"$@" 2>&1 >out | head -n 1; cat out',
        '"$@" 2>&-',
    ],
)
def test_a_reader_that_leaves_does_not_end_what_is_paid_for(folder, clip, script):
    with FaultServer(service(clip)) as server:
        ended = run_in_shell(script, "--resume", ID, service=server.url)
    check_decency(ended.stdout + ended.stderr)
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1] == "clip.mp4"
    assert media.inspect("clip.mp4").width == 160


@pytest.mark.slow
@pytest.mark.parametrize("script", ['"$@" >&-', '"$@" | true'])
def test_nobody_to_take_the_path_is_no_error(folder, clip, script):
    with FaultServer(service(clip)) as server:
        ended = run_in_shell(script, "--resume", ID, service=server.url)
    check_decency(ended.stderr)
    assert ended.returncode == 0
    assert "160 × 90" in ended.stderr
    assert (folder / "clip.mp4").exists()


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp437"])
def test_a_stream_that_cannot_write_every_letter_is_no_error(folder, clip, encoding):
    with FaultServer(service(clip)) as server:
        code, out, err = run(
            "--resume", "狐", "-o", "狐.mp4", service=server.url, PYTHONIOENCODING=encoding
        )
    assert (code, out) == (DONE, "狐.mp4\n")
    assert "160 \\xd7 90" in err


@pytest.mark.slow
def test_a_path_that_is_no_text_is_printed_as_it_is(folder, clip):
    name = os.fsdecode(b"\xff.mp4")
    with FaultServer(service(clip)) as server:
        ended = subprocess.run(
            command("--resume", ID, "-o", name), env=environment(server.url), capture_output=True
        )
    assert (ended.returncode, ended.stdout) == (DONE, b"\xff.mp4\n")
    assert (folder / name).exists()


# A terminal


class Terminal:
    """The command with its standard error on a terminal of so many columns."""

    def __init__(self, *arguments, columns, service, **environment_):
        self.main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.sent = ""
        self.process = subprocess.Popen(
            command(*arguments),
            stdout=subprocess.PIPE,
            stderr=side,
            text=True,
            env=environment(service, **environment_),
        )
        os.close(side)

    def wait_for(self, text):
        while text not in self.sent:
            assert self._read(), f"it ended without {text!r}: {self.sent}"

    def end(self):
        while self._read():
            pass
        return self.process.wait(timeout=20)

    def screen(self):
        """What is on the screen, line by line: a return goes back, a letter overwrites."""
        lines, column = [[]], 0
        for letter in self.sent:
            assert letter in "\r\n" or letter.isprintable(), "no escape code is needed"
            if letter == "\n":
                lines.append([])
            elif letter == "\r":
                column = 0
            else:
                lines[-1][column : column + 1] = [letter]
                column += 1
        return ["".join(line).rstrip() for line in lines]

    def _read(self):
        """Whether anything came; nothing does once the command has ended."""
        ready, _, _ = select.select([self.main], [], [], 20)
        assert ready, f"nothing came for a while: {self.sent}"
        try:
            came = os.read(self.main, 4096)
        except OSError:  # so Linux tells that the other side is closed
            return False
        self.sent += came.decode()
        return bool(came)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        os.close(self.main)


@pytest.mark.slow
def test_on_a_terminal_one_line_lives_and_leaves_nothing_behind(folder, clip):
    with FaultServer(service(clip)) as server:
        with Terminal("a fox", "--seed", "7", columns=80, service=server.url) as terminal:
            code, out = terminal.end(), terminal.process.stdout.read()
    assert (code, out) == (DONE, "clip.mp4\n")
    for second in range(3):
        assert f"\r0:0{second} of about 2:00  Waiting in line at the service" in terminal.sent
    assert "of about 2:00  Fetching the video " in terminal.sent, "the longer line is wiped away"
    assert terminal.screen()[:2] == ["Sending the request.", f"id {ID}"]
    assert re.fullmatch(r"160 × 90, 1 s, 24 fps, with sound, 0.\d MB, seed 7", terminal.screen()[2])
    differs = "Not as asked: 1080p, 8 s; it came with 160 × 90, 1 s."
    assert terminal.screen()[3:] == [differs, ""]


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "width"), [(20, 19), (1, 0), (0, 79)])
def test_a_live_line_is_never_wider_than_the_terminal(columns, width):
    with FaultServer(service(look=WORKING)) as server:
        with Terminal("a fox", columns=columns, service=server.url) as terminal:
            terminal.wait_for(f"id {ID}\r\n\r" + "0:00 of about"[:width])
            terminal.process.send_signal(signal.SIGINT)
            assert terminal.end() == RESUME
    assert f"--resume={ID}" in terminal.sent
    painted = re.findall(r"\r(0:0[^\r]*)", terminal.sent)
    assert {len(line) for line in painted} == ({width} if width else set())
    terminal.screen()


@pytest.mark.slow
def test_a_terminal_that_knows_nothing_gets_plain_lines(clip, folder):
    with FaultServer(service(clip)) as server:
        with Terminal("--resume", ID, columns=80, service=server.url, TERM="dumb") as terminal:
            assert terminal.end() == DONE
    assert "\r" not in terminal.sent.replace("\r\n", "\n")
    assert "Fetching the video" in terminal.sent


# What it takes to start


@pytest.mark.slow
def test_help_needs_neither_the_demo_server_nor_what_it_is_made_of():
    script = "import sys, make_clip; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(make_clip.__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "veo_client" in loaded
    assert not {"demo_server", "fastapi", "uvicorn", "numpy"} & {*loaded}
