"""One suite for every statistic that discovery finds, and a count of all detectors it finds.

Estimators have their part of the suite in test_contract_estimators.
"""

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
    ContractError,
    FloatArray,
    Sample,
)
from tests.detectors.samples import categorical_sample, numeric_sample, swapped
from tests.thoroughness import examples

STATISTICS = ["chi_square", "jensen_shannon", "ks", "psi", "wasserstein"]
ESTIMATORS = ["adwin", "ddm", "eddm", "hddm_a", "hddm_w", "kswin", "page_hinkley", "stale"]
NOT_DETECTORS = {
    "__init__", "adwin_kernel", "adwin_state", "bank_columns", "bins", "coarse",
    "concept_fits", "concept_shape", "contract", "decade_kernel", "decades", "discovery", "jit",
    "kernels", "key_table_kernel", "kswin_kernel", "loss_bank", "loss_kernels", "packing_kernel",
    "rising", "sealing", "stale_kernel", "unit_fit",
}  # fmt: skip
FROM_COUNTS = {
    "alpha_spending",
    "boundary_crossing",
    "calibration",
    "cbpe",
    "conditional_shift",
    "confusion",
    "control_chart",
    "fixed_point",
    "intervals",
    "mcnemar",
    "paired_auc",
    "ranking",
    "rate_kernels",
    "rate_shift",
    "rate_tests",
    "regression_errors",
    "sample_ratio",
}
"""Numbers of labelled windows, of rates and of series: called by name, not discovered."""

statistics = pytest.mark.parametrize("name", STATISTICS)
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
    """Discovery finds five statistics and eight estimators, sorted."""
    assert list(discovery.statistics()) == STATISTICS
    assert list(discovery.estimators()) == ESTIMATORS


def test_no_file_is_skipped() -> None:
    """Every file of the package is a detector or on the list of those that are not."""
    folder = pathlib.Path(detectors.__path__[0])
    files = {path.stem for path in folder.glob("*.py")}
    assert files == NOT_DETECTORS | FROM_COUNTS | set(STATISTICS) | set(ESTIMATORS)


@pytest.mark.parametrize(
    ("kind", "content", "lacking"),
    [
        ("guess", {}, "KIND must be statistic or estimator"),
        ("statistic", {}, "measure"),
        ("statistic", {"measure": len}, "APPLIES_TO"),
        ("statistic", {"measure": len, "APPLIES_TO": ("text",)}, "APPLIES_TO"),
        ("estimator", {}, "build"),
        ("estimator", {"build": len, "snapshot_bytes_max": len}, "Params"),
        ("estimator", {"WATCHES": ("labels",)}, "WATCHES must name features, losses or both"),
        ("estimator", {"WATCHES": ("losses",), "TAKES": "text"}, "TAKES must be reals or bits"),
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
    module = importlib.import_module("detectors.kernels")
    monkeypatch.setattr(module, "KIND", kind, raising=False)
    for name, value in content.items():
        monkeypatch.setattr(module, name, value, raising=False)
    with pytest.raises(ContractError, match=f"kernels: .*{lacking}"):
        discovery.statistics()


@statistics
@settings(max_examples=examples(30), deadline=None)
@given(values=references)
def test_identical_samples_give_zero(name: str, values: FloatArray) -> None:
    """The same counts on both sides are no drift at all, to the last bit, and p is 1."""
    for sample in samples_of(name, values, values):
        found = statistic(name).measure(sample, statistic(name).Params())
        assert found.value == 0.0
        assert found.p_value in (None, 1.0)


@statistics
@settings(max_examples=examples(50), deadline=None)
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
@settings(max_examples=examples(50), deadline=None)
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
