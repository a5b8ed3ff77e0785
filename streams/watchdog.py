"""Whether a worker still gets anywhere: the decision, and the thread that asks for it.

Rule.  Alive is who makes progress, not who answers.  A worker is stuck when, though a broker
answers, one of these stands still for its limit: a source that has more to read; what was read of a
source and is not saved; the restore of its state.  It is stuck as well when its event loop does not
beat, and it gives up when no broker answered for OUTAGE_LIMIT_S.  It then says in one line what is
stuck and ends with exit code 1, so that its partitions move on.

Time counts only while progress was possible: an absent broker, a new assignment and a process that
was frozen start every clock anew.  Frozen is who slept for longer than it asked to; a look itself
may take long, because it asks brokers that hang.  The decision (:class:`Watchdog`) is pure;
:class:`WatchThread` is a thread because a blocked event loop could not look at itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from streams.producer import OUTAGE_LIMIT_S
from streams.repeats import Repeats
from streams.starting_offsets import Source

LOOK_EVERY_S: Final = 1.0
FROZEN_S: Final = 10.0
"""A pause between two looks that lasts this long says that the process was frozen or starved."""
LOOP_LIMIT_S: Final = 60.0
"""Longest time without a beat of the event loop; compiling and restoring have their pauses."""
UNWATCHED: Final = "nobody watches its progress any more: the watching thread has ended"

log = logging.getLogger("longshore.worker")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a look at the worker shows."""

    state: str
    beats: int
    """Beats of the event loop so far."""
    reachable: bool
    """Whether a broker answered lately."""
    generation: int = -1
    positions: Mapping[Source, int] = field(default_factory=dict)
    """Next offset to be read, per source."""
    lags: Mapping[Source, int] = field(default_factory=dict)
    why: Mapping[Source, str] = field(default_factory=dict)
    """What is known about a source that gives nothing."""
    unsaved: Mapping[Source, int] = field(default_factory=dict)
    """Offset that is saved, per source of which more was read than that."""
    restored: Hashable = None
    """Whatever changes while a restore gets on."""
    judged_at_s: float = 0.0
    """When a judge last got on with what one record made due; a long list is no standstill."""


class Watchdog:
    """Takes looks in, and says what is stuck."""

    def __init__(self, *, stuck_after_s: float, recovery_limit_s: float) -> None:
        self._stuck_after_s = stuck_after_s
        self._recovery_limit_s = recovery_limit_s
        self._since: dict[Hashable, tuple[Hashable, float]] = {}
        """Per thing that may stand still: what it was last, and since when."""

    def look(self, now_s: float, seen: Seen, *, paused_s: float = LOOK_EVERY_S) -> str | None:
        """The line about what is stuck at this time (any clock that never goes back), or None.

        ``paused_s`` is how long the pause before this look really was.
        """
        if paused_s > FROZEN_S:
            self._since.clear()
        alike: dict[Hashable, tuple[Hashable, float]] = {}

        def still_s(what: Hashable, value: Hashable) -> float:
            was, since = self._since.get(what, (value, now_s))
            alike[what] = (value, since if was == value else now_s)
            return now_s - alike[what][1]

        line = self._stuck(seen, still_s)
        self._since = alike
        return line

    def _stuck(self, seen: Seen, still_s: Callable[[Hashable, Hashable], float]) -> str | None:
        if still_s("loop", seen.beats) > LOOP_LIMIT_S:
            return f"the event loop did not beat for {LOOP_LIMIT_S:g} s"
        if not seen.reachable:
            if still_s("away", True) > OUTAGE_LIMIT_S:  # noqa: FBT003 - a constant value
                return (
                    f"no broker answered for {OUTAGE_LIMIT_S:g} s: see to the brokers; a restart "
                    f"reads on at the last snapshot"
                )
            return None
        if seen.state == "recovering":
            if still_s("recovery", (seen.generation, seen.restored)) > self._recovery_limit_s:
                return (
                    f"restoring the state got nowhere for {self._recovery_limit_s:g} s, though "
                    f"brokers answer (recovery_limit_s)"
                )
            return None
        return self._stuck_source(seen, still_s) if seen.state == "ready" else None

    def _stuck_source(
        self, seen: Seen, still_s: Callable[[Hashable, Hashable], float]
    ) -> str | None:
        lines = []
        for source, position in sorted(seen.positions.items()):
            where = f"{source[0]}/{source[1]}"
            if seen.lags.get(source):
                stood_s = still_s(("read", source), (seen.generation, position, seen.judged_at_s))
                if stood_s > self._stuck_after_s:
                    nothing = f"{where} gave nothing from offset {position} on"
                    lines.append(seen.why.get(source, nothing))
            saved = seen.unsaved.get(source)
            if saved is not None:
                stood_s = still_s(("save", source), (seen.generation, saved, seen.judged_at_s))
                if stood_s > self._stuck_after_s:
                    lines.append(f"{where} was read up to {position} and is saved up to {saved}")
        if not lines:
            return None
        return (
            f"no progress for {self._stuck_after_s:g} s, though brokers answer (stuck_after_s): "
            + "; ".join(lines)
        )


class WatchThread(threading.Thread):
    """Looks every LOOK_EVERY_S; calls ``end`` once with the line, then falls silent."""

    def __init__(
        self,
        watchdog: Watchdog,
        see: Callable[[], Seen],
        end: Callable[[str], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(name="longshore-watchdog", daemon=True)
        self._watchdog = watchdog
        self._see = see
        self._end = end
        self._clock = clock
        self._over = threading.Event()
        self._repeats = Repeats()
        self.line: str | None = None
        """What is stuck, once something is."""

    @property
    def stuck(self) -> str | None:
        """What is stuck, or that the looking ended by itself; None while all is well."""
        ended = self.ident is not None and not self.is_alive() and not self._over.is_set()
        return self.line or (UNWATCHED if ended else None)

    def run(self) -> None:
        """Look until something is stuck, or until told to stop."""
        paused_at_s = self._clock()
        while not self._over.wait(LOOK_EVERY_S):
            self.line = self._look(self._clock() - paused_at_s)
            if self.line is not None:
                self._end(self.line)
                return
            paused_at_s = self._clock()

    def _look(self, paused_s: float) -> str | None:
        try:
            seen = self._see()
            return self._watchdog.look(self._clock(), seen, paused_s=paused_s)
        except Exception as error:  # noqa: BLE001 - a look that failed must not be the last one
            ending = self._repeats.ending(type(error).__name__, self._clock())
            if ending is not None:
                log.error("looking at the worker's progress failed: %r%s", error, ending)  # noqa: TRY400 - one line
            return None

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def wait_for_stop(self, limit_s: float) -> bool:
        """Whether :meth:`stop` was called within this time."""
        return self._over.wait(limit_s)
