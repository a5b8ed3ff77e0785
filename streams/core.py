"""What the shell asks of the core, and the core behind it.

Rule.  The shell carries bytes and effects; it knows nothing of models but their keys.  These
protocols are the whole of that knowledge, so the same shell runs over any core.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, cast

import msgspec

from engine.champion.comparison import comparisons_of
from engine.effects import Publish
from engine.join_store import Keeping
from engine.model import MonitoredModel
from engine.panes import Forwarded, Mark, PaneError, PaneRecord, TermRecord
from engine.records import RecordBatch
from engine.snapshot import Snapshot
from engine.spec import Topic
from engine.terms import FOR_EVER, Term, term_of_both

if TYPE_CHECKING:
    from engine.champion.judge import ComparisonJudge
    from engine.judge import Judge
    from engine.tally import Tally


class TallyLike(Protocol):
    """Turns the records of one source partition into panes."""

    @property
    def covered(self) -> dict[Topic, int]:
        """Next offset per topic that the state covers; no entry for a topic never read."""

    @property
    def reread_records(self) -> int:
        """How many records before ``covered`` it wants to see again after a restore."""

    @property
    def joined(self) -> Collection[tuple[str, str]]:
        """``model@version`` and layout of all models of which something may wait for labels."""

    @property
    def open_cells(self) -> int:
        """Cells of the panes that are held open, of eight bytes each."""

    def labels_ahead(self, *, held: bool) -> bool:
        """Whether labels are read so far ahead that predictions should be read first; ``held`` is
        whether labels wait for that already."""

    def accept(self, batch: RecordBatch) -> list[Publish]:
        """Take a batch in; records below ``covered`` are dropped."""

    def read_on_from(self, topic: Topic, offset: int) -> None:
        """Go on at this offset: what stood before it is gone, or is another topic's."""

    @property
    def fresh(self) -> Sequence[str]:
        """``model@version`` of the models whose counts in the snapshot did not fit."""

    @property
    def heard(self) -> set[str]:
        """``model@version`` of the models that had a record in the last batch."""

    def declare_idle(self, topic: Topic, key: str) -> None:
        """Take it that this model has nothing to say here."""

    def watermarks_ms(self) -> dict[str, dict[Topic, int | None]]:
        """Watermark per ``model@version`` and topic."""

    def flush(self) -> list[Publish]:
        """Changed panes, then one mark per model."""

    def snapshot(self) -> Snapshot:
        """The whole state."""


class JudgeLike(Protocol):
    """Turns the panes of one model into verdicts."""

    moved_by_ms: int
    """Kafka time of the record that last moved event time, -1 unknown; for measuring delays."""
    fresh: bool
    """Whether there was a snapshot whose counts did not fit."""
    policy_changed: bool
    """Whether the snapshot was made under another policy."""

    @property
    def open_pane_bytes(self) -> int:
        """Packed counts that wait for lagging sources."""

    @property
    def takes_answers(self) -> bool:
        """Whether forwarded control records can be for it."""

    def knows(self, value: bytes) -> bool:
        """Whether a forwarded control record is about something that this judge said."""

    @property
    def behind(self) -> bool:
        """Whether something of the last record is still to be done."""

    def begin(self, value: bytes) -> list[Publish]:
        """Take in one record of the panes topic; engine.panes.PaneError when it is none."""

    def go_on(self) -> list[Publish]:
        """Do the next part of what the record made due."""

    def snapshot(self) -> Snapshot:
        """The whole state."""


class Core(Protocol):
    """Builds tallies and judges for the models of this worker."""

    def models(self) -> Mapping[str, str]:
        """Key (``model@version``) -> model name, the key of its records in the panes topic."""

    def idle_ms(self, key: str, topic: Topic) -> int:
        """How long a source of this model must be silent before it is called idle."""

    def tally(
        self,
        partition: int,
        resume: Snapshot | None,
        generation: int,
        keeping: Keeping | None = None,
    ) -> TallyLike:
        """The tally of one partition, fresh or continued; ``keeping`` holds what waits for labels,
        None keeps it in memory and the snapshot."""

    def judge(self, key: str, resume: Snapshot | None) -> JudgeLike:
        """The judge of one model, fresh or continued."""

    def read(self, value: bytes) -> tuple[str, bool]:
        """Whose record of the panes topic this is (``model@version``, or
        :func:`engine.panes.every_version`), and whether it is a mark, which must follow what it
        speaks of."""


Effects = Sequence[Publish]


class _PaneHead(msgspec.Struct, frozen=True, array_like=True, tag=PaneRecord.__struct_config__.tag):
    """The first field of a pane record."""

    target: str


class _MarkHead(msgspec.Struct, frozen=True, array_like=True, tag=Mark.__struct_config__.tag):
    """The first field of a mark."""

    target: str


class _TermHead(msgspec.Struct, frozen=True, array_like=True, tag=TermRecord.__struct_config__.tag):
    """The first field of a term."""

    target: str


class _ForwardedHead(
    msgspec.Struct, frozen=True, array_like=True, tag=Forwarded.__struct_config__.tag
):
    """The first field of a forwarded control record."""

    target: str


_HEADS: Final[msgspec.msgpack.Decoder[_PaneHead | _MarkHead | _TermHead | _ForwardedHead]] = (
    msgspec.msgpack.Decoder(_PaneHead | _MarkHead | _TermHead | _ForwardedHead)
)


class EngineCore:
    """The core of :mod:`engine` for the given models."""

    def __init__(self, models: Sequence[MonitoredModel], partitions: int) -> None:
        self._models = {model.key: model for model in models}
        self._comparisons = {each.key: each for each in comparisons_of(models)}
        self._partitions = partitions
        self._terms: Mapping[str, Term] = {}

    def learn(self, models: Sequence[MonitoredModel], terms: Mapping[str, Term]) -> None:
        """Build for these models and no others from now on; their terms as they are now."""
        self._models = {model.key: model for model in models}
        self._comparisons = {each.key: each for each in comparisons_of(models)}
        self._terms = dict(terms)

    def teach(self, tally: TallyLike) -> None:
        """Tell a tally what is known now."""
        cast("Tally", tally).learn(list(self._models.values()), self._terms)

    def untold_term(self, key: str, judge: JudgeLike) -> Publish | None:
        """What tells a judge its term, in the order of its own log; None when it knows it.

        That of a comparison ends with the first of its versions'.
        """
        from engine.tenure import term_record  # noqa: PLC0415

        term, known = self._term_and_known(key, judge)
        if term.stamp < known.stamp or term.is_like(known):
            return None
        of = self._comparisons.get(key) or self._models[key]
        return term_record(of.spec.model, key, term)

    def is_outdated(self, key: str, judge: JudgeLike) -> bool:
        """Whether a judge knows another term from a newer registration than what was read says."""
        term, known = self._term_and_known(key, judge)
        return term.stamp < known.stamp and not term.is_like(known)

    def _term_and_known(self, key: str, judge: JudgeLike) -> tuple[Term, Term]:
        """What registrations say, and what the judge knows."""
        comparison = self._comparisons.get(key)
        if comparison is None:
            term = self._terms.get(key, FOR_EVER)
            return term, cast("Judge", judge).decisions.tenure.term
        term = term_of_both(self._terms.get(each, FOR_EVER) for each in comparison.versions)
        return term, cast("ComparisonJudge", judge).state.term

    def models(self) -> Mapping[str, str]:
        """Key -> model name."""
        known = {**self._models, **self._comparisons}
        return {key: model.spec.model for key, model in known.items()}

    def idle_ms(self, key: str, topic: Topic) -> int:
        """As its spec says; labels, which may come once a night, have a time of their own."""
        known = self._comparisons.get(key) or self._models[key]
        return known.spec.clock(topic).idle_ms

    def tally(
        self,
        partition: int,
        resume: Snapshot | None,
        generation: int,
        keeping: Keeping | None = None,
    ) -> TallyLike:
        """A tally; engine.snapshot.SnapshotError when ``resume`` cannot be read."""
        from engine.tally import Tally  # noqa: PLC0415 - compiles kernels

        return Tally(
            partition,
            self._partitions,
            list(self._models.values()),
            resume=resume,
            generation=generation,
            keeping=keeping,
            terms=self._terms,
        )

    def judge(self, key: str, resume: Snapshot | None) -> JudgeLike:
        """A judge; engine.snapshot.SnapshotError when ``resume`` cannot be read."""
        from engine.champion.judge import ComparisonJudge  # noqa: PLC0415
        from engine.judge import Judge  # noqa: PLC0415

        comparison = self._comparisons.get(key)
        if comparison is not None:
            comparing: JudgeLike = ComparisonJudge(comparison, self._partitions, resume=resume)
            return comparing
        judge = Judge(self._models[key], self._partitions, resume=resume)
        judge.expects_answers = True
        if resume is None:
            judge.decisions.tenure.take(self._terms.get(key, FOR_EVER))
        found: JudgeLike = judge
        return found

    def read(self, value: bytes) -> tuple[str, bool]:
        """Address and kind from the head alone; PaneError when no tally of this version wrote it.

        Whether the rest is sound is the judge's to see, which decodes the whole record.
        """
        try:
            head = _HEADS.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise PaneError(f"not a pane record: {error}") from error
        return head.target, isinstance(head, _MarkHead)
