"""Looks at the users of a split: what is found of their ratio, and what holds a stage."""

from __future__ import annotations

import numpy as np

from engine.champion.cells import ARMS_SIZE, ERRORS, arm_cell
from engine.champion.split_judging import MAX_WAITING_SPLIT_LOOKS, SplitJudging
from engine.champion.split_state import SplitState
from engine.champion.users import MAX_LOOK_USERS, Users
from engine.effects import Publish
from tests.engine.champion.test_comparison import LABEL
from tests.engine.champion.test_split import CANARY, SPLIT, alerts, of_split
from tests.engine.champion.worlds import comparison_of, versions
from tests.engine.models import MINUTE, START, trees

DAYS = 30


def judging(spec: str = SPLIT) -> SplitJudging:
    """Of a comparison, its first look ahead."""
    found = SplitJudging(comparison_of(versions(spec, LABEL)), SplitState())
    found.open(START)
    return found


def split_days(found: SplitJudging, share: float, seed: int, daily: int = 400) -> list[Publish]:
    """Daily looks at new users, each with the challenger by that chance."""
    random = np.random.default_rng(seed)
    out: list[Publish] = []
    for day in range(1, DAYS + 1):
        users = Users(MAX_LOOK_USERS)
        arms = (random.random(daily) < share).astype(np.int64)
        users.add(random.integers(1, 2**63, daily, dtype=np.uint64), arms)
        found.state.decided_ms = START + day * MINUTE
        out += found.note(
            START + day * MINUTE, counts(daily - arms.sum(), arms.sum()), [users.pack()]
        )
    return out


def counts(champion: int, challenger: int, errors: int = 0) -> np.ndarray:
    """Cells of the arms."""
    cells = np.zeros(ARMS_SIZE, dtype=np.int64)
    cells[:2] = champion, challenger
    cells[arm_cell(1, ERRORS)] = errors
    return cells


def test_sound_splits_do_not_alert_and_a_quarter_for_a_fifth_does() -> None:
    """100 runs of 30 daily looks at 400 users, of which 29 count: none is found at 0.001 (one in
    1,000 might be); of 20 that give a quarter where a fifth was promised every one is."""
    assert not any(alerts(split_days(judging(), 0.2, seed)) for seed in range(100))
    for seed in range(20):
        out = alerts(split_days(judging(), 0.25, seed))
        assert [each["state"] for each in out] == ["open"]


def test_a_crowd_that_is_thinned_out_is_judged_as_well() -> None:
    """60,000 users, above the bound: the sample of them finds a quarter, and no fifth."""
    found = judging()
    assert not alerts(split_days(found, 0.2, 1, daily=2_000))
    assert of_split(split_days(judging(), 0.2, 1, daily=2_000))[-1]["users"]["sampled"] < 1.0
    assert alerts(split_days(judging(), 0.25, 1, daily=2_000))


def test_a_router_that_begins_within_a_look_is_no_mismatch() -> None:
    """Until noon of the first day everybody got the champion; then each half as promised."""
    found, out = judging(SPLIT.replace("0.2", "0.5")), list[Publish]()
    random = np.random.default_rng(4)
    for day in range(1, DAYS + 1):
        arms = np.arange(2_000) % 2
        if day == 1:
            arms[:1_000] = 0
        users = Users(MAX_LOOK_USERS)
        users.add(random.integers(1, 2**63, 2_000, dtype=np.uint64), arms)
        found.state.decided_ms = START + day * MINUTE
        told = counts(int((arms == 0).sum()), int(arms.sum()))
        out += found.note(START + day * MINUTE, told, [users.pack()])
    assert not alerts(out)
    assert of_split(out)[0]["users"] == {
        "champion": 1_000, "challenger": 1_000, "both": 0, "sampled": 1.0, "events_without": 0,
    }  # fmt: skip
    assert found.state.mismatch_ms is None
    assert len(of_split(out)) == DAYS - 1


def test_a_stage_waits_for_its_guards() -> None:
    """Errors of the challenger hold it; the same looks without them pass."""
    told = {}
    for errors in (0, 20):
        found = judging(CANARY)
        out: list[Publish] = []
        for look in range(1, 4):
            users = Users(MAX_LOOK_USERS)
            arms = (np.arange(400) % 20 == 0).astype(np.int64)
            users.add(np.arange(1, 401, dtype=np.uint64) + np.uint64(1_000 * look), arms)
            out += found.note(START + look * MINUTE, counts(380, 20, errors), [users.pack()])
        told[errors] = trees(out, "promotions")[-1]
    assert (told[0]["decision"], told[0]["reasons"]) == ("PROMOTE", [])
    assert (told[20]["decision"], told[20]["reasons"]) == ("HOLD", ["guard:error_rate"])


def test_looks_wait_for_labels_within_a_bound() -> None:
    """Labels that stand still: the oldest looks go together, and no user is lost but those of the
    first one, who count for no ratio."""
    found = judging()
    for look in range(1, MAX_WAITING_SPLIT_LOOKS + 20):
        users = Users(MAX_LOOK_USERS)
        users.add(np.array([look], dtype=np.uint64), np.zeros(1, dtype=np.int64))
        found.note(START + look * MINUTE, counts(1, 0), [users.pack()])
    assert len(found.state.waiting) == MAX_WAITING_SPLIT_LOOKS
    out = found.decided(START + 2_000 * MINUTE, final=False)
    last = of_split(out)[-1]
    assert last["users"]["champion"] == last["events"]["champion"] == MAX_WAITING_SPLIT_LOOKS + 18
