"""A split of users: compared by its two arms, held where its ratio is another one, and a canary
that grows by stages; the same whatever happened between."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from engine.champion.judge import ComparisonJudge
from engine.effects import Publish
from engine.pipeline import Pipeline
from engine.records import RecordBatch
from engine.snapshot import SnapshotError
from tests.engine.champion.test_comparison import LABEL, disturbed, of_comparison, run
from tests.engine.champion.worlds import Tree, comparison_of, versions
from tests.engine.models import MINUTE, SECOND, START, ended, event, logs_of, trees

LOOKS = "{champion: v1, looks: 1m, length: 8m, maturity: 2m, within: 5s, measure: accuracy"
SPLIT = LOOKS + ", mode: split, share: 0.2}"
STAGES = "[{share: 0.05, least: 2m, events: 40}, {share: 0.2, least: 2m}, {share: 1}]"
CANARY = LOOKS.replace("8m", "20m") + f", mode: split, stages: {STAGES}, settle: 1m}}"
EACH = 40
"""Events a second."""


@cache
def streams(
    gain: float,
    share: float,
    seconds: int = 600,
    *,
    moved_at: tuple[float, ...] = (),
    users: int = 0,
) -> tuple[list[Tree], list[Tree]]:
    """Events of users, each of whom gets one version, and labels 20 s later; from each of
    ``moved_at`` (s) on the share is that of the next stage of CANARY."""
    random = np.random.default_rng(round(abs(gain) * 1000))
    made, known = [], []
    for row in range(seconds * EACH // 10):
        at = START + row * 10 * SECOND // EACH
        user = row if not users else int(random.integers(users))
        stage = sum((at - START) / SECOND >= moved for moved in moved_at)
        due = (share, 0.2, 0.2)[stage] if moved_at else share
        version = "v2" if np.random.default_rng([5, user]).random() < due else "v1"
        label = int(random.random() < 0.5)
        right = random.random() < 0.7 + gain * (version == "v2")
        decision = label if right else 1 - label
        said: Tree = {"score": 0.2 + 0.6 * decision, "decision": decision, "latency_ms": 7.5}
        made.append(event(row, at, version=version, unit=f"user {user}", **said))
        known.append({"event_id": f"e{row}", "model": "m", "ts": at + 20 * SECOND, "label": label})
    return made, known


def whole(made: list[Tree], known: list[Tree], partitions: int) -> list[RecordBatch]:
    """The logs, with what closes everything at their end."""
    end = made[-1]["ts"] + 20 * MINUTE
    logs = ended(logs_of(made, partitions), end)
    return logs + ended(logs_of(known, partitions, "labels"), end)


def of_split(out: list[Publish]) -> list[Tree]:
    """Judgements of how users are split."""
    return [tree for tree in trees(out, "judgements") if tree.get("section") == "split"]


def alerts(out: list[Publish]) -> list[Tree]:
    """About the ratio."""
    return [tree for tree in trees(out, "alerts") if tree["rule"] == "sample_ratio"]


def test_a_better_challenger_of_a_sound_split_is_promoted() -> None:
    """By 25 points, with a fifth of the users, counted once each."""
    out = run(versions(SPLIT, LABEL), whole(*streams(0.25, 0.2, users=500), 2), 2)
    final = trees(out, "promotions")[-1]
    assert (final["decision"], final["final"], final["reasons"]) == ("PROMOTE", True, [])
    assert final["split"] == {"share": 0.2, "stage": 1, "stages": 1, "sample_ratio": True}
    assert final["measure"]["labelled"]["champion"] > 3 * final["measure"]["labelled"]["challenger"]
    looks = of_split(out)
    assert looks[-1]["users"]["champion"] + looks[-1]["users"]["challenger"] <= 500
    assert looks[-1]["events"]["champion"] + looks[-1]["events"]["challenger"] > 500
    assert looks[-1]["users"]["both"] == looks[-1]["users"]["events_without"] == 0
    assert not alerts(out)
    assert of_comparison(out)[-1]["end"] >= final["until"]


def test_another_share_holds_what_would_be_promoted_and_alerts() -> None:
    """Half of the users where a fifth was promised: held to the end, told once."""
    out = run(versions(SPLIT, LABEL), whole(*streams(0.25, 0.5, 900), 2), 2)
    told = trees(out, "promotions")
    assert all(each["decision"] != "PROMOTE" for each in told)
    assert (told[-1]["decision"], told[-1]["reasons"]) == ("HOLD", ["sample_ratio"])
    assert told[-1]["final"]
    assert not told[-1]["split"]["sample_ratio"]
    first, last = alerts(out)
    assert (first["state"], first["severity"], first["cause"]) == (
        "open",
        "WARNING",
        "sample_ratio",
    )
    assert first["runbook"] == "docs/alerts.md#sample_ratio"
    assert first["evidence"]["observed"]["p_value"] <= 0.001
    versions_told = first["evidence"]["versions"]
    assert [each["expected"] for each in versions_told] == [0.8, 0.2]
    assert versions_told[1]["observed"] == pytest.approx(0.5, abs=0.1)
    assert (last["state"], last["episode"]) == ("resolved", first["episode"])


def test_a_mismatch_holds_what_is_decided_after_its_alert() -> None:
    """A sound split until the look that promotes, then another share: labels of that look are
    mature only when the mismatch was told, and nobody is promoted while its alert is open."""
    made, known = streams(0.25, 0.2)
    told = trees(run(versions(SPLIT, LABEL), whole(made, known, 2), 2), "promotions")[-1]
    assert (told["decision"], told["until"]) == ("PROMOTE", "2013-01-07T10:02:00Z")
    other, _ = streams(0.25, 0.9)
    broken_from = START + 2 * MINUTE
    made = [a if a["ts"] < broken_from else b for a, b in zip(made, other, strict=True)]
    logs = whole(made, known, 2)
    out = run(versions(SPLIT, LABEL), logs, 2)
    assert told_of(disturbed(versions(SPLIT, LABEL), logs, 1)) == told_of(out)
    assert alerts(out)[0]["state"] == "open"
    for each in trees(out, "promotions"):
        assert each["decision"] != "PROMOTE"
    assert trees(out, "promotions")[-1]["reasons"] == ["sample_ratio"]


def test_a_mismatch_after_a_pause_holds_the_look_behind_it() -> None:
    """Two sound minutes of equals, five without anybody, and then a better challenger with another
    share: the first look behind the pause is decided by what its own users tell."""
    rows, pause = 2 * 60 * EACH // 10, 5 * MINUTE
    logs_apart = []
    for before, after in zip(streams(0.0, 0.2), streams(0.25, 0.9), strict=True):
        later = [{**each, "ts": each["ts"] + pause} for each in after[rows:]]
        logs_apart.append(before[:rows] + later)
    logs = whole(logs_apart[0], logs_apart[1], 2)
    out = run(versions(SPLIT, LABEL), logs, 2)
    told = trees(out, "promotions")
    assert (told[-1]["until"], told[-1]["reasons"]) == ("2013-01-07T10:08:00Z", ["sample_ratio"])
    assert "PROMOTE" not in [each["decision"] for each in told]
    assert alerts(out)[0]["state"] == "open"
    assert told_of(disturbed(versions(SPLIT, LABEL), logs, 2)) == told_of(out)


def test_without_users_nobody_is_promoted() -> None:
    """No unit, no check, no promotion."""
    made, known = streams(0.25, 0.2)
    made = [{name: value for name, value in each.items() if name != "unit"} for each in made]
    told = trees(run(versions(SPLIT, LABEL), whole(made, known, 1), 1), "promotions")
    assert (told[-1]["decision"], told[-1]["reasons"]) == ("HOLD", ["no_users"])


def test_users_of_both_versions_are_told_and_left_out() -> None:
    """Every tenth event goes to the other version."""
    made, known = streams(0.0, 0.2, users=200)
    other = {"v1": "v2", "v2": "v1"}
    made = [
        {**each, "version": other[each["version"]]} if row % 10 == 0 else each
        for row, each in enumerate(made)
    ]
    look = of_split(run(versions(SPLIT, LABEL), whole(made, known, 1), 1))[-1]
    assert look["users"]["both"] > 100
    assert sum(look["users"][by] for by in ("champion", "challenger", "both")) == 200


def test_a_canary_grows_by_stages_and_is_promoted_in_the_last() -> None:
    """5 %, then 20 % from a minute after the decision on, then all of it."""
    out = run(versions(CANARY, LABEL), whole(*canary(), 2), 2)
    told = trees(out, "promotions")
    stages = [each for each in told if each["kind"] == "stage"]
    passed = [each for each in stages if each["decision"] == "PROMOTE"]
    (one,) = passed
    assert (one["stage"], one["share"], one["stages"]) == (1, 0.05, 2)
    assert one["next"]["share"] == 0.2
    assert one["events"]["challenger"] >= 40
    assert stages[0]["reasons"] == ["stage_time", "stage_events"]
    final = told[-1]
    assert (final["kind"], final["decision"]) == ("promotion", "PROMOTE")
    assert final["split"] == {"share": 0.2, "stage": 2, "stages": 2, "sample_ratio": True}
    assert final["from"] == one["next"]["from"]
    assert not alerts(out)
    early = [each for each in told if each["kind"] == "promotion" and each["split"]["stage"] == 1]
    assert all("stage:0.05" in each["reasons"] for each in early)


@pytest.mark.parametrize(
    ("more", "reason"), [("least: 8m", "stage_time"), ("least: 2m, events: 300", "stage_events")]
)
def test_the_last_stage_is_passed_as_every_other(more: str, reason: str) -> None:
    """By those who are promoted: not before it lasted, nor with fewer events of the challenger."""
    spec = CANARY.replace("share: 0.2, least: 2m", f"share: 0.2, {more}")
    out = run(versions(spec, LABEL), whole(*canary(), 2), 2)
    told = [each for each in trees(out, "promotions") if each["kind"] == "promotion"]
    assert (told[-2]["decision"], told[-2]["reasons"]) == ("HOLD", [reason])
    final = told[-1]
    assert (final["decision"], final["final"]) == ("PROMOTE", True)
    assert final["split"]["stage"] == 2
    lasted = [int(final[key][11:13]) * 60 + int(final[key][14:16]) for key in ("from", "until")]
    if reason == "stage_time":
        assert lasted[1] - lasted[0] == 8
    else:
        assert final["events"]["challenger"] >= 300 > told[-2]["events"]["challenger"]


def test_a_canary_that_got_the_next_share_too_early_is_not_believed() -> None:
    """A fifth of the users from the beginning, where a twentieth was promised."""
    out = run(versions(CANARY, LABEL), whole(*streams(0.2, 0.2, 1_500), 2), 2)
    told = trees(out, "promotions")
    assert alerts(out)[0]["evidence"]["versions"][1]["expected"] == 0.05
    assert "PROMOTE" not in [each["decision"] for each in told]


@cache
def canary() -> tuple[list[Tree], list[Tree]]:
    """The router follows the record: its time is that of the plan, found by a first run."""
    due = streams(0.2, 0.05, 1_500)
    told = trees(run(versions(CANARY, LABEL), whole(*due, 2), 2), "promotions")
    (begins,) = [each["next"]["from"] for each in told if "next" in each]
    minutes = int(begins[14:16]) + 60 * (int(begins[11:13]) - 10)
    return streams(0.2, 0.05, 2_400, moved_at=(minutes * 60.0,))


@pytest.mark.parametrize("spec", [SPLIT, CANARY])
def test_whoever_read_it_and_however_often_it_crashed_the_same_is_told(spec: str) -> None:
    """Cut, interleaved, flushed and restarted, tallies and judge; a broken split and a canary."""
    models = versions(spec, LABEL)
    streamed = canary() if spec == CANARY else streams(0.25, 0.5, 900)
    logs = whole(*streamed, 2)
    due = told_of(run(models, logs, 2))
    assert due["promotions"]
    assert due["split"]
    for seed in range(2):
        assert told_of(disturbed(models, logs, seed)) == due


def told_of(out: list[Publish]) -> dict[str, list[Tree]]:
    """What was said of the comparison, without what was said again, each kind in its order."""
    promotions = {each["promotion_id"]: each for each in trees(out, "promotions")}
    return {
        "promotions": [each for each in promotions.values() if each["kind"] != "stage"],
        "stages": [each for each in promotions.values() if each["kind"] == "stage"],
        "looks": list({each["end"]: each for each in of_comparison(out)}.values()),
        "split": list({each["end"]: each for each in of_split(out)}.values()),
        "alerts": list({each["alert_id"]: each for each in alerts(out)}.values()),
    }


def test_a_restored_judge_goes_on_as_the_one_that_was_saved() -> None:
    """Snapshot, restore, snapshot: the same bytes, with users and an open episode in them; and
    users of a damaged snapshot are refused."""
    models = versions(SPLIT, LABEL)
    pipeline = Pipeline(models, 1)
    made, known = streams(0.0, 0.5)
    for log in [*logs_of(made, 1), *logs_of(known, 1, "labels")]:
        pipeline.accept(log)
    pipeline.flush()
    (judge,) = pipeline.comparisons.values()
    assert judge.state.split.users
    assert judge.state.split.episodes
    comparison = comparison_of(models)
    assert ComparisonJudge(comparison, 1, resume=judge.snapshot()).snapshot() == judge.snapshot()
    judge.state.split.users = judge.state.split.users[:-1]
    with pytest.raises(SnapshotError, match="no set of users"):
        ComparisonJudge(comparison, 1, resume=judge.snapshot())


@pytest.mark.parametrize("damage", [{"log_e": float("nan")}, {"log_e": -1.0}, {"starts_ms": []}])
def test_evidence_that_no_look_gives_is_refused(damage: Tree) -> None:
    """NaN would never be a mismatch again, and a split without a beginning has no stage."""
    judge = ComparisonJudge(comparison_of(versions(SPLIT, LABEL)), 1)
    judge.state.split.opened_ms, judge.state.split.starts_ms = START, [START]
    assert ComparisonJudge(judge.comparison, 1, resume=judge.snapshot()).state.split.starts_ms
    for name, value in damage.items():
        setattr(judge.state.split, name, value)
    with pytest.raises(SnapshotError, match="without a beginning"):
        ComparisonJudge(judge.comparison, 1, resume=judge.snapshot())


def test_another_run_or_share_begins_anew() -> None:
    """What was counted under another promise is not this one's."""
    judge = ComparisonJudge(comparison_of(versions(SPLIT, LABEL)), 1)
    for other in (SPLIT.replace("0.2", "0.3"), SPLIT.replace("0.2", "0.2, run: 2")):
        assert ComparisonJudge(
            comparison_of(versions(other, LABEL)), 1, resume=judge.snapshot()
        ).fresh
