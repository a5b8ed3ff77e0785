"""What the chaos tables are made of can show a loss: each kind of difference is found and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from load_tests.chaos.accounting import account, differences, since, start_ms
from load_tests.chaos.contract import KINDS
from load_tests.chaos.discovery import discovered
from load_tests.chaos.page import page, upper_bound
from load_tests.chaos.reading import instant_ms
from load_tests.chaos.results import Results
from load_tests.chaos.verdict import line, sound
from tests.kafka.longshore_run import DECIDED, Records

MINUTE: Final = "2026-01-05T00:{:02}:00Z"


def judgement(minute: int, events: int = 100, revision: int = 0) -> bytes:
    """Of the window of this minute."""
    fields = {"model": "m", "version": "1", "window": "1m", "revision": revision, "events": events}
    return orjson.dumps(fields | {"start": MINUTE.format(minute), "end": MINUTE.format(minute + 1)})


def trigger(number: int, **more: Any) -> bytes:  # noqa: ANN401 - JSON
    """By its number."""
    return orjson.dumps({"model": "m", "trigger_id": f"t{number}"} | more)


def records(judgements: list[bytes], triggers: list[bytes]) -> Records:
    """Output topics without alerts."""
    topics = {"judgements": judgements, "retraining-triggers": triggers}
    return {name: topics.get(name, []) for name in DECIDED}


TRUTH: Final = records([judgement(m) for m in range(5)], [trigger(1), trigger(2)])
LOG: Final = [10, 20]


def test_what_labels_say_of_a_window_is_a_record_of_its_own() -> None:
    """Judgements of the data, of performance and of two cohorts of one window are no repeats of
    each other, and how they fall between each other is no difference; a lost match is one."""

    def of(events: int, **more: Any) -> bytes:  # noqa: ANN401 - JSON
        return orjson.dumps(orjson.loads(judgement(0, events)) | more)

    planes = [
        of(40, section="performance", performance={}),
        of(90, section="cohorts", cohorts={"1d": {}}),
        of(90, section="cohorts", cohorts={"30d": {}}),
    ]
    truth = records([*TRUTH["judgements"], *planes], TRUTH["retraining-triggers"])
    found = records([*planes[::-1], *TRUTH["judgements"]], TRUTH["retraining-triggers"])
    same = account(truth, found, LOG, LOG)
    assert same.equal
    assert same.unequal_repeats == same.duplicate_deliveries == same.lost == 0
    fewer = of(39, section="performance", performance={})
    lost = account(truth, records([*found["judgements"][:2], fewer], []), LOG, LOG)
    assert lost.lost > 0


def test_an_undisturbed_run_is_equal() -> None:
    """Nothing is reported where nothing differs; equal repeats are deliveries, not differences."""
    found = records([*TRUTH["judgements"], judgement(4)], TRUTH["retraining-triggers"])
    shown = account(TRUTH, found, LOG, LOG)
    assert (shown.lost, shown.doubled, shown.triggers_lost, shown.unequal_repeats) == (0, 0, 0, 0)
    assert shown.equal
    assert shown.duplicate_deliveries == 1


def test_losses_and_doubles_do_not_cancel() -> None:
    """One record lost here and one counted twice there are one of each."""
    assert differences([10, 20], [9, 21]) == (1, 1)
    shown = account(TRUTH, TRUTH, LOG, [9, 21])
    assert (shown.lost, shown.doubled) == (1, 1)
    judged = [judgement(m, events=100 + (m == 1) - (m == 3)) for m in range(5)]
    shown = account(TRUTH, records(judged, TRUTH["retraining-triggers"]), LOG, LOG)
    assert (shown.lost, shown.doubled, shown.equal) == (1, 1, False)
    assert shown.unequal_repeats == 0


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (records(TRUTH["judgements"][:-1], TRUTH["retraining-triggers"]), "1 judgements missing"),
        (records(TRUTH["judgements"], [trigger(2)]), "1 retraining-triggers missing"),
        (records(TRUTH["judgements"], [*TRUTH["retraining-triggers"], trigger(3)]), "unlike"),
        (records(TRUTH["judgements"][::-1], TRUTH["retraining-triggers"]), "another order"),
    ],
)
def test_a_difference_is_named(found: Records, words: str) -> None:
    """Missing, unknown and disordered output is unequal."""
    shown = account(TRUTH, found, LOG, LOG)
    assert not shown.equal
    assert words in shown.first_difference


def test_one_identity_with_two_contents_is_an_unequal_repeat() -> None:
    """A trigger whose id came with other bytes is not a delivery that a consumer may drop."""
    found = records(TRUTH["judgements"], [*TRUTH["retraining-triggers"], trigger(1, more=1)])
    shown = account(TRUTH, found, LOG, LOG)
    assert (shown.unequal_repeats, shown.duplicate_deliveries) == (1, 0)


def test_a_cut_log_is_judged_from_the_cut() -> None:
    """Windows that begin before the cut are left out, and so is what estimators make of the events
    before it; what a window counts is not."""
    features = {"x": {"psi": 0.1, "adwin": {"alarms": 1}}}
    judged = [orjson.dumps(orjson.loads(judgement(m)) | {"features": features}) for m in range(5)]
    kept = since(records(judged, [trigger(1)]), instant_ms(MINUTE.format(3)), start_ms)
    assert len(kept["judgements"]) == 2
    assert orjson.loads(kept["judgements"][0])["features"] == {"x": {"psi": 0.1}}
    assert orjson.loads(kept["judgements"][0])["events"] == 100
    assert kept["retraining-triggers"] == []


GOOD: Final[dict[str, Any]] = {
    "fault": "kill",
    "round": 1,
    "seed": 1,
    "asked": 10,
    "events": 10,
    "seconds": 1.0,
    "lost": 0,
    "doubled": 0,
    "equal": True,
    "readers_agree": True,
    "triggers": 2,
    "triggers_lost": 0,
    "unequal_repeats": 0,
    "duplicate_deliveries": 3,
    "silent": False,
    "recovery_s": [1.5, 2.5],
    "told": ["log: x"],
    "first_difference": "",
}


@pytest.mark.parametrize(
    "bad",
    [
        {"lost": 1},
        {"doubled": 1},
        {"equal": False},
        {"readers_agree": False},
        {"triggers_lost": 1},
        {"unequal_repeats": 1},
        {"silent": True},
        {"recovery_s": [None]},
        {"error": "X"},
    ],
)
def test_every_fault_of_a_round_fails_it(bad: dict[str, Any]) -> None:
    """And the page says so instead of promising."""
    assert sound(GOOD)
    assert not sound(GOOD | bad)
    assert line(GOOD | bad)
    about = dict.fromkeys(
        (
            *("date", "machine", "python", "kafka", "faust-streaming", "aiokafka"),
            *("confluent-kafka", "numba", "numpy"),
        ),
        "1",
    )
    text = page(discovered().values(), [GOOD, GOOD | bad | {"round": 2}], about, "faults.json")
    assert "1 of 2 rounds" in text
    assert "0 of 1 rounds" in page(discovered().values(), [GOOD], about, "faults.json")


def test_finished_rounds_are_taken_over_and_failed_ones_are_not(tmp_path: Path) -> None:
    """An interrupted run goes on where it was."""
    results = Results.read(tmp_path / "docs" / "faults.json")
    results.add(GOOD)
    results.add(GOOD | {"round": 2, "error": "X"})
    again = Results.read(results.path)
    assert again.finished("kill", 1, 1, 10)
    assert not again.finished("kill", 2, 1, 10)
    assert not again.finished("kill", 1, 2, 10)
    again.add(GOOD | {"round": 2})
    assert Results.read(results.path).finished("kill", 2, 1, 10)
    assert len(Results.read(results.path).rounds) == 2


def test_the_bound_is_the_exact_one() -> None:
    """0 of n leaves 5 % for a rate of 1 - 0.05^(1/n), which is near 3/n."""
    assert (1 - upper_bound(100)) ** 100 == pytest.approx(0.05)
    assert upper_bound(1_000) == pytest.approx(3 / 1_000, rel=0.01)
    assert upper_bound(0) == 1.0


def test_faults_are_discovered_in_the_order_of_the_table() -> None:
    """The control comes first, and each fault says how it is injected."""
    faults = list(discovered().values())
    assert faults[0].name == "control"
    kinds = [KINDS.index(fault.kind) for fault in faults]
    assert kinds == sorted(kinds)
    assert all(fault.injected and fault.title for fault in faults)
