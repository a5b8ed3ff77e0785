"""A comparison from records to promotions: told once, and the same whatever happened between."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import orjson
import pytest

from engine.champion.judge import ComparisonJudge
from engine.effects import Publish
from engine.model import MonitoredModel
from engine.panes import panes_target
from engine.pipeline import Pipeline
from engine.records import RecordBatch
from engine.snapshot import Snapshot, SnapshotError
from engine.tally import Tally
from tests.engine.champion.worlds import Tree, comparison_of, versions
from tests.engine.models import MINUTE, SECOND, START, ended, event, logs_of, trees
from tests.engine.test_invariance import shuffled_steps

LABEL = "{ttl: 5m, lateness: 10s, amend: 20s, maturities: [30s], pane: 1m}"
LOOKS = "{champion: v1, looks: 1m, length: 8m, maturity: 30s, within: 5s"
BETTER = LOOKS + ", measure: accuracy}"
SLOWER = LOOKS + ", measure: accuracy, guards: {latency_mean: {at_most: 20ms}}}"
ROWS = 1_200
"""Events, half a second apart: ten looks."""


@cache
def streams(gain: float, *, slow_ms: float = 7.5) -> tuple[list[Tree], list[Tree]]:
    """Predictions of both versions, of which the challenger is right more often by the gain, and
    labels 20 s later."""
    random = np.random.default_rng(round(abs(gain) * 1000))
    made, known = [], []
    for row in range(ROWS):
        at, label = START + row * SECOND // 2, int(random.random() < 0.5)
        luck = random.random()
        right = {"v1": luck < 0.8, "v2": luck < 0.8 + gain}
        for version in ("v1", "v2"):
            decision = label if right[version] else 1 - label
            spent = 7.5 if version == "v1" else slow_ms
            said: Tree = {"score": 0.2 + 0.6 * decision, "decision": decision, "latency_ms": spent}
            made.append(event(row, at + (version == "v2") * 100, version=version, **said))
        known.append({"event_id": f"e{row}", "model": "m", "ts": at + 20 * SECOND, "label": label})
    return made, known


def whole(gain: float, partitions: int, **more: float) -> list[RecordBatch]:
    """The logs, with what closes everything at their end."""
    made, known = streams(gain, **more)
    end = START + ROWS * SECOND // 2 + 20 * MINUTE
    logs = ended(logs_of(made, partitions), end)
    return logs + ended(logs_of(known, partitions, "labels"), end)


def run(
    models: Sequence[MonitoredModel], logs: Sequence[RecordBatch], partitions: int
) -> list[Publish]:
    """All of it through one pipeline, flushed at the end."""
    pipeline = Pipeline(models, partitions)
    out: list[Publish] = []
    for log in logs:
        out += pipeline.accept(log)
    return out + pipeline.flush()


def of_comparison(out: Sequence[Publish]) -> list[Tree]:
    """Judgements of the comparison."""
    return [tree for tree in trees(out, "judgements") if tree.get("section") == "comparison"]


def test_a_better_challenger_is_promoted_with_its_evidence() -> None:
    """By 15 points: once, within the plan, with numbers that add up."""
    out = run(versions(BETTER, LABEL), whole(0.15, 2), 2)
    told = trees(out, "promotions")
    final = told[-1]
    assert (final["kind"], final["decision"], final["final"]) == ("promotion", "PROMOTE", True)
    assert final["reasons"] == []
    assert [each["decision"] for each in told[:-1]] == ["HOLD"] * (len(told) - 1)
    measured, sequential = final["measure"], final["sequential"]
    assert measured["difference"] == pytest.approx(
        measured["challenger"] - measured["champion"], abs=1e-12
    )
    assert measured["low"] < measured["difference"] < measured["high"]
    assert sequential["z"] >= sequential["boundary"]
    assert sequential["p_value"] < 0.05
    assert final["events"]["champion"] == final["events"]["both"] == final["events"]["challenger"]
    assert measured["labelled"]["champion"] == final["events"]["both"]
    assert (final["champion"], final["challenger"]) == ("v1", "v2")
    assert len({each["promotion_id"] for each in told}) == len(told)
    looks = of_comparison(out)
    assert [each["phase"] for each in looks].count("watching") > 0
    assert all(each["version"] == "v2" for each in looks)


def test_equal_versions_are_held_and_then_rejected() -> None:
    """Neither is better: the last look says so."""
    told = trees(run(versions(BETTER, LABEL), whole(0.0, 1), 1), "promotions")
    assert [each["decision"] for each in told] == ["HOLD", "REJECT"]
    assert told[-1]["final"]
    assert told[-1]["measure"]["difference"] == 0.0


def test_a_worse_challenger_is_rejected_before_the_end() -> None:
    """By 15 points."""
    told = trees(run(versions(BETTER, LABEL), whole(-0.15, 1), 1), "promotions")
    assert (told[-1]["decision"], told[-1]["reasons"]) == ("REJECT", ["worse"])
    assert told[-1]["sequential"]["elapsed"] < 1.0


def test_a_guard_holds_a_better_challenger_back() -> None:
    """52 ms where 20 are allowed; to the last look, which is final and still no rejection."""
    told = trees(run(versions(SLOWER, LABEL), whole(0.15, 1, slow_ms=52.0), 1), "promotions")
    assert {each["decision"] for each in told} == {"HOLD"}
    assert told[-1]["reasons"] == ["guard:latency_mean"]
    assert told[-1]["final"]
    (guard,) = [each for each in told[-1]["guards"] if each["metric"] == "latency_mean"]
    assert (guard["champion"], guard["challenger"], guard["held"]) == (7.5, 52.0, False)
    allowed = trees(run(versions(SLOWER, LABEL), whole(0.15, 1, slow_ms=20.0), 1), "promotions")
    assert allowed[-1]["decision"] == "PROMOTE"


def test_a_fresh_champion_that_turns_worse_is_rolled_back() -> None:
    """Better for five looks, and then worse than its predecessor, which still answers."""
    good, bad = streams(0.15), streams(-0.15)
    half = ROWS // 2
    made = good[0][:ROWS] + bad[0][ROWS:]
    known = good[1][:half] + bad[1][half:]
    end = START + ROWS * SECOND // 2 + 20 * MINUTE
    logs = ended(logs_of(made, 1), end) + ended(logs_of(known, 1, "labels"), end)
    told = trees(run(versions(BETTER, LABEL), logs, 1), "promotions")
    ends = [(each["kind"], each["decision"]) for each in told]
    assert ends[-2:] == [("promotion", "PROMOTE"), ("rollback", "REJECT")]
    assert told[-1]["measure"]["difference"] < 0.0
    assert told[-1]["from"] == told[-2]["until"]


def test_whoever_read_it_and_however_often_it_crashed_the_same_is_told() -> None:
    """Cut, interleaved, flushed and restarted, tallies and judge: the same bytes, in order."""
    models = versions(BETTER, LABEL)
    logs = whole(0.15, 2)
    due = told_of(run(models, logs, 2))
    for seed in range(3):
        assert told_of(disturbed(models, logs, seed)) == due


def told_of(out: Sequence[Publish]) -> dict[str, list[Any]]:
    """What the comparison said, without what was said again."""
    promotions = {each["promotion_id"]: each for each in trees(out, "promotions")}
    looks = {each["end"]: each for each in of_comparison(out)}
    return {"promotions": list(promotions.values()), "looks": list(looks.values())}


def disturbed(
    models: Sequence[MonitoredModel], logs: Sequence[RecordBatch], seed: int
) -> list[Publish]:
    """The logs through tallies and a judge that are restored from snapshots now and then, the judge
    to an older one, so that it reads panes again."""
    random = np.random.default_rng(seed)
    comparison = comparison_of(models)
    tallies = [Tally(p, 2, models) for p in range(2)]
    judge, out = ComparisonJudge(comparison, 2), []
    said: list[bytes] = []
    saved: tuple[Snapshot, int] = (judge.snapshot(), 0)
    for step in [*shuffled_steps(list(logs), seed, cuts=30, flushes=0.3), None]:
        if step is not None:
            tallies[step.partition].accept(step)
            continue
        for number, tally in enumerate(tallies):
            for pane in tally.flush():
                assert pane.value is not None
                if panes_target(pane.value) == comparison.key:
                    said.append(pane.value)
                    out += judge.accept(pane.value)
            if random.random() < 0.2:
                tallies[number] = Tally(number, 2, models, resume=tally.snapshot())
        if random.random() < 0.2:
            judge = ComparisonJudge(comparison, 2, resume=saved[0])
            for value in said[saved[1] :]:
                out += judge.accept(value)
            assert (
                judge.snapshot().state
                == ComparisonJudge(comparison, 2, resume=judge.snapshot()).snapshot().state
            )
        if random.random() < 0.5:
            saved = (judge.snapshot(), len(said))
    return out


def test_a_changed_comparison_begins_anew_and_a_foreign_snapshot_is_refused() -> None:
    """Counts of other cells are never read as these."""
    judge = ComparisonJudge(comparison_of(versions(BETTER, LABEL)), 1)
    other = comparison_of(versions(BETTER.replace("looks: 1m", "looks: 2m"), LABEL))
    assert ComparisonJudge(other, 1, resume=judge.snapshot()).fresh
    pipeline = Pipeline(versions(BETTER, LABEL), 1)
    with pytest.raises(SnapshotError, match="a judge snapshot where a comparison one"):
        ComparisonJudge(other, 1, resume=pipeline.judges["m@v1"].snapshot())


def test_a_comparison_leaves_the_versions_as_they_are() -> None:
    """What the two versions' own judges say is the same to the last byte without it."""
    logs = whole(0.15, 1)
    with_it = versions(BETTER, LABEL)
    without = versions("null", LABEL)
    both = [run(models, logs, 1) for models in (with_it, without)]
    told = [
        [
            {name: value for name, value in tree.items() if name != "spec"}
            for tree in trees(out, "judgements")
            if tree.get("section") != "comparison"
        ]
        for out in both
    ]
    assert told[0] == told[1]
    assert orjson.dumps(told[0])
