"""The kernels over losses equal River's classes alarm for alarm, and their plain twins."""

from __future__ import annotations

import math
import random
from typing import Any, Protocol

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift

from detectors import adwin, discovery, kswin, kswin_kernel, loss_bank, loss_kernels, rising
from detectors.contract import FloatArray, ForeignSnapshotError
from detectors.kswin import alarming_distances, drawn_from_a_pool, seeded_words
from detectors.loss_bank import KernelLossBank
from detectors.sealing import fingerprint, seal
from tests.detectors import naive_losses
from tests.detectors.loss_streams import flipping, stationary
from tests.detectors.naive_losses import Change
from tests.detectors.test_kernels import jit_is_off
from tests.thoroughness import examples

Options = dict[str, Any]
RIVER: dict[str, Any] = {
    "ddm": drift.binary.DDM,
    "eddm": drift.binary.EDDM,
    "hddm_a": drift.binary.HDDMA,
    "hddm_w": drift.binary.HDDMW,
    "kswin": drift.KSWIN,
    "page_hinkley": drift.PageHinkley,
}
SETTINGS: list[tuple[str, Options]] = [
    ("ddm", {}),
    ("ddm", {"warm_start": 0, "warning_threshold": 0.5, "drift_threshold": 1.0}),
    ("eddm", {}),
    ("eddm", {"warm_start": 3, "alpha": 1.0, "beta": 0.97}),
    ("hddm_a", {}),
    ("hddm_a", {"drift_confidence": 0.1, "warning_confidence": 0.5, "two_sided_test": True}),
    ("hddm_w", {}),
    ("hddm_w", {"lambda_val": 0.2, "drift_confidence": 0.1, "two_sided_test": True}),
    ("hddm_w", {"drift_confidence": 0.2, "lambda_val": 0.01, "two_sided_test": True}),
    ("kswin", {"seed": 0}),
    ("kswin", {"seed": 77, "window_size": 330, "stat_size": 6, "alpha": 0.2}),
    ("page_hinkley", {}),
    ("page_hinkley", {"threshold": 3.0, "min_instances": 1, "delta": 0.1, "alpha": 0.9}),
    ("page_hinkley", {"threshold": 5.0, "mode": "up"}),
    ("page_hinkley", {"threshold": 5.0, "mode": "down"}),
]
IDS = ["-".join([name, *map(str, options.values())]) for name, options in SETTINGS]
each_setting = pytest.mark.parametrize(("name", "options"), SETTINGS, ids=IDS)
LENGTH = 1200
LENGTHS = {"kswin": 450}
"""Fewer where River takes long."""


class Twin(Protocol):
    """A plain twin."""

    def update(self, value: float) -> Change:
        """Take a finite value."""


def bank_of(name: str, options: Options, streams: int) -> KernelLossBank:
    """A new bank."""
    module = discovery.estimators()[name]
    bank = module.build(module.Params(**options), streams)
    assert isinstance(bank, KernelLossBank)
    return bank


def losses_for(name: str) -> FloatArray:
    """Streams of all kinds side by side, of values that the estimator takes, shape (_, LENGTH)."""
    takes = discovery.estimators()[name].TAKES
    rows = np.arange(LENGTH)
    kinds = [
        *flipping(2, LENGTH, takes),
        *(stationary(1, LENGTH, rate, 3)[0] for rate in (0.01, 0.1, 0.5, 0.9)),
        np.zeros(LENGTH),
        np.ones(LENGTH),
        (rows % 40 == 0).astype(np.float64),
        (rows >= 300).astype(np.float64),
        (rows < 300).astype(np.float64),
        np.where(rows % 3 == 0, np.inf, np.full(LENGTH, np.nan)),
    ]
    if takes == "reals":
        noise = np.random.default_rng(6).normal(size=LENGTH)
        kinds += [1e9 + noise, 1e-300 * noise, 1e150 * (noise + rows // 300 % 2), noise**9]
    return np.array(kinds)


def rivers_detectors(name: str, options: Options, streams: int) -> list[Any]:
    """One of River's objects for each stream."""
    return [RIVER[name](**options) for _ in range(streams)]


@each_setting
def test_kernel_equals_river_on_every_kind_of_stream(name: str, options: Options) -> None:
    """Row by row: an alarm or a counted improvement exactly where River says drift, never both,
    and the same warning zone."""
    columns = losses_for(name)[:, : LENGTHS.get(name, LENGTH)]
    bank = bank_of(name, options, len(columns))
    detectors = rivers_detectors(name, options, len(columns))
    changes = 0
    for row in range(columns.shape[1]):
        before = bank.improvements
        said = bank.advance(columns[:, row : row + 1])
        changed = bank.improvements - before
        changed[said.streams] += 1
        due = []
        for detector, value in zip(detectors, columns[:, row].tolist(), strict=True):
            if math.isfinite(value):
                detector.update(value)
            due.append(int(detector.drift_detected and math.isfinite(value)))
        assert changed.tolist() == due, row
        if name not in {"kswin", "page_hinkley"}:
            assert bank.warned.tolist() == [int(d.warning_detected) for d in detectors], row
        changes += sum(due)
    assert changes >= 3, "nothing was compared"


@pytest.mark.parametrize("name", ["ddm", "eddm", "hddm_a", "hddm_w", "page_hinkley"])
def test_kernel_equals_river_over_a_long_stream(name: str) -> None:
    """Whole columns at once: all of River's positions in the order told, none missing."""
    rate = np.where(np.arange(60_000) // 7000 % 2, 0.4, 0.04)
    losses = (np.random.default_rng(12).random(60_000) < rate).astype(np.float64)
    (detector,) = rivers_detectors(name, {}, 1)
    due = []
    for row, value in enumerate(losses.tolist()):
        detector.update(value)
        if detector.drift_detected:
            due.append(row)
    bank = bank_of(name, {}, 1)
    rows = bank.advance(losses[np.newaxis]).rows.tolist()
    assert set(rows) <= set(due)
    assert len(rows) + int(bank.improvements[0]) == len(due)
    assert len(rows) > 2


TWINS: list[tuple[str, Options, Any]] = [
    ("ddm", {}, naive_losses.Ddm),
    ("ddm", {"warm_start": 5, "drift_threshold": 1.5}, lambda: naive_losses.Ddm(5, 1.5)),
    ("eddm", {}, naive_losses.Eddm),
    ("eddm", {"warm_start": 5, "beta": 0.93}, lambda: naive_losses.Eddm(5, 0.93)),
    ("hddm_a", {}, naive_losses.HddmA),
    ("hddm_a", {"two_sided_test": True}, lambda: naive_losses.HddmA(two_sided=True)),
    ("hddm_w", {}, naive_losses.HddmW),
    ("hddm_w", {"two_sided_test": True}, lambda: naive_losses.HddmW(two_sided=True)),
    ("kswin", {}, naive_losses.Kswin),
    (
        "kswin",
        {"alpha": 0.1, "window_size": 25, "stat_size": 12, "seed": 5},
        lambda: naive_losses.Kswin(0.1, 25, 12, 5),
    ),
    ("page_hinkley", {}, naive_losses.PageHinkley),
    ("page_hinkley", {"threshold": 4.0}, lambda: naive_losses.PageHinkley(threshold=4.0)),
]


@pytest.mark.parametrize(
    ("name", "options", "make"), TWINS, ids=[f"{n}-{list(o)}" for n, o, _ in TWINS]
)
def test_kernel_equals_its_plain_twin(name: str, options: Options, make: Any) -> None:  # noqa: ANN401
    """The twin that can be read agrees on the place, the direction and the means of each change,
    on NaN and infinity too."""
    columns = losses_for(name)[:, : LENGTHS.get(name, 800)]
    bank = bank_of(name, options, len(columns))
    said = bank.advance(columns)
    means = np.array([said.before, said.after]).T
    told = dict(
        zip(zip(said.streams.tolist(), said.rows.tolist(), strict=True), means, strict=True)
    )
    improved = np.zeros(len(columns), np.int64)
    due = {}
    for stream, losses in enumerate(columns.tolist()):
        twin: Twin = make()
        for row, value in enumerate(losses):
            change = twin.update(value) if math.isfinite(value) else None
            if change is not None and change[0]:
                due[stream, row] = change[1:]
            elif change is not None:
                improved[stream] += 1
    assert told.keys() == due.keys()
    for place, pair in due.items():
        np.testing.assert_allclose(told[place], pair, rtol=1e-9, err_msg=str(place))
    np.testing.assert_array_equal(bank.improvements, improved)
    assert due


@settings(max_examples=examples(40), deadline=None)
@given(
    losses=st.lists(st.sampled_from([0.0, 1.0, math.nan, math.inf]), max_size=150),
    repeat=st.integers(1, 3),
    case=st.sampled_from([case for case in SETTINGS if case[0] != "kswin"]),
)
def test_kernel_equals_river_on_any_bits(
    losses: list[float], repeat: int, case: tuple[str, Options]
) -> None:
    """No order of right and wrong makes a difference; no row at all is none."""
    name, options = case
    column = np.repeat(losses, repeat)
    (detector,) = rivers_detectors(name, options, 1)
    due = []
    for row, value in enumerate(column.tolist()):
        if math.isfinite(value):
            detector.update(value)
            if detector.drift_detected:
                due.append(row)
    bank = bank_of(name, options, 1)
    rows = bank.advance(column[np.newaxis]).rows.tolist()
    assert set(rows) <= set(due)
    assert len(rows) + int(bank.improvements[0]) == len(due)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
@pytest.mark.parametrize(
    ("population", "drawn"), [(70, 30), (277, 30), (278, 30), (2, 1), (21, 5), (22, 5), (9000, 900)]
)
def test_draws_equal_pythons(seed: int, population: int, drawn: int) -> None:
    """``random.Random(seed).sample`` again and again, from its pool and from its set."""
    words, place = seeded_words(seed), np.array([kswin_kernel.WORDS])
    pool, found = np.zeros(population, np.int64), np.zeros(drawn)
    by_pool = int(drawn_from_a_pool(population, drawn))
    generator = random.Random(seed)
    for _ in range(2000 // drawn):
        kswin_kernel.draw_sample(
            np.arange(float(population)), words, place, by_pool, pool, found
        )  # fmt: skip
        assert found.tolist() == generator.sample(range(population), drawn)
    assert (*words.tolist(), place[0]) == generator.getstate()[1]


def test_distances_that_alarm_are_the_tests() -> None:
    """From 14 of 30 on at the default level; never at a tenth or less, whatever the level."""
    assert alarming_distances(30, 0.005).index(True) == 14
    assert alarming_distances(30, 0.999).index(True) == 4
    assert sum(alarming_distances(30, 0.005)) == 17


def test_defaults_are_rivers() -> None:
    """Whoever knows River's numbers knows ours; only KSWIN's seed is one here and none there."""
    for name, made in RIVER.items():
        ours, theirs = discovery.estimators()[name].Params(), made()
        fields = set(ours.__dataclass_fields__) - ({"seed"} if name == "kswin" else set())
        assert len(fields) >= 3
        for field in fields:
            assert getattr(ours, field) == getattr(theirs, field), (name, field)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("ddm", "warm_start", -1), ("ddm", "warning_threshold", 0.0),
        ("ddm", "drift_threshold", 0.9), ("ddm", "drift_threshold", math.nan),
        ("eddm", "warm_start", -1), ("eddm", "beta", 0.0), ("eddm", "alpha", 0.8),
        ("eddm", "alpha", 1.1), ("hddm_a", "drift_confidence", 0.0),
        ("hddm_a", "warning_confidence", 1.0), ("hddm_a", "two_sided_test", "yes"),
        ("hddm_w", "drift_confidence", math.nan), ("hddm_w", "lambda_val", 0.0),
        ("hddm_w", "lambda_val", 1.0), ("kswin", "alpha", 1.0), ("kswin", "stat_size", 0),
        ("kswin", "stat_size", 1001), ("kswin", "window_size", 59),
        ("kswin", "window_size", 10_001), ("kswin", "seed", -1), ("kswin", "seed", 2**32),
        ("page_hinkley", "min_instances", 0), ("page_hinkley", "delta", -0.1),
        ("page_hinkley", "threshold", math.inf), ("page_hinkley", "alpha", 0.0),
        ("page_hinkley", "mode", "sideways"),
    ],
)  # fmt: skip
def test_parameters_that_make_no_detector_are_refused(
    name: str, field: str, value: float | str
) -> None:
    """The message names the estimator and the parameter."""
    with pytest.raises(ValueError, match=f"{name}: .*{field}"):
        discovery.estimators()[name].Params(**{field: value})


@pytest.mark.parametrize("name", list(RIVER))
def test_columns_of_another_shape_are_refused(name: str) -> None:
    """A bank of two streams takes two columns, and there are no fewer than no streams."""
    with pytest.raises(ValueError, match=f"{name}: columns of shape"):
        bank_of(name, {}, 2).advance(np.zeros((3, 5)))
    with pytest.raises(ValueError, match=f"{name}: streams must be at least 0"):
        bank_of(name, {}, -1)


def test_the_kernels_ran_compiled() -> None:
    """After a call each has a compiled signature (or, announced, is a plain function)."""
    for name in RIVER:
        bank_of(name, {}, 1).advance(np.zeros((1, 1)))
    for function in (
        loss_kernels.only_bits,
        loss_kernels.advance_ddm,
        loss_kernels.advance_eddm,
        loss_kernels.advance_hddm_a,
        loss_kernels.advance_hddm_w,
        loss_kernels.advance_page_hinkley,
        kswin_kernel.advance_kswin,
    ):
        assert bool(getattr(function, "nopython_signatures", [])) is not jit_is_off(), function


def sealed(reals: bytes, words: bytes, marks: list[int]) -> bytes:
    """A snapshot of one KSWIN, sealed as its own, of any state."""
    state = loss_bank.Stored(reals, words, np.array(marks, "<i8").tobytes())
    owner = fingerprint("kswin", kswin.VERSION, kswin.Params(), 1)
    return seal(owner, msgspec.msgpack.encode(state))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"marks": [5, 0, 0, 0, 101, 0]}, "marks that no stream"),
        ({"marks": [5, 0, 0, 0, -1, 0]}, "marks that no stream"),
        ({"marks": [5, 0, 0, 0, 5, 625]}, "marks that no stream"),
        ({"marks": [5, 2, 0, 0, 5, 0]}, "marks that no stream"),
        ({"marks": [5, 0, 0, 6, 5, 0]}, "marks that no stream"),
        ({"marks": [2**62 + 1, 0, 0, 0, 5, 0]}, "marks that no stream"),
        ({"marks": [5, 0, 0, 0, 5]}, "another shape"),
        ({"reals": bytes(8 * 99)}, "another shape"),
        ({"words": bytes(4 * 623)}, "another shape"),
    ],
)
def test_a_state_that_a_kernel_would_get_lost_in_is_refused(
    change: dict[str, Any], complaint: str
) -> None:
    """The kernel indexes by what the state says; also under a right seal it is looked at first."""
    good: dict[str, Any] = {
        "reals": bytes(8 * 100), "words": bytes(4 * 624), "marks": [5, 0, 0, 1, 5, 624],
    }  # fmt: skip
    bank = kswin.build(kswin.Params(), 1, sealed(**good))
    assert bank.improvements.tolist() == [1]
    with pytest.raises(ForeignSnapshotError, match=complaint):
        kswin.build(kswin.Params(), 1, sealed(**(good | change)))
    broken = seal(fingerprint("kswin", kswin.VERSION, kswin.Params(), 1), b"no state")
    with pytest.raises(ForeignSnapshotError, match="not the state of a bank"):
        kswin.build(kswin.Params(), 1, broken)


def test_counts_around_a_bank_are_looked_at_too() -> None:
    """A right seal over a wrong number of improvements, or over no state at all."""
    owner = fingerprint("rising adwin", rising.VERSION, adwin.Params(), 2)
    inner = adwin.build(adwin.Params(), 2).snapshot()
    for counts in (np.array([-1, 0]), np.array([1])):
        body = msgspec.msgpack.encode([inner, counts.astype("<i8").tobytes()])
        with pytest.raises(ForeignSnapshotError, match=r"improvements|another shape"):
            rising.build_for_losses(adwin, adwin.Params(), 2, seal(owner, body))
    with pytest.raises(ForeignSnapshotError, match="not the state of a bank of losses"):
        rising.build_for_losses(adwin, adwin.Params(), 2, seal(owner, b"no state"))
