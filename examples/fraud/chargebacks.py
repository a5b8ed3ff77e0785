"""Labels in the order in which they become known.

Rule.  A label is given out when its own time has come: before the next prediction that is later.
By default only fraud has one, by a chargeback; silence is all that is ever heard of the others.

Memory is what waits: the labels of at most LABEL_MAX_DAYS, however long the stream.
"""

from __future__ import annotations

from typing import Final, Literal

import polars as pl

Labelled = Literal["chargebacks", "all", "none"]
LABELLED: Final[tuple[Labelled, ...]] = ("chargebacks", "all", "none")
_COLUMNS: Final = ("event_id", "label_ts", "label", "value")


class WaitingLabels:
    """Labels that are not known yet."""

    def __init__(self, labelled: Labelled) -> None:
        self._labelled = labelled
        self._waiting: pl.DataFrame | None = None

    def known_after(self, table: pl.DataFrame) -> pl.DataFrame:
        """Take a block of :func:`examples.fraud.tables.frame`; give what is known by its last
        payment, by time."""
        fresh = table.select(_COLUMNS)
        if self._labelled != "all":
            fresh = fresh.filter(pl.col("label") == (1 if self._labelled == "chargebacks" else -1))
        old = [] if self._waiting is None else [self._waiting]
        everything = pl.concat([*old, fresh]).sort("label_ts", maintain_order=True)
        now_ms = table["ts"].item(-1)
        known = pl.col("label_ts") <= now_ms
        self._waiting = everything.filter(~known)
        return everything.filter(known)

    def rest(self) -> pl.DataFrame:
        """What is still waiting when the stream is over, by time."""
        assert self._waiting is not None, "at least one block was taken"
        waiting, self._waiting = self._waiting, self._waiting.clear()
        return waiting

    def __len__(self) -> int:
        """How many wait."""
        return 0 if self._waiting is None else len(self._waiting)
