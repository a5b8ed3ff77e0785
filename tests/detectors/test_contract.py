"""One suite for every detector that discovery finds, and a count of what it finds."""

from __future__ import annotations

import dataclasses
import importlib
import math
import pathlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import detectors
from detectors import discovery
from detectors.contract import (
    P_VALUE_FLOOR,
    Alarms,
    Bank,
    ContractError,
    FloatArray,
    ForeignSnapshotError,
    Sample,
)
from tests.detectors.samples import categorical_sample, numeric_sample, swapped

STATISTICS = ["chi_square", "jensen_shannon", "ks", "psi", "wasserstein"]
ESTIMATORS = ["adwin"]
NOT_DETECTORS = {
    "__init__", "adwin_kernel", "bins", "cells", "coarse", "contract", "discovery", "jit",
    "kernels", "sealing",
}  # fmt: skip

statistics = pytest.mark.parametrize("name", STATISTICS)
banks = pytest.mark.parametrize(
    ("name", "options"),
    [("adwin", {"implementation": "kernel"}), ("adwin", {"implementation": "river"})],
    ids=["adwin-kernel", "adwin-river"],
)
Options = dict[str, str]

raw_values = st.lists(
    st.one_of(
        st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, 2.0, math.nan, math.inf, -math.inf])
    ),
    max_size=80,
).map(lambda values: np.array(values, np.float64))
references = raw_values.filter(lambda values: bool(np.isfinite(values).any()))


def statistic(name: str) -> ModuleType:
    """The module of a statistic."""
    return discovery.statistics()[name]


def samples_of(name: str, reference: FloatArray, current: FloatArray) -> list[Sample]:
    """Samples of all the types that a statistic applies to."""
    made = []
    if "numeric" in statistic(name).APPLIES_TO:
        made.append(numeric_sample(reference, current))
    if "categorical" in statistic(name).APPLIES_TO:
        cells = numeric_sample(reference, current, fine_bins=5)
        made.append(categorical_sample(cells.expected.tolist(), cells.actual.tolist()))
    return made


def test_exactly_these_detectors_exist() -> None:
    """Discovery finds five statistics and one estimator, sorted."""
    assert list(discovery.statistics()) == STATISTICS
    assert list(discovery.estimators()) == ESTIMATORS


def test_no_file_is_skipped() -> None:
    """Every file of the package is a detector or on the list of those that are not."""
    folder = pathlib.Path(detectors.__path__[0])
    files = {path.stem for path in folder.glob("*.py")}
    assert files == NOT_DETECTORS | set(STATISTICS) | set(ESTIMATORS)


@pytest.mark.parametrize(
    ("kind", "content", "lacking"),
    [
        ("guess", {}, "KIND must be statistic or estimator"),
        ("statistic", {}, "measure"),
        ("statistic", {"measure": len}, "APPLIES_TO"),
        ("statistic", {"measure": len, "APPLIES_TO": ("text",)}, "APPLIES_TO"),
        ("estimator", {}, "build"),
        ("estimator", {"build": len, "snapshot_bytes_max": len}, "Params"),
        (
            "estimator",
            {"build": len, "snapshot_bytes_max": len,
             "Params": dataclasses.make_dataclass("Params", [("a", int)])},
            "Params must be frozen, Params.a must have a default",
        ),
    ],
)  # fmt: skip
def test_an_incomplete_detector_is_refused_with_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, kind: str, content: dict[str, object], lacking: str
) -> None:
    """A module that says KIND and not the rest stops the start, by name."""
    module = importlib.import_module("detectors.cells")
    monkeypatch.setattr(module, "KIND", kind, raising=False)
    for name, value in content.items():
        monkeypatch.setattr(module, name, value, raising=False)
    with pytest.raises(ContractError, match=f"cells: .*{lacking}"):
        discovery.statistics()


@statistics
@settings(max_examples=30, deadline=None)
@given(values=references)
def test_identical_samples_give_zero(name: str, values: FloatArray) -> None:
    """The same counts on both sides are no drift at all, to the last bit, and p is 1."""
    for sample in samples_of(name, values, values):
        found = statistic(name).measure(sample, statistic(name).Params())
        assert found.value == 0.0
        assert found.p_value in (None, 1.0)


@statistics
@settings(max_examples=50, deadline=None)
@given(reference=references, current=raw_values)
def test_values_are_never_negative_and_calls_change_nothing(
    name: str, reference: FloatArray, current: FloatArray
) -> None:
    """On any values: value >= 0, or NaN exactly without data; p in [floor, 1]; the same call gives
    the same answer, and the sample is as it was."""
    module = statistic(name)
    for sample in samples_of(name, reference, current):
        before = [np.copy(getattr(sample, field)) for field in ("expected", "actual", "coarse")]
        found, again = (module.measure(sample, module.Params()) for _ in range(2))
        after = [getattr(sample, field) for field in ("expected", "actual", "coarse")]
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_equal(dataclasses.asdict(found), dataclasses.asdict(again))
        assert math.isnan(found.value) == (sample.actual.sum() == 0)
        assert math.isnan(found.value) or found.value >= 0.0
        assert found.p_value is None or P_VALUE_FLOOR <= found.p_value <= 1.0
        if found.contributions is not None:
            assert found.contributions.shape == (sample.coarse[-1] + 1,)
            assert math.isclose(found.contributions.sum(), found.value, abs_tol=1e-12)


@statistics
@settings(max_examples=50, deadline=None)
@given(reference=references, current=references)
def test_swapping_the_sides_changes_nothing_where_that_is_claimed(
    name: str, reference: FloatArray, current: FloatArray
) -> None:
    """SYMMETRIC = True is a promise."""
    module = statistic(name)
    assert module.SYMMETRIC, "say so here once a statistic is not symmetric"
    for sample in samples_of(name, reference, current):
        one = module.measure(sample, module.Params()).value
        other = module.measure(swapped(sample), module.Params()).value
        assert math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


@statistics
@pytest.mark.parametrize("side", ["expected", "actual", "both", "not finite"])
def test_no_data_is_not_no_drift(name: str, side: str) -> None:
    """Without values on a side the value is NaN and there is no p-value."""
    module = statistic(name)
    for sample in samples_of(name, np.arange(100.0), np.arange(50.0)):
        empty: dict[str, dict[str, Any]] = {
            "expected": {"expected": np.zeros(sample.expected.size)},
            "actual": {"actual": np.zeros(sample.actual.size, np.int64)},
            "not finite": {"expected": np.full(sample.expected.size, np.nan)},
        }
        changes = empty["expected"] | empty["actual"] if side == "both" else empty[side]
        found = module.measure(dataclasses.replace(sample, **changes), module.Params())
        assert math.isnan(found.value)
        assert found.p_value is None
        assert not found.more


@statistics
@pytest.mark.parametrize("reference", [[5.0], [5.0] * 40, [0.0, 1.0], [0.0] * 30 + [1.0]])
@pytest.mark.parametrize("current", [[5.0], [0.0, 1.0], [-9.0] * 30, [9.0] * 30])
def test_constant_and_one_value_references_work(
    name: str, reference: list[float], current: list[float]
) -> None:
    """The smallest references still give a number, and it is 0 only for the same shares."""
    module = statistic(name)
    for sample in samples_of(name, np.array(reference), np.array(current)):
        found = module.measure(sample, module.Params())
        assert math.isfinite(found.value)
        shares = sample.expected / sample.expected.sum(), sample.actual / sample.actual.sum()
        if sample.actual[0] + sample.actual[-1] > 0:
            assert found.value > 0.0
        elif np.array_equal(*shares) and name != "psi":
            assert found.value == 0.0


@statistics
def test_a_smaller_effective_size_never_makes_more_significant(name: str) -> None:
    """Dependent values prove less: the p-value grows, the value stays."""
    module = statistic(name)
    rng = np.random.default_rng(4)
    for sample in samples_of(name, rng.normal(size=5000), rng.normal(size=2000) + 0.06):
        plain = module.measure(sample, module.Params())
        fewer = module.measure(dataclasses.replace(sample, effective_size=50.0), module.Params())
        assert fewer.value == plain.value
        if plain.p_value is not None:
            assert fewer.p_value > plain.p_value


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


@banks
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
