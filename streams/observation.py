"""What the watchdog sees of a worker: read from live objects by a thread of its own.

Rule.  Nothing here waits for the event loop, takes a lock of it or changes its objects; a value
that is changed meanwhile is seen at the next look.  A broker is asked whether it answers only when
something looks as if none did, because the answer decides whether a standstill is the worker's own.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from streams.live import LiveState
from streams.reach import ReachError, reach
from streams.starting_offsets import Source
from streams.watchdog import Seen

SUSPECT_S: Final = 5.0
"""A source or a record under way that stands still for this long makes the thread ask a broker."""
ASK_EVERY_S: Final = 5.0


class Observer:
    """Looks at one worker."""

    def __init__(
        self,
        live: LiveState,
        brokers: Sequence[str],
        tls: ssl.SSLContext | None,
        oldest_send_s: Callable[[], float | None],
    ) -> None:
        self._live = live
        self._brokers = brokers
        self._tls = tls
        self._oldest_send_s = oldest_send_s
        self._asked_at_s = -ASK_EVERY_S
        self.beats = 0
        """Counted up by the event loop."""
        self.unreachable: str | None = None
        """Why no broker answered when last asked; None while one does."""

    def see(self) -> Seen:
        """One look."""
        live, feed = self._live, self._live.feed
        positions = {} if feed is None else dict(feed.positions)
        lags = {} if feed is None else feed.lags()
        self._ask_if_suspect(positions, lags)
        starts = {} if feed is None else dict(feed.starts)
        unsaved = {
            source: saved
            for source, position in positions.items()
            if position > starts.get(source, position)
            and (saved := live.committed.get(source, 0)) < position
        }
        return Seen(
            state=str(live.state),
            beats=self.beats,
            reachable=self.unreachable is None,
            generation=live.generation,
            positions=positions,
            lags=lags,
            unsaved=unsaved,
            restored=(live.restored_of, live.changelog_read()),
            judged_at_s=live.judged_at_s,
            why={} if feed is None else {s: feed.stall_line(s) for s in list(feed.last_errors)},
        )

    def _ask_if_suspect(self, positions: dict[Source, int], lags: dict[Source, int]) -> None:
        now = monotonic()
        if now - self._asked_at_s < ASK_EVERY_S or not self._suspect(now, positions, lags):
            return
        self._asked_at_s = now
        try:
            reach(self._brokers, self._tls)
        except ReachError as error:
            self.unreachable = str(error)
        else:
            self.unreachable = None

    def _suspect(self, now: float, positions: dict[Source, int], lags: dict[Source, int]) -> bool:
        feed = self._live.feed
        if self.unreachable is not None or self._live.state != "ready" or feed is None:
            return True
        if feed.away_since_s is not None or (self._oldest_send_s() or 0.0) > SUSPECT_S:
            return True
        moved = feed.moved_at_s
        return any(lags.get(s) and now - moved.get(s, now) > SUSPECT_S for s in positions)
