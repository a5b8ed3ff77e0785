"""One suite for every estimator that discovery finds; the count is in test_contract."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import discovery
from detectors.contract import Alarms, Bank, FloatArray, ForeignSnapshotError, Watch
from detectors.rising import build_for_losses, loss_bank_bytes_max
from tests.detectors.loss_streams import flipping, joined
from tests.thoroughness import examples

Options = dict[str, str | bool]
CASES: list[tuple[str, Watch, Options]] = [
    ("adwin", "features", {"implementation": "kernel"}),
    ("adwin", "features", {"implementation": "river"}),
    ("adwin", "losses", {"implementation": "kernel"}),
    ("adwin", "losses", {"implementation": "river"}),
    ("ddm", "losses", {}),
    ("eddm", "losses", {}),
    ("hddm_a", "losses", {}),
    ("hddm_a", "losses", {"two_sided_test": True}),
    ("hddm_w", "losses", {}),
    ("hddm_w", "losses", {"two_sided_test": True}),
    ("kswin", "losses", {}),
    ("page_hinkley", "losses", {}),
    ("page_hinkley", "losses", {"mode": "up"}),
    ("stale", "features", {}),
]
IDS = ["-".join(map(str, [name, watch, *options.values()])) for name, watch, options in CASES]
banks = pytest.mark.parametrize(("name", "watch", "options"), CASES, ids=IDS)
of_losses = pytest.mark.parametrize(
    ("name", "watch", "options"),
    [case for case in CASES if case[1] == "losses"],
    ids=[label for label, case in zip(IDS, CASES, strict=True) if case[1] == "losses"],
)
of_changes = pytest.mark.parametrize(
    ("name", "watch", "options"),
    [case for case in CASES if case[0] != "stale"],
    ids=[label for label in IDS if not label.startswith("stale")],
)
"""Those that look for a change; a stream that drifts is the opposite of a stale one."""


def test_every_estimator_is_in_this_suite_for_all_that_it_watches() -> None:
    """A new estimator is added to the list above, with each of its implementations."""
    claimed = {(name, watch) for name, found in discovery.estimators().items()
               for watch in found.WATCHES}  # fmt: skip
    assert {case[:2] for case in CASES} == claimed
    assert list(discovery.watching("features")) == ["adwin", "stale"]
    assert discovery.estimators().keys() - discovery.watching("losses").keys() == {"stale"}


def bank_of(
    name: str, watch: Watch, options: Options, streams: int, resume: bytes | None = None
) -> Bank:
    """A bank of an estimator."""
    module = discovery.estimators()[name]
    build = partial(build_for_losses, module) if watch == "losses" else module.build
    bank: Bank = build(module.Params(**options), streams, resume)
    return bank


def size_of(name: str, watch: Watch, options: Options, streams: int) -> int:
    """The stated bound of a snapshot."""
    module = discovery.estimators()[name]
    params = module.Params(**options)
    if watch == "losses":
        return loss_bank_bytes_max(module, params, streams)
    most: int = module.snapshot_bytes_max(params, streams)
    return most


def drifting(name: str, streams: int, rows: int) -> FloatArray:
    """Columns that drift at times of their own, with holes, of values that the estimator takes."""
    return flipping(streams, rows, discovery.estimators()[name].TAKES)


@of_changes
def test_alarms_come_in_order_with_arrays_of_one_length(
    name: str, watch: Watch, options: Options
) -> None:
    """By (row, stream); int64 and float64; there are some to check."""
    alarms = bank_of(name, watch, options, 5).advance(drifting(name, 5, 3000))
    order = list(zip(alarms.rows.tolist(), alarms.streams.tolist(), strict=True))
    assert len(order) > 5
    assert order == sorted(order)
    assert {field.name: getattr(alarms, field.name).dtype.str for field in
            dataclasses.fields(Alarms)} == {
        "streams": "<i8", "rows": "<i8", "positions": "<i8", "before": "<f8", "after": "<f8",
    }  # fmt: skip


@banks
@settings(max_examples=examples(15), deadline=None)
@given(cuts=st.lists(st.integers(0, 1500), max_size=4).map(sorted), resumed=st.booleans())
def test_splitting_and_resuming_anywhere_is_invisible(
    name: str,
    watch: Watch,
    options: Options,
    cuts: list[int],
    resumed: bool,  # noqa: FBT001 - drawn
) -> None:
    """Any batches, and a snapshot and a new bank between them, give the whole's alarms and state,
    and the input is as it was."""
    columns = drifting(name, 3, 1500)
    given_columns = columns.copy()
    whole = bank_of(name, watch, options, 3)
    expected = joined([(0, whole.advance(given_columns))])
    np.testing.assert_array_equal(given_columns, columns)
    bank, parts = bank_of(name, watch, options, 3), []
    for start, stop in zip([0, *cuts], [*cuts, 1500], strict=True):
        parts.append((start, bank.advance(columns[:, start:stop])))
        if resumed:
            bank = bank_of(name, watch, options, 3, bank.snapshot())
    assert joined(parts) == expected
    assert bank.snapshot() == whole.snapshot()


@banks
def test_a_constant_stream_is_quiet(name: str, watch: Watch, options: Options) -> None:
    """Nothing changes, nothing is said (of a run shorter than what is called stale, where that is
    asked for); and nothing comes of no rows or no streams."""
    bank = bank_of(name, watch, options, 2)
    levels = [0.0, 1.0] if discovery.estimators()[name].TAKES == "bits" else [3.3, -1e9]
    assert bank.advance(np.repeat([levels], 5000, axis=0).T).rows.size == 0
    assert bank.advance(np.empty((2, 0))).rows.size == 0
    empty = bank_of(name, watch, options, 0)
    assert empty.advance(np.empty((0, 10))).rows.size == 0
    assert bank_of(name, watch, options, 0, empty.snapshot()).snapshot() == empty.snapshot()


@banks
def test_snapshots_stay_within_their_stated_size(name: str, watch: Watch, options: Options) -> None:
    """However long the stream, the state is bounded, and the bound is not absurdly loose."""
    bank = bank_of(name, watch, options, 3)
    most = size_of(name, watch, options, 3)
    for _ in range(4):
        bank.advance(drifting(name, 3, 5000))
        assert most / 20 < len(bank.snapshot()) <= most
    empty = bank_of(name, watch, options, 0)
    assert len(empty.snapshot()) <= size_of(name, watch, options, 0)


@banks
def test_a_snapshot_of_other_parameters_is_refused(
    name: str, watch: Watch, options: Options
) -> None:
    """Any changed parameter or number of streams means fresh state, never a reinterpretation."""
    snapshot = bank_of(name, watch, options, 3).snapshot()
    defaults = discovery.estimators()[name].Params(**options)
    for field in dataclasses.fields(defaults):
        other = options | {field.name: changed(getattr(defaults, field.name))}
        with pytest.raises(ForeignSnapshotError, match="other parameters"):
            bank_of(name, watch, other, 3, snapshot)
    with pytest.raises(ForeignSnapshotError, match="other parameters"):
        bank_of(name, watch, options, 4, snapshot)


def changed(value: float | str) -> float | str:
    """Another valid value of a parameter."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return {"kernel": "river", "river": "kernel", "both": "up", "up": "down"}[value]
    if 0.5 < value < 1:
        return (1 + value) / 2
    return value / 2 if 0 < value < 1 else value + 1


@pytest.mark.parametrize(("name", "watch"), sorted({case[:2] for case in CASES}))
def test_the_snapshot_of_another_estimator_is_refused(name: str, watch: Watch) -> None:
    """Also that of the same one over features, where the counts of improvements are not there."""
    others = [bank_of(*case, 2).snapshot() for case in CASES if case[:2] != (name, watch)]
    assert len(others) > len(CASES) / 2
    for snapshot in others:
        with pytest.raises(ForeignSnapshotError):
            bank_of(name, watch, {}, 2, snapshot)


@banks
@settings(max_examples=examples(60), deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_snapshot_is_refused(
    name: str,
    watch: Watch,
    options: Options,
    place: float,
    flip: int,
    cut: bool,  # noqa: FBT001 - drawn
) -> None:
    """One changed byte anywhere, or a lost end, is an error that says so, and nothing else."""
    bank = bank_of(name, watch, options, 2)
    bank.advance(drifting(name, 2, 200))
    snapshot = bytearray(bank.snapshot())
    at = int(place * len(snapshot))
    if cut:
        del snapshot[at:]
    else:
        snapshot[at] ^= flip
    with pytest.raises(ForeignSnapshotError):
        bank_of(name, watch, options, 2, bytes(snapshot))


FALSE_ALARMS: dict[str, float] = {
    "adwin": 1.0, "ddm": 10.0, "eddm": 200.0, "hddm_a": 2.0, "hddm_w": 100.0, "kswin": 80.0,
    "page_hinkley": 1.0, "stale": 0.0,
}  # fmt: skip
"""False alarms per 100,000 values of short stationary streams with the defaults, at most; measured
on long ones in docs/estimators.md.  HDDM_W's are at an error rate of a half, KSWIN's on real
losses."""


@banks
@pytest.mark.parametrize("law", ["uniform", "bernoulli", "normal"])
def test_false_alarms_on_stationary_streams_are_within_their_bound(
    name: str, watch: Watch, options: Options, law: str
) -> None:
    """The stated number per 100,000 values (of ADWIN, delta bounds each check's chance from above,
    and by a wide margin), over all laws that the estimator can read."""
    rng = np.random.default_rng(99)
    columns = rng.normal(size=(20, 10_000)) if law == "normal" else rng.random((20, 10_000))
    if law == "bernoulli" or discovery.estimators()[name].TAKES == "bits":
        columns = (columns < 0.1).astype(np.float64)
    if law == "normal" and name == "page_hinkley":
        columns /= 4.0
    alarms = bank_of(name, watch, options, 20).advance(columns)
    assert alarms.rows.size <= FALSE_ALARMS[name] * columns.size / 100_000


@of_losses
def test_only_a_rise_of_the_loss_is_an_alarm(name: str, watch: Watch, options: Options) -> None:
    """Every alarm's mean went up; a loss that only ever falls raises none, and what was seen of
    the fall is counted."""
    bank = bank_of(name, watch, options, 5)
    alarms = bank.advance(drifting(name, 5, 3000))
    assert np.all(alarms.after > alarms.before)
    bank = bank_of(name, watch, options, 1)
    assert bank.advance(np.repeat([[1.0, 0.0]], 2000, axis=1)).rows.size == 0
    counted = int(getattr(bank, "improvements")[0])  # noqa: B009 - a Bank has none
    sees_falls = name in {"adwin", "kswin"} or options.get("mode", name) == "page_hinkley"
    assert (counted > 0) is (sees_falls or bool(options.get("two_sided_test")))
    again = bank_of(name, watch, options, 1, bank.snapshot())
    assert getattr(again, "improvements")[0] == counted  # noqa: B009


@pytest.mark.parametrize("value", [0.5, -1.0, 2.0, 1e-300])
def test_what_takes_bits_refuses_reals_and_stays_as_it_was(value: float) -> None:
    """The error names the estimator; the batch changed nothing; holes are no fault."""
    names = [name for name, found in discovery.estimators().items() if found.TAKES == "bits"]
    assert names == ["ddm", "eddm", "hddm_a", "hddm_w"]
    for name in names:
        bank = bank_of(name, "losses", {}, 2)
        bank.advance(np.array([[0.0, 1.0, np.nan, np.inf], [1.0, -0.0, -np.inf, 1.0]]))
        before = bank.snapshot()
        with pytest.raises(ValueError, match=f"{name}: takes losses that are 0 or 1"):
            bank.advance(np.array([[0.0, 1.0], [1.0, value]]))
        assert bank.snapshot() == before


def test_what_watches_features_only_is_no_estimator_of_losses() -> None:
    """The door for losses says what the estimator watches."""
    module = discovery.estimators()["stale"]
    with pytest.raises(ValueError, match="stale watches features, not losses"):
        build_for_losses(module, module.Params(), 1)
