"""The whole pipeline, on one screen.

    records -> decode -> validate -> tally      per source partition   (engine.tally)
    panes   -> merge -> windows -> statistics -> verdicts -> decisions  per model (engine.judge)

Under Kafka the two halves run in two agents with the topic ``panes`` between them; here they run in
one process, which is what replay, the simulation and the benchmarks drive.  Both give the same
judgements and triggers to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.champion.comparison import comparisons_of
from engine.champion.judge import ComparisonJudge
from engine.effects import Publish
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.panes import TermRecord, encode, panes_target
from engine.records import RecordBatch
from engine.tally import Tally
from engine.terms import FOR_EVER, Term


class Pipeline:
    """All source partitions and all models in one process."""

    def __init__(self, models: Sequence[MonitoredModel], partitions: int) -> None:
        self._partitions = partitions
        self.tallies = [Tally(p, partitions, models) for p in range(partitions)]
        self.judges = {m.key: Judge(m, partitions) for m in models}
        self.comparisons = {c.key: ComparisonJudge(c, partitions) for c in comparisons_of(models)}

    def learn(self, models: Sequence[MonitoredModel], terms: Mapping[str, Term]) -> list[Publish]:
        """Count and judge these models from here on, and no others; their terms as they are now.

        A judge that is new knows its term from the beginning and does not tell that it heard of it.
        """
        for tally in self.tallies:
            tally.learn(models, terms)
        known = self.judges
        self.judges = {m.key: known.get(m.key) or Judge(m, self._partitions) for m in models}
        for key in self.judges.keys() - known.keys():
            self.judges[key].decisions.tenure.take(terms.get(key, FOR_EVER))
        compared = {each.key: each for each in comparisons_of(models)}
        self.comparisons = {
            key: self.comparisons.get(key) or ComparisonJudge(each, self._partitions)
            for key, each in compared.items()
        }
        out: list[Publish] = []
        for key, judge in self.judges.items():
            out += judge.accept(encode(TermRecord(key, terms.get(key, FOR_EVER))))
        return out

    def accept(self, batch: RecordBatch) -> list[Publish]:
        """Tally one batch; returns its dead letters and late records."""
        return self.tallies[batch.partition].accept(batch)

    def flush(self) -> list[Publish]:
        """Hand the counts on and judge what is due; returns what the judges say."""
        out: list[Publish] = []
        for tally in self.tallies:
            for pane in tally.flush():
                assert pane.value is not None, "a pane record has a value"
                target = panes_target(pane.value)
                judge = self.judges.get(target) or self.comparisons[target]
                out += judge.accept(pane.value)
        return out
