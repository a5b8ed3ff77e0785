"""What a running worker knows about itself, for /metrics and /health.

Rule.  Live objects, read at scrape and never copied: what moved to another worker is simply not
here any more, so no series goes stale.  Everything here is touched by the event loop's thread only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from streams.core import JudgeLike, TallyLike
from streams.delays import Delays
from streams.feed import Feed
from streams.starting_offsets import Source

State = Literal["starting", "recovering", "ready", "stopping"]


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
    """Role of the output topic -> records delivered."""
    snapshots: int = 0
    snapshot_bytes: int = 0
    snapshot_seconds: float = 0.0
    last_snapshot_s: float | None = None
    """Unix time at which the newest snapshot became durable."""
    committed: dict[Source, int] = field(default_factory=dict)
    """Next offset that a durable snapshot covers, per source."""
    delays: Delays = field(default_factory=Delays)
    feed: Feed | None = None

    def lags(self) -> dict[Source, int]:
        """Records not yet read, per source; what the last fetch saw, asks no broker."""
        return {} if self.feed is None else self.feed.lags()

    def fetch_errors(self) -> dict[tuple[str, int, str], int]:
        """Errors met in fetching, by (topic, partition, the error's name)."""
        return {} if self.feed is None else dict(self.feed.errors)

    def partitions(self) -> list[int]:
        """Source partitions of this worker."""
        return sorted(self.tallies)
