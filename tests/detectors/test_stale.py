"""Runs of equal values against a plain twin, over any batches and restarts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import stale
from detectors.decade_kernel import tally_decades
from detectors.stale_kernel import advance_runs
from tests.detectors import naive_quality
from tests.detectors.test_decades import histogram
from tests.detectors.test_kernels import jit_is_off
from tests.thoroughness import examples

few = st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.0, math.nan, math.inf]), max_size=60)


@settings(max_examples=examples(150), deadline=None)
@given(values=few, after=st.integers(2, 5), cut=st.integers(0, 60), streams=st.integers(0, 2))
def test_runs_equal_their_twin(values: list[float], after: int, cut: int, streams: int) -> None:
    """Any values, cut anywhere with a restart there: the same alarms, one a multiple of ``after``,
    over holes and infinities, in every stream."""
    params = stale.Params(after)
    bank = stale.build(params, streams)
    columns = np.tile(np.array(values, np.float64), (streams, 1))
    first = bank.advance(columns[:, :cut])
    bank = stale.build(params, streams, bank.snapshot())
    second = bank.advance(columns[:, cut:])
    rows = [*first.rows.tolist(), *(second.rows + min(cut, len(values))).tolist()]
    positions = [*first.positions.tolist(), *second.positions.tolist()]
    due = [pair for pair in naive_quality.stale_alarms(values, after) for _ in range(streams)]
    assert list(zip(rows, positions, strict=True)) == due


def test_a_stuck_sensor_alarms_and_a_working_one_does_not() -> None:
    """The value that stuck is told; a run that is too short says nothing."""
    columns = np.array([np.full(3_000, 4.5), np.random.default_rng(1).normal(size=3_000)])
    alarms = stale.build(stale.Params(1_000), 2).advance(columns)
    assert alarms.streams.tolist() == [0, 0, 0]
    assert alarms.rows.tolist() == [999, 1_999, 2_999]
    assert alarms.before.tolist() == alarms.after.tolist() == [4.5] * 3


def test_a_run_of_one_is_refused() -> None:
    """Every value would alarm."""
    with pytest.raises(ValueError, match="at least 2"):
        stale.Params(1)


def test_the_kernels_ran_compiled() -> None:
    """Both have a compiled signature after a call (or, announced, are plain functions)."""
    stale.build(stale.Params(2), 1).advance(np.ones((1, 4)))
    histogram(np.ones(3), -7)
    for function in (advance_runs, tally_decades):
        assert bool(getattr(function, "nopython_signatures", [])) is not jit_is_off()
