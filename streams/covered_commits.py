"""Commits of the batched topics: only what a durable snapshot covers.

Rule.  For these topics nothing that Faust knows of acknowledgements counts; the keeper says which
offset is covered, and nothing else is ever committed.  Overridden: ``_new_offset``,
``_should_commit`` and ``_filter_tps_with_pending_acks`` (commit what is covered),
``_commit_offsets`` (believe no commit that failed), ``ack`` and ``_add_gap`` (no walk over the
offsets inside a batch: the bookkeeping of a batch costs the same whatever its length).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, cast

from faust.types import TP, Message

from streams.changelog_reading import ChangelogConsumer
from streams.keeper import Keeper
from streams.starting_offsets import Source

log = logging.getLogger("longshore.commits")


class CoveringConsumer(ChangelogConsumer):
    """A consumer that commits what its keeper covers."""

    _keeper: Keeper
    _roles: Mapping[str, str]
    """Name of a batched topic -> its role."""
    _names: Mapping[str, str]
    """Role -> name of the topic."""

    def _batched(self, tp: TP) -> bool:
        return tp.topic in self._roles

    def _source(self, tp: TP) -> Source:
        return self._roles[tp.topic], tp.partition

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:  # noqa: ANN401
        yield from super()._filter_tps_with_pending_acks(topics)
        for tp in self.assignment():
            if self._batched(tp) and (topics is None or tp in topics or tp.topic in topics):
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        if self._batched(tp):
            return self._keeper.covered(self._source(tp))
        return cast("int | None", super()._new_offset(tp))

    def _should_commit(self, tp: TP, offset: int) -> bool:
        """Also back to a lower offset, when state was rebuilt from further down."""
        if self._batched(tp):
            return bool(self._committed_offset[tp] != offset)
        return bool(super()._should_commit(tp, offset))

    async def _commit_offsets(
        self,
        offsets: Mapping[TP, int],
        start_new_transaction: bool = True,  # noqa: FBT001,FBT002 - Faust's signature
    ) -> bool:
        """Faust notes offsets as committed also when the group did not take them."""
        before = {tp: self._committed_offset[tp] for tp in offsets}
        good = bool(await super()._commit_offsets(offsets, start_new_transaction))
        if not good:
            self._committed_offset.update(before)
        taken = "taken" if good else "not taken"
        log.debug("commit %s: %s", taken, {f"{tp[0]}/{tp[1]}": at for tp, at in offsets.items()})
        return good

    def committed(self, source: Source) -> int | None:
        """The offset that the group holds for a source, as far as is known."""
        tp = TP(self._names[source[0]], source[1])
        return cast("int | None", self._committed_offset.get(tp))

    def ack(self, message: Message) -> bool:
        """Mark only; a batch is covered by a snapshot or not at all."""
        if not self._batched(message.tp):
            return bool(super().ack(message))
        message.acked = True
        self._unacked_messages.discard(message)
        return False

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if not self._batched(tp):
            await super()._add_gap(tp, offset_from, offset_to)
