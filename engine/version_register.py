"""Which versions a tally counts: those it was told of, less those whose time is over.

Rule.  A version can be learned at any time; what came for it before was a shadow's.  One whose term
ended goes on counting what still comes, and its clock is moved by the events of the model's other
versions from the end of the term on, as if they were heartbeats: a version that nobody asks any
more must come to its end.  When its windows and the labels' time to live are behind it, and what
compares it with another has come to its own end, it is let go.

Theory.  An event of another version at or after the end says that the model's time has come there.
That is a function of the log, given who is known; so counts depend on when a registration was read
only where the version itself, or that it follows another, was not known yet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from engine.champion.comparison_tally import ComparisonTally
from engine.decoded import Decoded, Events
from engine.join_store import Keeping
from engine.model import MonitoredModel
from engine.model_tally import ModelTally
from engine.panes import TermRecord
from engine.spec import Topic
from engine.terms import FOR_EVER, Term, kept_ms, term_of_both

Beats = list[tuple[int, int]]
"""(row, event time) of what moves a clock and is no event of the version itself."""
DATA_TOPICS: Final[tuple[Topic, ...]] = ("features", "predictions")


class VersionRegister:
    """The versions of all models of one tally."""

    def __init__(self, keeping: Keeping) -> None:
        """``keeping`` is told of what is counted no more."""
        self._keeping = keeping
        self.tallies: dict[str, ModelTally] = {}
        """By ``model@version``."""
        self.by_name: dict[str, list[ModelTally]] = {}
        self.over: dict[str, Term] = {}
        """Versions that were let go, and the term that ended then."""
        self.terms: Mapping[str, Term] = {}
        self._told: dict[str, Term] = {}

    def put(self, tally: ModelTally) -> None:
        """Count a version from now on."""
        self.tallies[tally.model.key] = tally
        self.by_name.setdefault(tally.model.spec.model, []).append(tally)

    def drop(self, key: str) -> None:
        """Count a version no more."""
        tally = self.tallies.pop(key, None)
        if tally is not None:
            named = self.by_name[tally.model.spec.model]
            named.remove(tally)
            if not named:
                del self.by_name[tally.model.spec.model]
            self._keeping.forget(key, tally.model.layout.hash)

    def models(self) -> list[MonitoredModel]:
        """Those that are counted; a comparison has no events of its own."""
        told = self.tallies.values()
        return [tally.model for tally in told if not isinstance(tally, ComparisonTally)]

    def comparisons(self) -> list[ComparisonTally]:
        """Those between two versions that are counted."""
        return [tally for tally in self.tallies.values() if isinstance(tally, ComparisonTally)]

    def term(self, key: str) -> Term:
        """From when until when a version serves; a comparison goes on while both of its do."""
        tally = self.tallies.get(key)
        if isinstance(tally, ComparisonTally):
            versions = tally.comparison.versions
            return term_of_both(self.terms.get(version, FOR_EVER) for version in versions)
        return self.terms.get(key, FOR_EVER)

    def untold(self, key: str) -> list[TermRecord]:
        """What its judge must know of a version before the next mark: event time that was moved by
        who knew its term must not be taken by who does not."""
        term, told = self.term(key), self._told.get(key, FOR_EVER)
        self._told[key] = term
        return [] if term.is_like(told) else [TermRecord(key, term)]

    def knows(self, models: Sequence[MonitoredModel], terms: Mapping[str, Term]) -> bool:
        """Whether nothing of this is new."""
        counted = {model.key for model in self.models()} | self.over.keys()
        return terms == self.terms and counted == {model.key for model in models}

    def wanted(self, models: Sequence[MonitoredModel]) -> list[MonitoredModel]:
        """Those of the models that are not counted and not over; what was over serves again where
        a newer registration says that its term goes on.  Who took a partition over may not have
        heard yet what the one before it knew."""
        again = {key for key, ended in self.over.items() if _goes_on(self.term(key), ended)}
        self.over = {key: ended for key, ended in self.over.items() if key not in again}
        return [m for m in models if m.key not in self.tallies and m.key not in self.over]

    def keep(self, keys: Collection[str]) -> None:
        """Count no others than these, and what compares two of them."""
        for model in self.models():
            if model.key not in keys:
                self.drop(model.key)
        for tally in self.comparisons():
            if not self.tallies.keys() >= set(tally.comparison.versions):
                self.drop(tally.model.key)

    def let_go(self) -> bool:
        """Let versions go whose term and whose labels' time is behind this tally; whether any
        was."""
        spent = {key for key, tally in self.tallies.items() if self._is_spent(key, tally)}
        for tally in self.comparisons():  # it counts what both say up to its own end
            waits = tally.model.key not in spent
            spent -= {*(tally.comparison.versions if waits else ()), tally.model.key}
        self.over |= {key: self.term(key) for key in spent}
        self.keep(self.tallies.keys() - spent)
        return bool(spent)

    def _is_spent(self, key: str, tally: ModelTally) -> bool:
        until_ms = self.term(key).until_ms
        if until_ms is None:
            return False
        idle = tally.state.idle
        asked = [t for t in tally.clock_topics() if t in DATA_TOPICS or t not in idle]
        reached = [tally.watermark_ms(topic) for topic in asked]
        end_ms = until_ms + kept_ms(tally.model.spec)
        return all(at_ms is not None and at_ms >= end_ms for at_ms in reached)

    def strange(self, decoded: Decoded) -> set[str]:
        """Shadows of which another version is counted: somebody may have registered them."""
        names = {name for _, name in decoded.shadows} - self.over.keys()
        return {name for name in names if name.rpartition("@")[0] in self.by_name}

    def beats(self, topic: Topic, decoded: Decoded) -> dict[str, Beats]:
        """What moves the clock of each version beside its events: heartbeats of the model, and from
        the end of its term on what the model's other versions say, in the order of the rows."""
        found: dict[str, Beats] = {}
        for row, name, ts_ms in decoded.heartbeats:
            for tally in self.by_name[name]:
                found.setdefault(tally.model.key, []).append((row, ts_ms))
        if topic == "labels":
            return found
        for key, tally in self.tallies.items():
            until_ms = self.term(key).until_ms
            if until_ms is None or topic not in tally.model.spec.inputs:
                continue
            name = tally.model.spec.model
            for events in decoded.events:
                if events.model.spec.model == name and events.model.key != key:
                    found.setdefault(key, []).extend(_rises(events, until_ms))
        return {key: sorted(beats) for key, beats in found.items()}


def _goes_on(term: Term, ended: Term) -> bool:
    """Whether a version serves behind the end of a term that it was let go with."""
    later = term.until_ms is None or term.until_ms > (ended.until_ms or 0)
    return later and term.stamp > ended.stamp


def _rises(events: Events, from_ms: int) -> Beats:
    """The rows at which event time rises above ``from_ms`` and all before."""
    running = np.maximum.accumulate(np.maximum(events.ts_ms, from_ms - 1))
    before = np.concatenate([[from_ms - 1], running[:-1]])
    rows = np.flatnonzero(running > before)
    return list(zip(events.rows[rows].tolist(), events.ts_ms[rows].tolist(), strict=True))
