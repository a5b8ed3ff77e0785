"""What a running worker knows about itself, for /metrics and /health.

Rule.  Live objects, read at scrape and never copied: what moved to another worker is simply not
here any more, so no series goes stale.  Everything here is touched by the event loop's thread only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import time
from typing import Literal

from streams.core import JudgeLike, TallyLike
from streams.dead_letter_limit import DEFAULT_RATIO_LIMIT, DeadLetterLimit
from streams.delays import Delays
from streams.feed import Feed
from streams.starting_offsets import Source

State = Literal["starting", "recovering", "ready", "stopping", "refused"]


@dataclass
class LiveState:
    """The state of one worker."""

    tallies: dict[int, TallyLike] = field(default_factory=dict)
    """Source partition -> its tally."""
    judges: dict[str, JudgeLike] = field(default_factory=dict)
    """``model@version`` -> its judge."""
    state: State = "starting"
    generation: int = -1
    rebalances: int = 0
    batches: int = 0
    """Batches of the input topics handed to tallies, re-read ones included."""
    refused_panes_records: int = 0
    """Records of the panes topic that no tally can have written."""
    unknown_panes_records: int = 0
    """Records of the panes topic of models that this worker was not told of."""
    published: dict[str, int] = field(default_factory=dict)
    """Role of the output topic -> records handed to the producer."""
    dead_letters: DeadLetterLimit = field(default_factory=DeadLetterLimit)
    dead_letter_ratio_limit: float = DEFAULT_RATIO_LIMIT
    control_records: dict[tuple[str, str], int] = field(default_factory=dict)
    """(Role of the control topic, what became of them) -> records read for judges of this worker:
    ``forwarded``, or ``rejected`` as dead letters."""
    snapshots: int = 0
    snapshot_bytes: int = 0
    snapshot_seconds: float = 0.0
    last_snapshot_s: float | None = None
    """Unix time at which the newest snapshot became durable."""
    snapshot_pieces_written: int = 0
    """Pieces of snapshots written; one that was written before is not written again."""
    largest_snapshot_bytes: int = 0
    """Of the snapshots made durable since the start, the largest."""
    judged_at_s: float = 0.0
    """When (monotonic) a judge last did a part of what a mark made due."""
    restored_of: tuple[int, int] | None = None
    """While partitions are taken up: how many names are restored, and of how many."""
    changelog_read: Callable[[], tuple[int, int]] = lambda: (-1, 0)
    """The generation that is restored, and records of snapshots that were read so far."""
    rebuilt: dict[str, int] = field(default_factory=dict)
    """Kind of name (``tally``, ``judge``, ``panes``) -> states rebuilt from the topics because
    their snapshot could not be used."""
    model_records: int = 0
    """Records of the topic ``models`` read so far."""
    refused_model_records: dict[str, int] = field(default_factory=dict)
    """Reason -> records of the topic ``models`` that could not be used."""
    pending_rows_read: int = 0
    """Records of the topic ``pending`` read back."""
    pending_records: int = 0
    """Records written to the topic ``pending``."""
    pending_restores: int = 0
    """Partitions whose disk was filled from the topic ``pending``."""
    pending_restore_seconds: float = 0.0
    pending_disk_bytes: dict[int, Callable[[], int]] = field(default_factory=dict)
    """Source partition -> bytes on the disk of what waits for labels, asked at scrape."""
    refused_restores: int = 0
    """Times that a restore was refused because snapshots and offsets contradict each other."""
    started_s: float = field(default_factory=time)
    """Unix time of the start."""
    committed: dict[Source, int] = field(default_factory=dict)
    """Next offset that a durable snapshot covers and that the group took, per source."""
    delays: Delays = field(default_factory=Delays)
    feed: Feed | None = None
    usage: dict[str, Callable[[], float]] = field(default_factory=dict)
    """Name of a bound (:mod:`streams.bounds`) -> what is used of it now, put in by who holds it."""
    limits: dict[str, float] = field(default_factory=dict)
    """Bounds that the settings decide, by name."""

    def restored(self) -> None:
        """One more name is restored."""
        if self.restored_of is not None:
            done, names = self.restored_of
            self.restored_of = (done + 1, names)

    def lags(self) -> dict[Source, int]:
        """Records not yet read, per source; what the last fetch saw, asks no broker."""
        return {} if self.feed is None else self.feed.lags()

    def positions(self) -> dict[Source, int]:
        """Next offset to be read, per source."""
        return {} if self.feed is None else dict(self.feed.positions)

    def starts(self) -> dict[Source, int]:
        """From where each source is read since it was taken up."""
        return {} if self.feed is None else dict(self.feed.starts)

    def stalled(self) -> set[Source]:
        """Sources that have records to read and have given none for long."""
        return set() if self.feed is None else set(self.feed.stalled())

    def fetch_errors(self) -> dict[tuple[str, int, str], int]:
        """Errors met in fetching, by (topic, partition, the error's name)."""
        return {} if self.feed is None else dict(self.feed.errors)

    def partitions(self) -> list[int]:
        """Source partitions of this worker."""
        return sorted(self.tallies)
