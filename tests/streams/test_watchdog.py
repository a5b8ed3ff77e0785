"""The watchdog's decision: what stands still is told after its limit, and nothing else ever is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streams.lifeline import Lifeline
from streams.live import LiveState
from streams.observation import Observer
from streams.producer import OUTAGE_LIMIT_S
from streams.settings import Settings
from streams.watchdog import (
    FROZEN_S,
    LOOK_EVERY_S,
    LOOP_LIMIT_S,
    UNWATCHED,
    Seen,
    Watchdog,
    WatchThread,
)
from streams.worker import Worker

STUCK_S = 30.0
RECOVERY_S = 50.0
SOURCE = ("predictions", 2)


class Clock:
    """Looks once a second, and counts the loop's beats."""

    def __init__(self) -> None:
        self.watchdog = Watchdog(stuck_after_s=STUCK_S, recovery_limit_s=RECOVERY_S)
        self.now_s = 1_000.0
        self.beats = 0

    def run(self, seconds: float, **seen: Any) -> str | None:  # noqa: ANN401
        """Look for so long at the same things; the first line told."""
        for _ in range(int(seconds)):
            self.now_s += 1.0
            self.beats += 1
            shown = {"state": "ready", "reachable": True, "beats": self.beats} | seen
            line = self.watchdog.look(self.now_s, Seen(**shown))
            if line is not None:
                return line
        return None


LAGGING: dict[str, Any] = {"positions": {SOURCE: 7}, "lags": {SOURCE: 3}}
UNSAVED: dict[str, Any] = {"positions": {SOURCE: 7}, "unsaved": {SOURCE: 5}}


@pytest.mark.parametrize(
    ("seen", "words"),
    [(LAGGING, "predictions/2 gave nothing from offset 7 on"), (UNSAVED, "is saved up to 5")],
)
def test_a_source_that_stands_still_is_told_after_its_limit(
    seen: dict[str, Any], words: str
) -> None:
    """Not before the limit, and with the source and the offset."""
    clock = Clock()
    assert clock.run(STUCK_S - 2, **seen) is None
    line = clock.run(5, **seen)
    assert line is not None
    assert words in line


@pytest.mark.parametrize("seen", [LAGGING, UNSAVED])
def test_a_long_list_of_windows_is_no_standstill(seen: dict[str, Any]) -> None:
    """While judges get on with what one record made due, nothing is stuck; afterwards the limit
    counts from there."""
    clock = Clock()
    for part in range(30):
        assert clock.run(STUCK_S / 2, judged_at_s=float(part), **seen) is None
    assert clock.run(STUCK_S + 5, judged_at_s=29.0, **seen) is not None


def test_progress_starts_the_clock_anew() -> None:
    """A batch a minute is progress, however long the lag lasts."""
    clock = Clock()
    for position in range(20):
        assert clock.run(STUCK_S - 2, positions={SOURCE: position}, lags={SOURCE: 3}) is None
        saved = {"positions": {SOURCE: 100}, "unsaved": {SOURCE: position}}
        assert clock.run(STUCK_S - 2, **saved) is None


def test_nothing_to_read_is_no_standstill() -> None:
    """A source at its end may be silent for ever."""
    assert Clock().run(10 * STUCK_S, positions={SOURCE: 7}, lags={SOURCE: 0}) is None


def test_an_absent_broker_stops_the_clocks_until_its_own_limit() -> None:
    """While no broker answers nothing is stuck; it gives up after OUTAGE_LIMIT_S, and a broker
    that comes back has the whole limit again."""
    clock = Clock()
    assert clock.run(STUCK_S - 2, **LAGGING) is None
    assert clock.run(OUTAGE_LIMIT_S - 2, reachable=False, **LAGGING) is None
    assert clock.run(STUCK_S - 2, **LAGGING) is None
    line = clock.run(OUTAGE_LIMIT_S + 5, reachable=False, **LAGGING)
    assert line is not None
    assert "no broker answered" in line


def test_a_blocked_loop_is_told_whatever_else_is_seen() -> None:
    """Also while no broker answers."""
    clock = Clock()
    assert clock.run(LOOP_LIMIT_S - 1, beats=5, reachable=False) is None
    line = clock.run(5, beats=5, reachable=False)
    assert line is not None
    assert "event loop" in line


def test_a_restore_may_take_long_but_must_get_on() -> None:
    """Progress is what counts; without any it is told."""
    clock = Clock()
    for done in range(10):
        assert clock.run(RECOVERY_S - 2, state="recovering", restored=(done, 10)) is None
    line = clock.run(RECOVERY_S + 5, state="recovering", restored=(9, 10))
    assert line is not None
    assert "recovery_limit_s" in line


def test_reading_a_long_changelog_is_progress() -> None:
    """Before anything is restored its snapshots are read, for as long as that takes; a new
    assignment in the middle begins anew."""
    live, clock = LiveState(state="recovering"), Clock()
    read = [1, 0]
    live.changelog_read = lambda: (read[0], read[1])
    observer = Observer(live, ["127.0.0.1:1"], None, lambda: None)
    observer._ask_if_suspect = lambda *_: None  # type: ignore[method-assign]
    for records, generation in ((10, 1), (20, 1), (20, 2), (30, 2)):
        read[:] = generation, records
        seen = observer.see()
        assert clock.run(RECOVERY_S - 2, state=seen.state, restored=seen.restored) is None
    seen = observer.see()
    line = clock.run(RECOVERY_S + 5, state=seen.state, restored=seen.restored)
    assert line is not None
    assert "recovery_limit_s" in line


def test_a_new_assignment_starts_the_clocks_anew() -> None:
    """The same offset in another generation is a new beginning."""
    clock = Clock()
    for generation in range(5):
        assert clock.run(STUCK_S - 2, generation=generation, **LAGGING) is None


class Watched:
    """A watching thread's body over a made-up clock, run in the test's own thread."""

    def __init__(self, look: Callable[[int], Seen], look_lasts_s: float = 0.0) -> None:
        self.now_s = 0.0
        self.looks = 0
        self.sleeps_s: dict[int, float] = {}
        """By how much longer than asked it sleeps before a look."""
        self.look_lasts_s = look_lasts_s
        self.told: list[tuple[float, str]] = []
        self.enough = 1_000
        self._look = look
        watchdog = Watchdog(stuck_after_s=STUCK_S, recovery_limit_s=RECOVERY_S)
        self.thread = WatchThread(watchdog, self._see, self._end, lambda: self.now_s)
        self.thread._over = cast("Any", SimpleNamespace(wait=self._pause, is_set=lambda: False))

    def _pause(self, seconds: float) -> bool:
        self.looks += 1
        self.now_s += seconds + self.sleeps_s.get(self.looks, 0.0)
        return self.looks > self.enough

    def _see(self) -> Seen:
        self.now_s += self.look_lasts_s
        return self._look(self.looks)

    def _end(self, line: str) -> None:
        self.told.append((self.now_s, line))


def lagging(look: int) -> Seen:
    """A source that gives nothing."""
    return Seen(state="ready", beats=look, reachable=True, **LAGGING)


def test_a_look_that_takes_long_stops_no_clock() -> None:
    """Two brokers that hang hold each look for longer than FROZEN_S: what is stuck is told all the
    same, be it the brokers or the worker."""
    away = Watched(
        lambda look: Seen(state="ready", beats=look, reachable=False), look_lasts_s=FROZEN_S + 6
    )
    away.thread.run()
    ((at_s, line),) = away.told
    assert "no broker answered" in line
    assert OUTAGE_LIMIT_S < at_s < OUTAGE_LIMIT_S + 3 * (FROZEN_S + 6 + LOOK_EVERY_S)
    stuck = Watched(lagging, look_lasts_s=FROZEN_S + 6)
    stuck.thread.run()
    assert "predictions/2" in stuck.told[0][1]
    assert stuck.thread.stuck == stuck.told[0][1]


def test_a_frozen_process_is_not_stuck() -> None:
    """What stood still because the whole process slept gets its whole time again."""
    frozen = Watched(lagging)
    awake_again = int(STUCK_S) - 2
    frozen.sleeps_s[awake_again] = FROZEN_S + 100
    frozen.thread.run()
    assert frozen.looks > awake_again + STUCK_S
    assert "predictions/2" in frozen.told[0][1]


def test_a_look_that_fails_is_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    """The watching goes on and still tells what is stuck; the failures are a line a minute."""

    def broken(look: int) -> Seen:
        if look <= 100:
            raise RuntimeError("changed size during iteration")
        return lagging(look)

    watched = Watched(broken)
    with caplog.at_level(logging.ERROR):
        watched.thread.run()
    assert "predictions/2" in watched.told[0][1]
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert "changed size during iteration" in lines[0]
    assert "(59 more like this since)" in lines[1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_nobody_watches_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """/live says so when the watching thread ends by itself, and not when it was told to stop."""

    def leave(_: object) -> Seen:
        raise SystemExit

    async def main() -> None:
        lifeline = Lifeline(Settings(), LiveState(), None, {}, lambda: None)
        worker = cast("Any", SimpleNamespace(_lifeline=lifeline))
        assert Worker.alive(worker) == {"alive": True, "stuck": None}
        lifeline.start()
        await asyncio.to_thread(lifeline._thread.join, 10.0)
        assert Worker.alive(worker) == {"alive": False, "stuck": UNWATCHED}
        lifeline.stop()
        assert Worker.alive(worker)["alive"]

    monkeypatch.setattr("streams.watchdog.LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("streams.lifeline.Observer.see", leave)
    asyncio.run(main())
