"""The watchdog's decision: what stands still is told after its limit, and nothing else ever is."""

from __future__ import annotations

from typing import Any

import pytest

from streams.producer import OUTAGE_LIMIT_S
from streams.watchdog import FROZEN_S, LOOP_LIMIT_S, Seen, Watchdog

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


def test_a_frozen_process_is_not_stuck() -> None:
    """What stood still because the whole process did gets its time again."""
    clock = Clock()
    assert clock.run(STUCK_S - 2, **LAGGING) is None
    clock.now_s += FROZEN_S + 100
    assert clock.run(STUCK_S - 2, **LAGGING) is None
    assert clock.run(5, **LAGGING) is not None


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


def test_a_new_assignment_starts_the_clocks_anew() -> None:
    """The same offset in another generation is a new beginning."""
    clock = Clock()
    for generation in range(5):
        assert clock.run(STUCK_S - 2, generation=generation, **LAGGING) is None
