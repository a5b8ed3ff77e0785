"""Reading predictions before their labels, where a backlog has both.

Rule.  Labels of a partition are held while the tally says that they run ahead and its predictions
are not read to the end yet.  Who holds them is asked again with every batch and every beat, so that
nothing is held for predictions that will never come.
"""

from __future__ import annotations

import logging

from streams.core import TallyLike
from streams.feed import Feed
from streams.starting_offsets import Source

log = logging.getLogger("longshore.worker")


class ReadingOrder:
    """Which sources are held."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._held: set[Source] = set()

    def look(self, partition: int, tally: TallyLike) -> None:
        """Hold the labels of a partition, or let them go on."""
        labels: Source = ("labels", partition)
        held = labels in self._held
        ahead = tally.labels_ahead(held=held)
        ahead = ahead and self._feed.lags().get(("predictions", partition), 0) > 0
        if ahead == held:
            return
        if ahead:
            log.info("labels/%d wait: their predictions are far behind, and read first", partition)
            self._held.add(labels)
        else:
            self._held.discard(labels)
        self._feed.hold(self._held)

    def forget(self) -> None:
        """Nothing is read any more."""
        self._held.clear()
