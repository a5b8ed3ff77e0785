"""The kernel equals River and the plain twin: alarm for alarm, bit for bit."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.drift import ADWIN

from detectors import adwin
from detectors.adwin_kernel import ROWS_USED, TOTAL, VARIANCE, WIDTH, advance_columns
from detectors.contract import Alarms, FloatArray
from tests.detectors import naive
from tests.thoroughness import examples

RNG = np.random.default_rng(20)
LENGTH = 3000
LEVEL = np.where(np.arange(LENGTH) // 700 % 2, 2.0, 0.0)


def gaps(values: FloatArray) -> FloatArray:
    """The same stream with a tenth of it missing or infinite."""
    holes = values.copy()
    holes[RNG.random(values.size) < 0.08] = np.nan
    holes[RNG.random(values.size) < 0.02] = np.inf
    return holes


STREAMS = {
    "random": RNG.normal(size=LENGTH),
    "drifting": RNG.normal(size=LENGTH) + LEVEL,
    "slowly drifting": RNG.normal(size=LENGTH) + np.arange(LENGTH) / 300,
    "constant": np.full(LENGTH, 7.25),
    "two values": (RNG.random(LENGTH) < 0.2 + 0.2 * LEVEL).astype(np.float64),
    "huge": 1e150 * (RNG.normal(size=LENGTH) + 5 * LEVEL),
    "beyond doubles": 1e300 * (RNG.normal(size=LENGTH) + 5 * LEVEL),
    "largest doubles": np.full(LENGTH, 1.7e308),
    "tiny": 1e-300 * (RNG.normal(size=LENGTH) + 5 * LEVEL),
    "negative": -np.exp(RNG.normal(size=LENGTH) + LEVEL),
    "far from zero": 1e9 + 1e-6 * (RNG.normal(size=LENGTH) + 5 * LEVEL),
    "heavy tails": RNG.standard_cauchy(LENGTH) ** 3,
    "missing values": gaps(RNG.normal(size=LENGTH) + LEVEL),
    "nothing but NaN": np.full(LENGTH, np.nan),
}
PARAMS = [
    adwin.Params(),
    adwin.Params(delta=0.5, clock=1, max_buckets=2, min_window_length=1, grace_period=0),
    adwin.Params(delta=1e-9, clock=7, max_buckets=9, min_window_length=20, grace_period=100),
]


def both(params: adwin.Params, streams: int) -> tuple[adwin.KernelBank, adwin.RiverBank]:
    """A kernel bank and a River bank with the same numbers."""
    numbers = {name: getattr(params, name) for name in adwin.Params.__dataclass_fields__}
    made = [
        adwin.build(adwin.Params(**{**numbers, "implementation": which}), streams)
        for which in ("kernel", "river")
    ]
    kernel, river = made
    assert isinstance(kernel, adwin.KernelBank)
    assert isinstance(river, adwin.RiverBank)
    return kernel, river


def assert_equal(one: Alarms, other: Alarms) -> None:
    """Same alarms, same numbers to the last bit (NaN equals NaN)."""
    for name in Alarms.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def river_states(bank: adwin.RiverBank) -> FloatArray:
    """Total, variance and width of each of River's detectors."""
    return np.array([[d.total, d.variance, d.width] for d in bank._detectors])


@pytest.mark.parametrize("params", PARAMS, ids=["defaults", "eager", "slow"])
def test_kernel_equals_river_on_every_kind_of_stream(params: adwin.Params) -> None:
    """Same alarms, means, and final window over all streams side by side, fed in odd batches."""
    columns = np.array(list(STREAMS.values()))
    kernel, river = both(params, len(STREAMS))
    alarms = 0
    for start, stop in ((0, 1), (1, 1), (1, 900), (900, 933), (933, LENGTH)):
        batch = columns[:, start:stop]
        found = kernel.advance(batch)
        assert_equal(found, river.advance(batch))
        alarms += found.rows.size
    np.testing.assert_array_equal(kernel._sums, river_states(river))
    assert alarms > 10, "nothing was compared"


@settings(max_examples=examples(60), deadline=None)
@given(
    values=st.lists(
        st.one_of(st.floats(-10, 10), st.floats(), st.sampled_from([0.0, 1.0, 1e308])), max_size=120
    ),
    repeat=st.integers(1, 4),
    params=st.builds(
        adwin.Params,
        delta=st.floats(1e-6, 0.9),
        clock=st.integers(1, 40),
        max_buckets=st.integers(2, 7),
        min_window_length=st.integers(1, 10),
        grace_period=st.integers(0, 30),
    ),
)
def test_kernel_equals_river_on_any_values(
    values: list[float], repeat: int, params: adwin.Params
) -> None:
    """No value and no parameter makes a difference, not even in the last bit."""
    columns = np.repeat(np.array([values]), repeat, axis=1)
    kernel, river = both(params, 1)
    assert_equal(kernel.advance(columns), river.advance(columns))
    np.testing.assert_array_equal(kernel._sums, river_states(river))


@pytest.mark.parametrize("params", PARAMS, ids=["defaults", "eager", "slow"])
@pytest.mark.parametrize("name", ["drifting", "two values", "negative", "constant", "tiny"])
def test_kernel_equals_its_plain_twin(name: str, params: adwin.Params) -> None:
    """The twin that can be read agrees on alarms and on the window's total and width."""
    twin = naive.Adwin(
        params.delta,
        params.clock,
        params.max_buckets,
        params.min_window_length,
        params.grace_period,
    )
    alarms = [row for row, value in enumerate(STREAMS[name].tolist()) if twin.update(value)]
    bank, _ = both(params, 1)
    assert bank.advance(STREAMS[name][np.newaxis]).rows.tolist() == alarms
    assert bank._sums[0, [TOTAL, WIDTH]].tolist() == [twin.total, twin.width]


def golden_streams() -> dict[str, tuple[list[float], list[int]]]:
    """The two streams whose alarms River itself pins."""
    legacy = np.random.RandomState(12345)
    first = np.concatenate([legacy.randint(2, size=1000), legacy.randint(8, size=1000)])
    seeded = random.Random(42)
    second: list[float] = []
    for low in (True, False, True, False):
        second += seeded.choices([0, 1] if low else range(4, 8), k=1000)
    return {
        "numpy": (first.astype(np.float64).tolist(), [1023]),
        "python": (second, [1023, 2015, 3007]),
    }


@pytest.mark.parametrize("which", ["numpy", "python"])
@pytest.mark.parametrize("implementation", [0, 1], ids=["kernel", "river"])
def test_golden_indices(which: str, implementation: int) -> None:
    """The alarms stand at the indices that River's own regression test states."""
    values, indices = golden_streams()[which]
    bank = both(adwin.Params(), 1)[implementation]
    alarms = bank.advance(np.array([values]))
    assert alarms.rows.tolist() == indices
    assert alarms.positions.tolist() == [index + 1 for index in indices]
    assert bool(np.all(np.abs(alarms.after - alarms.before) > 0.01))


def test_values_that_are_not_finite_are_no_evidence() -> None:
    """Rows count them, positions do not, and the window never sees them."""
    values = STREAMS["drifting"]
    holes = np.full(2 * values.size, np.nan)
    holes[::2] = values
    whole, thinned = both(adwin.Params(), 1)[0], both(adwin.Params(), 1)[0]
    plain, gappy = whole.advance(values[np.newaxis]), thinned.advance(holes[np.newaxis])
    assert plain.rows.size > 0
    np.testing.assert_array_equal(gappy.rows, 2 * plain.rows)
    np.testing.assert_array_equal(gappy.positions, plain.positions)
    assert whole.snapshot() == thinned.snapshot()


def test_a_full_window_forgets_its_oldest_bucket_and_goes_on() -> None:
    """With few rows the window slides: as the twin with the same bound, and never wider."""
    rows, buckets = 4, 3
    values = STREAMS["random"][:500]
    twin = naive.Adwin(0.002, 32, buckets - 1, 5, 10, rows_max=rows)
    for value in values.tolist():
        twin.update(value)
    totals, variances = np.zeros((1, rows, buckets)), np.zeros((1, rows, buckets))
    filled, sums = np.zeros((1, rows), np.int64), np.zeros((1, 3))
    marks = np.zeros((1, 4), np.int64)
    marks[0, ROWS_USED] = 1
    most = values.size // 32 + 1
    advance_columns(
        values[np.newaxis], totals, variances, filled, sums, marks, 0.002, 32, 5.0, 10.0,
        np.zeros((1, most), np.int64), np.zeros((1, most), np.int64), np.zeros((1, most, 2)),
        np.zeros(1, np.int64),
    )  # fmt: skip
    assert sums[0].tolist() == [twin.total, twin.variance, twin.width]
    assert sums[0, WIDTH] <= buckets * (2**rows - 1)
    assert math.isclose(sums[0, TOTAL], values[-int(sums[0, WIDTH]) :].sum(), abs_tol=1e-9)
    assert sums[0, VARIANCE] > 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("delta", 0.0),
        ("delta", 1.0),
        ("delta", math.nan),
        ("clock", 0),
        ("max_buckets", 1),
        ("max_buckets", 1001),
        ("min_window_length", 0),
        ("grace_period", -1),
        ("implementation", "cython"),
    ],
)
def test_parameters_that_make_no_detector_are_refused(name: str, value: float | str) -> None:
    """The message names the parameter."""
    with pytest.raises(ValueError, match=name):
        adwin.Params(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("implementation", [0, 1], ids=["kernel", "river"])
def test_columns_of_another_shape_are_refused(implementation: int) -> None:
    """A bank of two streams takes two columns."""
    with pytest.raises(ValueError, match="columns of shape"):
        both(adwin.Params(), 2)[implementation].advance(np.zeros((3, 5)))


def test_defaults_are_rivers() -> None:
    """Whoever knows River's numbers knows ours."""
    theirs, ours = ADWIN(), adwin.Params()
    for name in ("delta", "clock", "max_buckets", "min_window_length", "grace_period"):
        assert getattr(ours, name) == getattr(theirs, name)
