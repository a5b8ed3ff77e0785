"""KS, Wasserstein, Jensen-Shannon and chi-square: their twins, SciPy, and the binning error."""

from __future__ import annotations

import dataclasses
import math
import warnings

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import chi_square, jensen_shannon, ks, wasserstein
from detectors.contract import P_VALUE_FLOOR, FloatArray, Sample
from tests.detectors import naive
from tests.detectors.samples import categorical_sample, numeric_sample
from tests.thoroughness import examples

arrays = st.one_of(
    st.lists(st.floats(-1000, 1000), min_size=1, max_size=60),
    st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=60),
    st.integers(0, 10**6).map(lambda seed: np.random.default_rng(seed).normal(size=200).tolist()),
    st.integers(0, 10**6).map(
        lambda seed: np.random.default_rng(seed).standard_cauchy(200).tolist()
    ),
).map(lambda values: np.array(values, np.float64))
fine = st.sampled_from([1, 3, 10, 60])
MODULES = {
    "chi_square": (chi_square, naive.chi_square),
    "jensen_shannon": (jensen_shannon, naive.jensen_shannon),
    "ks": (ks, naive.ks),
    "wasserstein": (wasserstein, naive.wasserstein),
}


@pytest.mark.parametrize("name", MODULES)
@settings(max_examples=examples(25), deadline=None)
@given(reference=arrays, current=arrays, fine_bins=st.sampled_from([1, 4, 12]))
def test_equals_its_twin(
    name: str, reference: FloatArray, current: FloatArray, fine_bins: int
) -> None:
    """Plain loops give the same value; the Wasserstein twin slices, so a little less exactly."""
    module, twin = MODULES[name]
    sample = numeric_sample(reference, current, fine_bins=fine_bins, bins=4)
    tolerance = 1e-9
    if name == "wasserstein":
        tolerance = 1e-4 * float(sample.edges[-1] - sample.edges[0]) / sample.spread + 1e-9
    elif name == "jensen_shannon":
        tolerance = 1e-7  # a root near zero
    found = module.measure(sample, module.Params()).value
    assert math.isclose(found, twin(sample), rel_tol=1e-9, abs_tol=tolerance)


@settings(max_examples=examples(150), deadline=None)
@given(reference=arrays, current=arrays, fine_bins=fine)
def test_ks_of_the_raw_values_is_within_the_error_bound(
    reference: FloatArray, current: FloatArray, fine_bins: int
) -> None:
    """D <= SciPy's D of the raw values <= D + error_bound, and the bound is at most the largest
    share of a cell on either side."""
    sample = numeric_sample(reference, current, fine_bins=fine_bins)
    found = ks.measure(sample, ks.Params())
    with warnings.catch_warnings():
        # SciPy's p-value, which is not used here, warns for the smallest samples.
        warnings.simplefilter("ignore", RuntimeWarning)
        exact = scipy.stats.ks_2samp(reference, current, method="asymp").statistic
    bound = found.more["error_bound"]
    assert found.value <= exact + 1e-12
    assert exact <= found.value + bound + 1e-12
    shares = sample.expected / reference.size, sample.actual / current.size
    assert bound <= max(share.max() for share in shares) + 1e-12


@pytest.mark.parametrize("worth", [None, 40.0])
def test_ks_p_value_is_kolmogorovs_law(worth: float | None) -> None:
    """SciPy's limit law at sqrt(N) D."""
    rng = np.random.default_rng(6)
    sample = numeric_sample(rng.normal(size=4000), rng.normal(size=1000) + 0.05)
    found = ks.measure(dataclasses.replace(sample, effective_size=worth), ks.Params())
    size = worth or 4000 * 1000 / 5000
    assert found.p_value is not None
    assert math.isclose(found.p_value, scipy.stats.kstwobign.sf(math.sqrt(size) * found.value))
    assert found.p_value > P_VALUE_FLOOR


@settings(max_examples=examples(200), deadline=None)
@given(reference=arrays, current=arrays, fine_bins=fine)
def test_wasserstein_of_the_raw_values_is_within_the_error_bound(
    reference: FloatArray, current: FloatArray, fine_bins: int
) -> None:
    """|value - SciPy's distance of the raw values| <= error_bound, in spreads, tails and all."""
    sample = numeric_sample(reference, current, fine_bins=fine_bins)
    found = wasserstein.measure(sample, wasserstein.Params())
    exact = scipy.stats.wasserstein_distance(reference, current) / sample.spread
    rounding = 1e-9 * (1 + float(np.abs(np.concatenate([reference, current])).max()))
    assert abs(found.value - exact) <= found.more["error_bound"] + rounding / sample.spread


@settings(max_examples=examples(100), deadline=None)
@given(reference=arrays, current=arrays, edges=st.sets(st.floats(-5, 5), min_size=2, max_size=6))
def test_wasserstein_bound_holds_where_the_reference_has_tails_too(
    reference: FloatArray, current: FloatArray, edges: set[float]
) -> None:
    """Edges from anywhere: what both sides have beyond them is in the bound as well."""
    bounds = np.array(sorted(edge + 0.0 for edge in edges))
    tails = [
        [float(side[chosen].mean()) if chosen.any() else math.nan for side, chosen in pairs]
        for pairs in (
            [(side, side < bounds[0]) for side in (reference, current)],
            [(side, side >= bounds[-1]) for side in (reference, current)],
        )
    ]
    expected, actual = (naive.histogram(s.tolist(), bounds.tolist()) for s in (reference, current))
    sample = Sample(
        expected=np.array(expected, np.float64),
        actual=np.array(actual),
        coarse=np.arange(bounds.size + 1),
        edges=bounds,
        below_mean=(tails[0][0], tails[0][1]),
        above_mean=(tails[1][0], tails[1][1]),
    )
    found = wasserstein.measure(sample, wasserstein.Params())
    exact = scipy.stats.wasserstein_distance(reference, current)
    rounding = 1e-9 * (1 + float(np.abs(np.concatenate([reference, current])).max()))
    assert abs(found.value - exact) <= found.more["error_bound"] + rounding


def test_wasserstein_is_in_spreads_of_the_reference() -> None:
    """A shift by half a standard deviation reads about 0.5 in any unit (straight lines in the wide
    outermost cells read a little much)."""
    rng = np.random.default_rng(7)
    values = rng.normal(size=40_000)
    for scale in (1e-6, 1.0, 1e6):
        sample = numeric_sample(values * scale, (values + 0.5) * scale)
        found = wasserstein.measure(sample, wasserstein.Params())
        assert abs(found.value - 0.5 / values.std()) <= found.more["error_bound"]
        assert math.isclose(found.value, 0.5 / values.std(), rel_tol=0.08)


def test_wasserstein_sees_how_far_a_tail_went() -> None:
    """Everything 1,000 spreads above the largest reference value is about 1,000, exactly so for
    the part beyond the edge."""
    reference = np.arange(100.0)
    sample = numeric_sample(reference, reference + 1e5)
    found = wasserstein.measure(sample, wasserstein.Params())
    exact = scipy.stats.wasserstein_distance(reference, reference + 1e5) / sample.spread
    assert math.isclose(found.value, exact, rel_tol=1e-4)


def test_wasserstein_of_a_tail_without_a_mean_is_unknown() -> None:
    """Values beyond the edge whose mean is not given make the value NaN, not small."""
    sample = numeric_sample(np.arange(100.0), np.arange(50.0) - 40.0)
    cut = dataclasses.replace(sample, below_mean=(math.nan, math.nan))
    assert math.isnan(wasserstein.measure(cut, wasserstein.Params()).value)


@settings(max_examples=examples(80), deadline=None)
@given(
    pairs=st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=30
    ).filter(lambda pairs: all(sum(side) for side in zip(*pairs, strict=True)))
)
def test_jensen_shannon_and_chi_square_agree_with_scipy(pairs: list[tuple[int, int]]) -> None:
    """SciPy's jensenshannon in base 2, and chi2_contingency without correction, value and p."""
    expected, actual = (list(side) for side in zip(*pairs, strict=True))
    sample = categorical_sample([float(count) for count in expected], actual)
    distance = scipy.spatial.distance.jensenshannon(expected, actual, base=2)
    found = jensen_shannon.measure(sample, jensen_shannon.Params())
    assert math.isclose(found.value, 0.0 if math.isnan(distance) else distance, abs_tol=1e-7)
    kept = np.array([pair for pair in pairs if sum(pair)]).T
    test = chi_square.measure(sample, chi_square.Params())
    assert test.more["bins"] == kept.shape[1]
    due = scipy.stats.chi2_contingency(kept, correction=False)
    assert math.isclose(test.value, due.statistic, rel_tol=1e-9, abs_tol=1e-9)
    assert test.p_value is not None
    assert math.isclose(test.p_value, max(due.pvalue, P_VALUE_FLOOR), rel_tol=1e-6)


def test_disjoint_histograms_are_at_distance_one() -> None:
    """The base 2 makes 1 the largest Jensen-Shannon distance; KS is 1 as well."""
    sample = numeric_sample(np.arange(100.0), np.arange(100.0) + 1000.0)
    assert jensen_shannon.measure(sample, jensen_shannon.Params()).value == 1.0
    assert ks.measure(sample, ks.Params()).value == 1.0
