"""PSI: its convention, its null law, and the p-value where bins are rare."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import psi
from detectors.contract import P_VALUE_FLOOR, Measure, Sample
from tests.detectors import naive
from tests.detectors.samples import categorical_sample, numeric_sample
from tests.thoroughness import examples

PARAMS = psi.Params()
CREDIT_EXPECTED = [0.08, 0.15, 0.30, 0.25, 0.15, 0.07]
CREDIT_ACTUAL = [0.05, 0.10, 0.22, 0.28, 0.22, 0.13]
count_lists = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 2000)), min_size=1, max_size=30
).filter(lambda pairs: all(sum(side) for side in zip(*pairs, strict=True)))


def of(pairs: list[tuple[int, int]]) -> Sample:
    """A categorical sample of (reference, current) counts."""
    return categorical_sample([pair[0] for pair in pairs], [pair[1] for pair in pairs])


def measured(sample: Sample) -> Measure:
    """PSI with the default parameters."""
    return psi.measure(sample, PARAMS)


def test_credit_score_example() -> None:
    """The worked example is 0.1265 in shares, and 100,000 applicants agree with it."""
    shares = psi.psi_of_shares(np.array(CREDIT_EXPECTED), np.array(CREDIT_ACTUAL))
    assert round(shares, 4) == 0.1265
    counts = categorical_sample(
        [100_000 * share for share in CREDIT_EXPECTED],
        [round(100_000 * share) for share in CREDIT_ACTUAL],
    )
    assert math.isclose(measured(counts).value, shares, abs_tol=1e-4)


def test_shares_that_are_zero() -> None:
    """Zero on both sides is left out, zero on one side is infinite: shares have no pseudo-count."""
    expected, actual = np.array([0.5, 0.5, 0.0]), np.array([0.4, 0.6, 0.0])
    assert psi.psi_of_shares(expected, actual) == psi.psi_of_shares(expected[:2], actual[:2])
    assert psi.psi_of_shares(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == math.inf


@settings(max_examples=examples(100), deadline=None)
@given(pairs=count_lists, pseudo_count=st.sampled_from([0.5, 1e-3, 3.0]))
def test_equals_its_twin(pairs: list[tuple[int, int]], pseudo_count: float) -> None:
    """Bin by bin in plain Python gives the same value."""
    found = psi.measure(of(pairs), psi.Params(pseudo_count=pseudo_count)).value
    assert math.isclose(found, naive.psi(of(pairs), pseudo_count), rel_tol=1e-9, abs_tol=1e-12)


@settings(max_examples=examples(50), deadline=None)
@given(pairs=count_lists, empties=st.integers(1, 5))
def test_bins_empty_on_both_sides_are_left_out(pairs: list[tuple[int, int]], empties: int) -> None:
    """Standing bins that nothing ever reaches change no number and contribute 0."""
    plain, padded = measured(of(pairs)), measured(of([*pairs, *[(0, 0)] * empties]))
    assert (padded.value, padded.p_value, padded.more) == (plain.value, plain.p_value, plain.more)
    assert padded.contributions is not None
    assert padded.contributions[-empties:].tolist() == [0.0] * empties


def test_empty_standing_bins_are_no_watch_at_small_sizes() -> None:
    """N = 100 against 50,000: four bins that are empty on both sides leave PSI at its noise."""
    found = measured(of([*[(5000, 10)] * 10, *[(0, 0)] * 4]))
    assert found.value < 1e-9
    assert found.more["bins"] == 10.0


def test_bias_is_taken_off() -> None:
    """Bias = (1/n + 1/m)(B - 1) of the counts; a calibrated size is for the p-value alone."""
    sample = of([(1000, 90), (1000, 110), (2000, 200)])
    found = measured(sample)
    assert math.isclose(found.more["bias"], (1 / 4000 + 1 / 400) * 2)
    assert found.more["corrected"] == found.value - found.more["bias"]
    calibrated = measured(dataclasses.replace(sample, effective_size=50.0))
    assert calibrated.more["bias"] == found.more["bias"]
    assert calibrated.p_value is not None
    assert found.p_value is not None
    assert calibrated.p_value > found.p_value
    assert calibrated.value == found.value


@settings(max_examples=examples(50), deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(50, 90), st.integers(50, 90)), min_size=2, max_size=20),
    worth=st.one_of(st.none(), st.floats(1, 1000)),
)
def test_p_value_is_the_chi_square_law_where_bins_are_full(
    pairs: list[tuple[int, int]], worth: float | None
) -> None:
    """chi2.sf(PSI N, B - 1) as SciPy has it, no lower than the floor, nothing resampled."""
    found = measured(dataclasses.replace(of(pairs), effective_size=worth))
    n, m = (sum(side) for side in zip(*pairs, strict=True))
    due = scipy.stats.chi2.sf(found.value * (worth or n * m / (n + m)), len(pairs) - 1)
    assert found.p_value is not None
    assert math.isclose(found.p_value, max(due, P_VALUE_FLOOR), rel_tol=1e-9)
    assert found.more["resampled"] == 0.0


def test_one_bin_proves_nothing() -> None:
    """With a single bin both shares are 1: value 0, p 1."""
    found = measured(of([(10, 3)]))
    assert (found.value, found.p_value, found.more["bias"]) == (0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("reference_size", "size", "shares"),
    [
        (50_000, 100, [0.1] * 9 + [0.08, 0.015, 0.005]),
        (50_000, 3_000, [0.1] * 9 + [0.0999, 0.00005, 0.00005]),
        (300, 300, [0.02] * 50),
        (2_000, 60, [0.9, *[0.01] * 10]),
        (500, 20_000, [0.3, 0.3, 0.3, 0.09, 0.008, 0.002]),
    ],
)
def test_rare_bins_raise_no_more_false_alarms_than_their_p_value_says(
    reference_size: int, size: int, shares: list[float]
) -> None:
    """Under no drift P(p <= level) stays within 1.6 x level plus three standard errors, at levels
    that are counted (5 %) and that are modelled (0.3 %), where rare bins are resampled."""
    rng = np.random.default_rng(size)
    trials = 1200
    found = [
        measured(
            categorical_sample(
                rng.multinomial(reference_size, shares).tolist(),
                rng.multinomial(size, shares).tolist(),
            )
        )
        for _ in range(trials)
    ]
    assert sum(one.more["resampled"] for one in found) > trials / 10
    p_values = np.array([one.p_value for one in found])
    for level in (0.05, 0.003):
        allowed = 1.6 * level
        error = 3 * math.sqrt(allowed * (1 - allowed) / trials)
        assert np.mean(p_values <= level) <= allowed + error, level


@pytest.mark.parametrize("moved", [60, 500])
def test_a_bin_that_the_reference_never_had_becomes_significant(moved: int) -> None:
    """Many values where the reference has none reach the floor: resampling does not blunt it."""
    found = measured(of([*[(5000, 100)] * 10, (0, moved)]))
    assert found.p_value == P_VALUE_FLOOR


def test_one_stray_value_is_not_significant() -> None:
    """One value beyond the largest of 50,000 is expected now and then among 3,000."""
    found = measured(of([*[(5000, 300)] * 10, (0, 1)]))
    assert found.more["resampled"] == 1.0
    assert found.p_value is not None
    assert found.p_value > 0.2


def test_resampling_leaves_the_global_random_state_alone() -> None:
    """It draws from a generator of its own with a fixed seed."""
    state = np.random.get_state(legacy=False)  # noqa: NPY002 - it is what is looked at
    measured(of([(500, 3), (400, 4), (1, 2), (0, 1)]))
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_equal(after, state)


def test_works_on_fine_numeric_cells() -> None:
    """Sixty fine cells merge into ten bins between below and above; a shift by a tenth shows."""
    rng = np.random.default_rng(5)
    found = measured(numeric_sample(rng.normal(size=60_000), rng.normal(size=20_000) + 0.3))
    assert found.contributions is not None
    assert found.contributions.shape == (12,)
    # PSI of two normals one delta apart is delta squared before binning.
    assert 0.06 < found.value < 0.09
    assert found.p_value == P_VALUE_FLOOR


@pytest.mark.parametrize("pseudo_count", [0.0, -1.0, math.nan, math.inf])
def test_a_pseudo_count_that_means_nothing_is_refused(pseudo_count: float) -> None:
    """Zero would make an empty bin infinite."""
    with pytest.raises(ValueError, match="pseudo_count"):
        psi.Params(pseudo_count=pseudo_count)


def test_far_out_the_chance_is_as_rare_as_it_says() -> None:
    """Of 400,000 samples of 150 values over eight bins PSI's own law has 1.4 times as many at or
    below 1e-4 as it says, and more; ``chance``, which is never below it, has not."""
    random = np.random.default_rng(20)
    shares, size, alpha = random.dirichlet(np.full(8, 4.0)), 400_000, 1e-4
    expected = random.multinomial(60_000, shares).astype(np.float64)
    actual = random.multinomial(150, shares, size=size).astype(np.float64)
    e = (expected + 0.5) / (expected.sum() + 4.0)
    a = (actual + 0.5) / 154.0
    value = ((a - e) * np.log(a / e)).sum(axis=1)
    worth = 150 * 60_000 / 60_150
    suspects = np.flatnonzero(scipy.stats.chi2.sf(value * worth, 7) <= alpha)
    found = [
        psi.measure(
            Sample(expected, actual[place].astype(np.int64), np.arange(8), np.empty(0)),
            psi.Params(),
        )
        for place in suspects.tolist()
    ]
    chances = [one.chance for one in found if one.chance is not None]
    assert len(chances) == len(suspects) > 1.4 * alpha * size
    assert sum(chance <= alpha for chance in chances) < 1.4 * alpha * size
    laws = scipy.stats.chi2.sf(value[suspects] * worth, 7)
    resampled = np.array([one.more["resampled"] for one in found]) > 0
    assert (np.array(chances) >= laws * 0.999)[~resampled].all()
