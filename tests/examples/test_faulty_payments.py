"""Faults that the payment generator scripts, through the whole engine: an alert that names them and
no trigger, neither then nor later; and a real change: one trigger, however many windows show it.

A single cause that drifts is enough to be asked about here, and each of the faults is drift in
numbers: what holds the trigger back is that the data are bad.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from engine.timestamps import ms_to_rfc3339
from examples.fraud.drift import Change
from examples.fraud.rhythm import HOUR_MS
from tests.examples.faulty_flights import Records, alerted
from tests.examples.faulty_payments import (
    BEGINS_MS,
    DAYS,
    Span,
    payments,
    payments_model,
    said_of_payments,
    scripted,
)

if TYPE_CHECKING:
    from pathlib import Path

END: Final = 24.0 * DAYS
CENTS: Final = Change("rescaled", start=0.0, strength=1.0)
NULLS: Final = Change("missing", start=0.0, strength=0.4)
NAMES: Final = Change("renamed", start=0.0, strength=1.0)
FROZEN: Final = Change("frozen", start=0.0, strength=1.0)
OTHERS: Final = Change("population", start=0.0, strength=1.0)
"""Other people pay, elsewhere and more: real drift."""
TOLD: Final[dict[Change, tuple[tuple[str, str], ...]]] = {
    CENTS: (("amount", "rescaled"), ("amount_to_usual", "rescaled")),
    NULLS: (("country", "missing"), ("device", "missing")),
    NAMES: (("country", "unseen"),),
    FROZEN: (("amount", "constant"),),
}
"""Feature and fault that an alert is to name."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reference lies."""
    return tmp_path_factory.mktemp("payments")


def at(hour: float) -> str:
    """So many hours after the stream began, as records tell it."""
    return ms_to_rfc3339(BEGINS_MS + round(hour * HOUR_MS))


def alerted_in(records: Records, span: Span) -> set[tuple[str, str]]:
    """Feature and fault of the alerts on data that opened in a time."""
    start, end = map(at, span)
    inside = [alert for alert in records["alerts"] if start < alert["end"] <= end]
    told = alerted({**records, "alerts": inside})
    return {(feature, fault) for feature, faults in told.items() for fault in faults}


def triggers(records: Records) -> list[tuple[str, str]]:
    """Cause and window end of each."""
    return [(t["cause"], t["window"]["end"]) for t in records["retraining-triggers"]]


def drifting(records: Records, window: str) -> int:
    """How many windows of this length are drift."""
    judged = (tree for tree in records["judgements"] if tree["window"] == window)
    return sum(tree["data"]["level"] == "DRIFT" for tree in judged)


def test_half_days_of_every_fault_and_then_drift(folder: Path) -> None:
    """Asked about every hour: each fault has its alert within two hours and asks for nothing, the
    change of who pays asks once."""
    faults: list[tuple[Span, Change]] = [
        ((33, 45), CENTS),
        ((57, 69), NULLS),
        ((81, 93), NAMES),
        ((105, 117), FROZEN),
    ]
    table = scripted(*((span, (fault,)) for span, fault in faults), ((168, END), (OTHERS,)))
    records = said_of_payments(payments_model(folder, window="1h"), table, folder)
    for (start, _), fault in faults:
        assert set(TOLD[fault]) & alerted_in(records, (start, start + 2)), fault
    ((cause, when),) = triggers(records)
    assert cause == "data_drift"
    assert at(168) < when <= at(172)
    assert drifting(records, "1h") > 20


def test_days_of_faults_and_then_drift(folder: Path) -> None:
    """Asked about every day: two days of cents and nulls ask for nothing, though they are told as
    drift that is held back; the change of who pays asks once."""
    parts: tuple[tuple[Span, tuple[Change, ...]], ...] = (
        ((31, 80), (CENTS, NULLS)),
        ((120, END), (OTHERS,)),
    )
    records = said_of_payments(payments_model(folder, window="1d"), scripted(*parts), folder)
    assert {*TOLD[CENTS], *TOLD[NULLS]} <= alerted_in(records, (31, 96))
    ((cause, when),) = triggers(records)
    assert (cause, when) == ("data_drift", at(168))
    assert drifting(records, "1d") >= 3


PARTIAL: Final = {
    CENTS: (0.5, (("amount", "converted"),)),
    NULLS: (0.15, TOLD[NULLS]),
    NAMES: (0.2, TOLD[NAMES]),
    FROZEN: (0.4, (("amount", "repeated"),)),
}
"""Part of the payments only, and what is told then."""


@pytest.mark.long
@pytest.mark.parametrize("window", ["1h", "1d"])
@pytest.mark.parametrize("spans", [((61, 85),), ((30.5, 135.2),), ((32, 44), (56, 68), (80, 92))])
@pytest.mark.parametrize("of", ["all", "some"])
@pytest.mark.parametrize("fault", list(TOLD), ids=lambda change: change.kind)
def test_a_fault_alerts_and_asks_for_nothing(
    fault: Change, of: str, spans: tuple[Span, ...], window: str, folder: Path
) -> None:
    """For a day, for days from the middle of an hour on, and in the mornings of three days; of all
    payments and of some; with panes of ten seconds where an hour asks."""
    told = TOLD[fault]
    if of == "some":
        share, told = PARTIAL[fault]
        fault = Change(fault.kind, start=0.0, strength=share)
    table = scripted(*((span, (fault,)) for span in spans))
    model = payments_model(folder, window=window, pane="10s" if window == "1h" else "4m")
    records = said_of_payments(model, table, folder)
    assert triggers(records) == []
    assert set(told) & alerted_in(records, (spans[0][0], END))
    assert not alerted_in(records, (0, spans[0][0]))


@pytest.mark.long
@pytest.mark.parametrize("window", ["1h", "1d"])
def test_without_a_change_nothing_is_said(window: str, folder: Path) -> None:
    """The same payments as they were."""
    records = said_of_payments(payments_model(folder, window=window), payments(), folder)
    assert triggers(records) == []
    assert alerted(records) == {}


@pytest.mark.long
@pytest.mark.parametrize("window", ["1h", "1d"])
@pytest.mark.parametrize("start", [75, 103, 130])
def test_a_change_asks_once(start: int, window: str, folder: Path) -> None:
    """Whenever it comes, and though it stays: the cool-down is a week."""
    table = scripted(((start, END), (OTHERS,)))
    records = said_of_payments(payments_model(folder, window=window), table, folder)
    assert [cause for cause, _ in triggers(records)] == ["data_drift"]
    assert {rule["rule"] for rule in records["retraining-triggers"]} == {"psi_features"}
