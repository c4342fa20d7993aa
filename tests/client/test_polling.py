"""When to look again, decided without a clock."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veo.polling import PollState, next_wait
from veo.types import Busy, DownloadFailed, Failed, Generation, Refused, Unreachable, Video

VIDEO = Video(generation_id="a", url="https://cdn.example/a.mp4")


def watch(**overrides):
    return PollState("a", **{"expected": 120.0, "submitted_ago": 0.0, **overrides})


def seen(status, **fields):
    return Generation(generation_id="a", status=status, **fields)


def looks(expected, until):
    elapsed, times = 0.0, []
    while elapsed < until:
        elapsed += next_wait(elapsed, expected)
        times.append(round(elapsed, 1))
    return times


def test_the_looks_at_a_two_minute_video():
    assert looks(120, 70) == [3.0, 6.0, 12.0, 20.0, 28.0, 36.0, 44.0, 52.0, 60.0, 64.5, 69.0, 73.5]


def test_a_demo_of_eight_seconds_is_noticed_within_a_second():
    times = looks(8, 20)
    assert max(b - a for a, b in pairwise(times) if 4 < b < 12) <= 1.0


@given(st.floats(0, 1e5), st.floats(0.1, 1e4))
def test_a_wait_is_never_absurd(elapsed, expected):
    assert 0.25 <= next_wait(elapsed, expected) <= 15.0


def test_a_first_look_that_jitter_made_early_is_not_repeated_at_once():
    assert next_wait(2.7, 120.0) == 2.7


@given(st.floats(1, 1000))
def test_no_schedule_hammers_the_service(expected):
    assert len(looks(expected, 1200)) < 1200


def test_jitter_keeps_clients_from_marching_in_step():
    waits = {watch().wait(100.0) for _ in range(20)}
    assert len(waits) > 1
    assert all(4.05 <= wait <= 4.95 for wait in waits)


def test_a_status_never_goes_backwards():
    w = watch()
    for heard, shown in [
        ("queued", "queued"),
        ("generating", "generating"),
        ("queued", "generating"),
        ("upscaling", "upscaling"),
        ("queued", "upscaling"),
        (None, "upscaling"),
        ("generating", "generating"),
        ("completed", "completed"),
        ("generating", "completed"),
        ("error", "completed"),
    ]:
        w.record(seen(heard), 1.0)
        assert w.update(1.0, 1.0).status == shown


def test_an_error_ends_it_in_the_services_words():
    with pytest.raises(Failed, match="policy") as caught:
        watch().record(seen("error", error="policy"), 1.0)
    assert caught.value.generation_id == "a"


def test_a_video_before_completion_is_not_taken():
    w = watch()
    w.record(seen("generating", video=VIDEO), 1.0)
    assert w.video is None


def test_completed_without_address_is_given_a_minute():
    w = watch()
    w.record(seen("completed"), 100.0)
    w.record(seen("completed"), 160.0)
    assert w.video is None
    with pytest.raises(DownloadFailed) as caught:
        w.record(seen("completed"), 160.1)
    assert caught.value.generation_id == "a"


def test_an_address_that_comes_late_is_taken():
    w = watch()
    w.record(seen("completed"), 100.0)
    w.record(seen("completed", video=VIDEO), 150.0)
    assert w.video == VIDEO
    assert w.update(150.0, 3.0).next_poll_in == 0


def test_one_lost_answer_does_not_lose_the_video():
    w = watch()
    w.record_miss(Unreachable("no answer"), 1.0)
    assert w.update(1.0, 1.0).trouble == "no answer"
    w.record(seen("completed", video=VIDEO), 2.0)
    assert w.video == VIDEO
    assert w.update(2.0, 0).trouble is None


def test_ten_misses_in_a_row_end_it_and_one_success_forgives_them():
    w = watch()
    for _ in range(9):
        w.record_miss(Unreachable("no answer"), 1.0)
    w.record(seen("queued"), 1.0)
    for _ in range(9):
        w.record_miss(Busy("busy"), 1.0)
    with pytest.raises(Unreachable):
        w.record_miss(Unreachable("no answer"), 1.0)


def test_misses_back_off_to_half_a_minute():
    w, waits = watch(expected=8.0), []
    for _ in range(8):
        w.record_miss(Unreachable("no answer"), 5.0)
        waits.append(w.wait(5.0))
    assert waits == [2, 4, 8, 16, 30, 30, 30, 30]


@pytest.mark.parametrize(
    ("said", "waited"), [(45.0, 45.0), (3600.0, 60.0), (0.0, 2.0), (None, 2.0)]
)
def test_retry_after_is_honoured_up_to_a_minute(said, waited):
    w = watch(expected=8.0)
    w.record_miss(Busy("busy", retry_after=said), 5.0)
    assert w.wait(5.0) == waited


@pytest.mark.parametrize("reason", ["no_key", "key", "credits", "forbidden", "request"])
def test_a_refused_look_ends_it(reason):
    with pytest.raises(Refused):
        watch().record_miss(Refused("no", reason=reason), 1.0)


def test_not_found_is_no_news_right_after_creation():
    w = watch()
    for followed in (0.0, 30.0, 59.9):
        w.record_miss(Refused("no", reason="not_found"), followed)
    with pytest.raises(Refused):
        w.record_miss(Refused("no", reason="not_found"), 60.0)


def test_an_id_of_unknown_age_that_is_not_found_is_soon_given_up():
    w = watch(submitted_ago=None)
    w.record_miss(Refused("no", reason="not_found"), 2.9)
    with pytest.raises(Refused):
        w.record_miss(Refused("no", reason="not_found"), 3.0)


def test_an_id_of_unknown_age_is_looked_up_at_once():
    w = watch(submitted_ago=None)
    assert w.wait(0.0) == 0
    w.record_miss(Unreachable("no answer"), 0.0)
    assert w.wait(0.0) >= 2


def test_elapsed_counts_from_the_submission():
    assert watch(submitted_ago=100.0).update(5.0, 1.0).elapsed == 105.0
