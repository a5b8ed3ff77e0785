"""What a split leaves out, says though nothing begins, and keeps: the look in which it began, a
challenger without users, users in pieces and only while they are needed, arms of idle sources."""

from __future__ import annotations

from functools import cache

import msgspec
import numpy as np
import pytest

from engine.champion.judge import ComparisonJudge
from engine.champion.split_state import SplitState
from engine.champion.users import MAX_LOOK_USERS, Users
from engine.effects import Publish
from engine.pieces import MIN_PIECE_BYTES
from engine.pipeline import Pipeline
from engine.planes import DATA
from engine.snapshot import Snapshot, SnapshotError
from tests.engine.champion.test_comparison import LABEL, disturbed, of_comparison, run
from tests.engine.champion.test_split import (
    EACH,
    SPLIT,
    Tree,
    alerts,
    of_split,
    streams,
    told_of,
    whole,
)
from tests.engine.champion.test_split_looks import counts
from tests.engine.champion.worlds import comparison_of, versions
from tests.engine.models import MINUTE, START, ended, logs_of, pieces, trees

A_MINUTE = EACH * 6
"""Events of a look."""


@cache
def late_router() -> tuple[list[Tree], list[Tree]]:
    """The router begins in the middle of the first look; who was scored by the challenger before
    were those that it is always wrong about."""
    made, known = streams(0.0, 0.2)
    wrong = [
        {**each, "decision": 1 - label["label"], "version": "v2"} if row < A_MINUTE // 2 else each
        for row, (each, label) in enumerate(zip(made, known, strict=True))
    ]
    return wrong, known


def test_the_look_in_which_a_split_began_is_not_measured() -> None:
    """Neither its events nor its labels: what is compared begins with the look behind it."""
    made, known = late_router()
    out = run(versions(SPLIT, LABEL), whole(made, known, 2), 2)
    first, second = of_comparison(out)[:2]
    assert first["start"] == second["start"] == "2013-01-07T10:01:00Z"
    assert first["end"] == "2013-01-07T10:02:00Z"
    for look, minutes in ((first, 1), (second, 2)):
        assert sum(look["events"][by] for by in ("champion", "challenger")) == minutes * A_MINUTE
        assert sum(look["measure"]["labelled"].values()) == minutes * A_MINUTE
    assert first["measure"]["challenger"] > 0.5
    assert told_of(disturbed(versions(SPLIT, LABEL), whole(made, known, 2), 1)) == told_of(out)


# -- a challenger without users --------------------------------------------------------------------


def test_a_challenger_that_gets_nobody_is_told() -> None:
    """All users got the champion where a fifth was to get the challenger: one alert, open to the
    end, and nothing is compared; the same after crashes."""
    logs = whole(*streams(0.0, 0.0, 900), 2)
    out = run(versions(SPLIT, LABEL), logs, 2)
    (told,) = alerts(out)
    assert (told["state"], told["severity"]) == ("open", "WARNING")
    assert [each["expected"] for each in told["evidence"]["versions"]] == [0.8, 0.2]
    assert [each["observed"] for each in told["evidence"]["versions"]] == [1.0, 0.0]
    assert told["evidence"]["observed"]["users"]["challenger"] == 0
    assert not of_comparison(out)
    assert not trees(out, "promotions")
    for seed in range(2):
        assert told_of(disturbed(versions(SPLIT, LABEL), logs, seed)) == told_of(out)


def test_few_users_of_the_champion_are_no_mismatch() -> None:
    """Fifty are too few to tell that a fifth is missing, however long it takes."""
    logs = whole(*streams(0.0, 0.0, 900, users=50), 1)
    assert not alerts(run(versions(SPLIT, LABEL), logs, 1))


def test_a_router_that_begins_late_is_forgiven() -> None:
    """Nobody for six minutes, then the promised fifth: the alert ends, and who is better is
    promoted."""
    rows = 6 * A_MINUTE
    alone, both = streams(0.25, 0.0, 1_500), streams(0.25, 0.2, 1_500)
    made, known = alone[0][:rows] + both[0][rows:], alone[1][:rows] + both[1][rows:]
    out = run(versions(SPLIT, LABEL), whole(made, known, 2), 2)
    assert [each["state"] for each in alerts(out)] == ["open", "resolved"]
    assert of_split(out)[0]["start"] == "2013-01-07T10:07:00Z"
    final = trees(out, "promotions")[-1]
    assert (final["decision"], final["final"], final["reasons"]) == ("PROMOTE", True, [])
    assert final["from"] == "2013-01-07T10:07:00Z"


# -- what is kept ----------------------------------------------------------------------------------


def waiting(looks: int) -> ComparisonJudge:
    """A judge with looks at many users that wait for labels."""
    judge = ComparisonJudge(comparison_of(versions(SPLIT, LABEL)), 1)
    assert judge.split is not None
    judge.split.open(START)
    add(judge, 1, looks)
    return judge


def add(judge: ComparisonJudge, first: int, last: int) -> None:
    """Further looks."""
    assert judge.split is not None
    for look in range(first, last + 1):
        users = Users(MAX_LOOK_USERS)
        random = np.random.default_rng(look)
        users.add(random.integers(1, 2**63, 1_000, dtype=np.uint64), np.arange(1_000) % 2)
        judge.split.note(START + look * MINUTE, counts(500, 500), [users.pack()])


def test_users_that_wait_are_written_once() -> None:
    """They stand in pieces, of which a further look adds one, and come back as they were."""
    judge = waiting(20)
    assert len(judge.state.split.waiting) > 10
    before = judge.snapshot()
    assert len(before.state) < 20 * MIN_PIECE_BYTES
    add(judge, 21, 21)
    after = judge.snapshot()
    assert before.pieces.items() <= after.pieces.items()
    assert len(after.pieces) == len(before.pieces) + 1
    restored = ComparisonJudge(judge.comparison, 1, resume=after)
    assert restored.state.split == judge.state.split
    assert restored.snapshot() == after


def test_users_that_an_earlier_version_saved_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stood in the state; and a piece that is gone is refused."""
    judge = waiting(20)
    with monkeypatch.context() as patched:
        patched.setattr(SplitState, "frozen", lambda self, _: self)
        earlier = judge.snapshot()
    assert len(earlier.state) > 100_000
    restored = ComparisonJudge(judge.comparison, 1, resume=earlier)
    assert restored.state.split == judge.state.split
    snapshot = judge.snapshot()
    lost = dict(list(snapshot.pieces.items())[1:])
    with pytest.raises(SnapshotError, match="is missing"):
        ComparisonJudge(judge.comparison, 1, resume=Snapshot(snapshot.state, lost))


def test_users_are_kept_until_their_look_and_no_longer() -> None:
    """Panes that may still be amended have none, in memory and in the snapshot; nor does what a
    tally tells of them again bring any back."""
    pipeline = Pipeline(versions(SPLIT, LABEL), 1)
    made, _ = streams(0.0, 0.2)
    (log,) = logs_of(made[: 2 * A_MINUTE + A_MINUTE // 2], 1)
    (judge,) = pipeline.comparisons.values()
    (tally,) = pipeline.tallies
    rolled = with_users = 0
    for step in pieces(log, range(0, len(log), 8)):
        pipeline.accept(step)
        pipeline.flush()
        held = judge.flows[DATA].merge.open
        saved = {start for start, _, _ in saved_users(judge)}
        for start, pane in held.panes.items():
            assert (start in saved) == any(each.users for each in pane.held.values())
            told = [each.users for each in pane.held.values()]
            assert not (pane.rolled and any(told))
            rolled += pane.rolled is not None
            with_users += any(told)
        kept = [each.bytes for pane in held.panes.values() for each in pane.held.values()]
        assert held.bytes == sum(kept)
    assert rolled
    assert with_users
    counting = tally._models[judge.comparison.key]
    cells = sum(len(panes) * plane.size for plane, panes in counting.open_panes())
    assert counting.open_cells == cells + A_MINUTE // 2, "those that a tally keeps are counted"


def saved_users(judge: ComparisonJudge) -> list[tuple[int, int, bytes]]:
    """Users of open panes in a snapshot."""
    from engine.champion.judge_snapshot import read  # noqa: PLC0415

    return read(judge.snapshot()).planes[DATA].open_users


# -- idle sources ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["split", "shadow"])
def test_arms_are_there_though_predictions_are_idle(mode: str) -> None:
    """Predictions stop within a look and are declared idle; labels go on: the last look has the
    events of both versions, and not only their labels."""
    spec = SPLIT if mode == "split" else SPLIT.replace(", mode: split, share: 0.2", "")
    made, known = streams(0.0, 0.2)
    if mode == "shadow":
        made = [{**each, "version": name} for each in made for name in ("v1", "v2")]
    cut = 3 * A_MINUTE + A_MINUTE // 2
    made = made[: cut * (1 if mode == "split" else 2)]
    pipeline = Pipeline(versions(spec, LABEL), 1)
    out: list[Publish] = []
    for log in logs_of(made, 1):
        out += pipeline.accept(log)
    out += pipeline.flush()
    (tally,) = pipeline.tallies
    for key in list(tally.watermarks_ms()):
        tally.declare_idle("predictions", key)
    for log in ended(logs_of(known[:cut], 1, "labels"), START + 60 * MINUTE):
        out += pipeline.accept(log)
    out += pipeline.flush()
    (last,) = [each for each in of_comparison(out) if each["end"] == "2013-01-07T10:04:00Z"]
    skipped = A_MINUTE if mode == "split" else 0
    told = last["events"]
    answered = told["champion"] + told["challenger"]
    assert answered == (cut - skipped) * (1 if mode == "split" else 2)
    assert sum(last["measure"]["labelled"].values()) == answered


def test_a_state_of_before_has_defaults() -> None:
    """What a split remembers more than it did is empty where an earlier version saved it."""
    told = msgspec.to_builtins(SplitState(), builtin_types=(bytes,))
    for name in ("alone", "alone_ms"):
        del told[name]
    assert msgspec.convert(told, SplitState) == SplitState()
