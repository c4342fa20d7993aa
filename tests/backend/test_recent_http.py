"""How the last exchanges of each job are kept."""

from backend.recent_http import RecentHttp, RepeatedExchange
from veo.trace import Exchange

LOOK = Exchange(method="GET", address="/v2", seconds=0.1, status=200, answer="queued")


def test_what_says_the_same_is_counted():
    recent = RecentHttp()
    slower = Exchange(method="GET", address="/v2", seconds=0.3, status=200, answer="queued")
    other = Exchange(method="GET", address="/v2", seconds=0.1, status=200, answer="generating")
    for exchange in (LOOK, slower, other, LOOK):
        recent.note("a", exchange)
    assert recent.of("a") == (
        RepeatedExchange(number=1, exchange=slower, times=2),
        RepeatedExchange(number=2, exchange=other),
        RepeatedExchange(number=3, exchange=LOOK),
    )
    assert recent.of("b") == ()


def test_the_last_ones_of_the_last_jobs_are_kept():
    recent = RecentHttp(jobs=2, of_each=3)
    for status in range(10):
        recent.note("a", Exchange(method="GET", address="/v2", seconds=0, status=status))
    assert [heard.exchange.status for heard in recent.of("a")] == [7, 8, 9]
    assert [heard.number for heard in recent.of("a")] == [8, 9, 10]
    recent.note("b", LOOK)
    recent.note("a", LOOK)
    recent.note("c", LOOK)
    assert recent.of("b") == ()
    assert len(recent.of("a")) == 3
    recent.forget("a")
    recent.forget("never heard of")
    assert recent.of("a") == ()


def test_when_the_first_was_asked_and_the_last_answered_is_kept():
    times = iter((100.0, 110.0, 120.0))
    recent = RecentHttp(clock=lambda: next(times))
    for exchange in (LOOK, LOOK, Exchange(method="GET", address="/v2", seconds=2, status=503)):
        recent.note("a", exchange)
    looks, lost = recent.of("a")
    assert (looks.began, looks.ended) == (99.9, 110.0)
    assert (lost.began, lost.ended) == (118.0, 120.0)
