"""One suite for every estimator that discovery finds; the count is in test_contract."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import discovery
from detectors.contract import Alarms, Bank, FloatArray, ForeignSnapshotError

CHANGE = [("adwin", {"implementation": "kernel"}), ("adwin", {"implementation": "river"})]
banks = pytest.mark.parametrize(
    ("name", "options"), [*CHANGE, ("stale", {})], ids=["adwin-kernel", "adwin-river", "stale"]
)
change_banks = pytest.mark.parametrize(
    ("name", "options"), CHANGE, ids=["adwin-kernel", "adwin-river"]
)
"""Those that look for a change; what the others alarm at is in a test of their own."""
Options = dict[str, str]


def test_every_estimator_is_in_this_suite() -> None:
    """A new estimator is added to the list above, with each of its implementations."""
    assert {case[0] for case in banks.args[1]} == set(discovery.estimators())


def bank_of(name: str, options: Options, streams: int, resume: bytes | None = None) -> Bank:
    """A bank of an estimator."""
    module = discovery.estimators()[name]
    bank: Bank = module.build(module.Params(**options), streams, resume)
    return bank


def drifting(streams: int, rows: int) -> FloatArray:
    """Columns that drift at times of their own, with holes."""
    rng = np.random.default_rng(8)
    columns = rng.normal(size=(streams, rows))
    for stream in range(streams):
        columns[stream] += 3.0 * (np.arange(rows) // (500 + 90 * stream) % 2)
    columns[rng.random(columns.shape) < 0.05] = np.nan
    return columns


def joined(parts: list[tuple[int, Alarms]]) -> list[tuple[object, ...]]:
    """Alarms of batches, with rows counted from the first batch's start."""
    return [
        (stream, row + start, position, before, after)
        for start, alarms in parts
        for stream, row, position, before, after in zip(
            *(getattr(alarms, field.name).tolist() for field in dataclasses.fields(Alarms)),
            strict=True,
        )
    ]


@change_banks
def test_alarms_come_in_order_with_arrays_of_one_length(name: str, options: Options) -> None:
    """By (row, stream); int64 and float64; there are some to check."""
    alarms = bank_of(name, options, 5).advance(drifting(5, 3000))
    order = list(zip(alarms.rows.tolist(), alarms.streams.tolist(), strict=True))
    assert len(order) > 5
    assert order == sorted(order)
    assert {field.name: getattr(alarms, field.name).dtype.str for field in
            dataclasses.fields(Alarms)} == {
        "streams": "<i8", "rows": "<i8", "positions": "<i8", "before": "<f8", "after": "<f8",
    }  # fmt: skip


@banks
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 1500), max_size=4).map(sorted), resumed=st.booleans())
def test_splitting_and_resuming_anywhere_is_invisible(
    name: str,
    options: Options,
    cuts: list[int],
    resumed: bool,  # noqa: FBT001 - drawn
) -> None:
    """Any batches, and a snapshot and a new bank between them, give the whole's alarms and state,
    and the input is as it was."""
    columns = drifting(3, 1500)
    given_columns = columns.copy()
    whole = bank_of(name, options, 3)
    expected = joined([(0, whole.advance(given_columns))])
    np.testing.assert_array_equal(given_columns, columns)
    bank, parts = bank_of(name, options, 3), []
    for start, stop in zip([0, *cuts], [*cuts, 1500], strict=True):
        parts.append((start, bank.advance(columns[:, start:stop])))
        if resumed:
            bank = bank_of(name, options, 3, bank.snapshot())
    assert joined(parts) == expected
    assert bank.snapshot() == whole.snapshot()


@banks
def test_a_constant_stream_is_quiet(name: str, options: Options) -> None:
    """Nothing changes, nothing is said; and nothing comes of no rows or no streams."""
    bank = bank_of(name, options, 2)
    assert bank.advance(np.full((2, 5000), 3.3)).rows.size == 0
    assert bank.advance(np.empty((2, 0))).rows.size == 0
    empty = bank_of(name, options, 0)
    assert empty.advance(np.empty((0, 10))).rows.size == 0
    assert bank_of(name, options, 0, empty.snapshot()).snapshot() == empty.snapshot()


@banks
def test_snapshots_stay_within_their_stated_size(name: str, options: Options) -> None:
    """However long the stream, the state is bounded, and the bound is not absurdly loose."""
    module = discovery.estimators()[name]
    bank = bank_of(name, options, 3)
    most = module.snapshot_bytes_max(module.Params(**options), 3)
    for _ in range(4):
        bank.advance(np.random.default_rng(1).normal(size=(3, 5000)))
        assert most / 20 < len(bank.snapshot()) <= most
    assert len(bank_of(name, options, 0).snapshot()) <= module.snapshot_bytes_max(
        module.Params(**options), 0
    )


@banks
def test_a_snapshot_of_other_parameters_is_refused(name: str, options: Options) -> None:
    """Any changed parameter or number of streams means fresh state, never a reinterpretation."""
    module = discovery.estimators()[name]
    snapshot = bank_of(name, options, 3).snapshot()
    params = module.Params(**options)
    others = [
        dataclasses.replace(params, **{field.name: changed(getattr(params, field.name))})
        for field in dataclasses.fields(params)
    ]
    for other in others:
        with pytest.raises(ForeignSnapshotError, match="other parameters"):
            module.build(other, 3, snapshot)
    with pytest.raises(ForeignSnapshotError, match="other parameters"):
        bank_of(name, options, 4, snapshot)


def changed(value: float | str) -> float | str:
    """Another valid value of a parameter."""
    if isinstance(value, str):
        return {"kernel": "river", "river": "kernel"}[value]
    return value + 1 if value >= 1 else value / 2


@banks
@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_snapshot_is_refused(
    name: str,
    options: Options,
    place: float,
    flip: int,
    cut: bool,  # noqa: FBT001 - drawn
) -> None:
    """One changed byte anywhere, or a lost end, is an error that says so, and nothing else."""
    bank = bank_of(name, options, 2)
    bank.advance(drifting(2, 200))
    snapshot = bytearray(bank.snapshot())
    at = int(place * len(snapshot))
    if cut:
        del snapshot[at:]
    else:
        snapshot[at] ^= flip
    with pytest.raises(ForeignSnapshotError):
        bank_of(name, options, 2, bytes(snapshot))


@banks
@pytest.mark.parametrize("law", ["uniform", "bernoulli", "normal"])
def test_false_alarms_on_stationary_streams_are_within_their_bound(
    name: str, options: Options, law: str
) -> None:
    """At most one false alarm per 100,000 values with the defaults (delta bounds each check's
    chance from above, and by a wide margin)."""
    rng = np.random.default_rng(99)
    columns = rng.normal(size=(20, 10_000)) if law == "normal" else rng.random((20, 10_000))
    if law == "bernoulli":
        columns = (columns < 0.1).astype(np.float64)
    alarms = bank_of(name, options, 20).advance(columns)
    assert alarms.rows.size <= columns.size / 100_000
