"""``python -m load_tests.loss_estimators``: the measured tables of docs/estimators.md.

Rule.  For false alarms and speed, losses are Bernoulli of one rate, so every alarm is a false one;
the ways of changing are named on the streams that the tests use.  The same seeds give the same
tables but for the times, which are this machine's.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from river import drift

from detectors.contract import FloatArray
from detectors.discovery import watching
from detectors.rising import build_for_losses
from load_tests.sections import write_section
from tests.detectors.shape_streams import KINDS, confusion
from tests.detectors.shape_streams import SEEDS as SHAPE_SEEDS

PAGE: Final = Path("docs/estimators.md")
RATES: Final = (0.002, 0.01, 0.05, 0.20)
SEEDS: Final = 20
VALUES: Final = 100_000
"""Of each seed."""
TIMED_RATE: Final = 0.05
RIVER_VALUES: Final = 2_000
"""River's objects are given fewer: some take half a millisecond a value."""
REPEATS: Final = 5
SHAPES: Final = ((400, 0.05, 0.15), (100, 0.05, 0.15), (400, 0.05, 0.10), (400, 0.01, 0.03))
"""Losses a window, error rate before and after."""
FALSE_ALARMS: Final = f"""\
Per {VALUES:,} losses of 0 and 1 with a constant error rate, with the defaults: mean of {SEEDS}
seeds, in brackets in how many of them there was any, then changes that were no rise (counted as
improvements, no alarms). Made by `python -m load_tests.loss_estimators`.

"""
SPEED: Final = f"""\
One stream, batches of {VALUES:,} losses, error rate {TIMED_RATE:.0%}, best of {REPEATS}, on a
machine with {{load:.1f}} tasks a core; River's objects with a call a value. Made by
`python -m load_tests.loss_estimators`.

"""
SHAPE: Final = f"""\
What `detectors.concept_shape` called {SHAPE_SEEDS} seeded streams of each kind (60 windows; the
change begins in the midst of a window and takes a fifth to a third of the stream; a gradual one
draws its concept anew every two windows). Where little is to be seen it says less: sudden for a
ramp or flips in the noise. The streams are those of `tests/detectors/shape_streams.py`; the first
two tables are held by `tests/detectors/test_concept_shape.py`. Made by
`python -m load_tests.loss_estimators`.

"""
RIVER: Final[dict[str, Any]] = {
    "adwin": drift.ADWIN,
    "ddm": drift.binary.DDM,
    "eddm": drift.binary.EDDM,
    "hddm_a": drift.binary.HDDMA,
    "hddm_w": drift.binary.HDDMW,
    "kswin": lambda: drift.KSWIN(seed=0),
    "page_hinkley": drift.PageHinkley,
}


def stationary(rate: float) -> FloatArray:
    """Losses of one error rate, shape (SEEDS, VALUES), a stream of each seed."""
    streams = [np.random.default_rng(seed).random(VALUES) < rate for seed in range(SEEDS)]
    return np.array(streams, np.float64)


def false_alarms(name: str, rate: float) -> tuple[float, int, float]:
    """Alarms per VALUES values, mean over the seeds; in how many of them there were any; and
    changes that were no rise, counted as improvements, per VALUES values."""
    module = watching("losses")[name]
    bank = build_for_losses(module, module.Params(), SEEDS)
    owners = bank.advance(stationary(rate)).streams
    improved = int(bank.improvements.sum())
    return len(owners) / SEEDS, len(set(owners.tolist())), improved / SEEDS


def kernel_ns(name: str) -> float:
    """Time a value of a batch of VALUES, the best of REPEATS."""
    module = watching("losses")[name]
    losses = stationary(TIMED_RATE)[:1]
    taken = []
    for _ in range(REPEATS + 1):  # the first one compiles
        bank = build_for_losses(module, module.Params(), 1)
        start = time.perf_counter()
        bank.advance(losses)
        taken.append(time.perf_counter() - start)
    return min(taken[1:]) / VALUES * 1e9


def river_ns(name: str) -> float:
    """Time a value of River's object, the best of REPEATS."""
    losses = stationary(TIMED_RATE)[0, :RIVER_VALUES].astype(int).tolist()
    taken = []
    for _ in range(REPEATS):
        detector = RIVER[name]()
        start = time.perf_counter()
        for loss in losses:
            detector.update(loss)
        taken.append(time.perf_counter() - start)
    return min(taken) / RIVER_VALUES * 1e9


def alarm_table() -> str:
    """False alarms by estimator and error rate."""
    lines = ["| estimator | " + " | ".join(f"{rate:.1%}" for rate in RATES) + " |"]
    lines.append("|---" * (len(RATES) + 1) + "|")
    for name in watching("losses"):
        cells = [false_alarms(name, rate) for rate in RATES]
        told = " | ".join(f"{alarms:.2f} ({runs}) {less:.2f}" for alarms, runs, less in cells)
        lines.append(f"| `{name}` | {told} |")
    return "\n".join(lines)


def time_table() -> str:
    """Time a value, beside River's object."""
    lines = ["| estimator | kernel, ns a value | River, ns a value | times |", "|---|---|---|---|"]
    for name in watching("losses"):
        own, rivers = kernel_ns(name), river_ns(name)
        lines.append(f"| `{name}` | {own:,.0f} | {rivers:,.0f} | {rivers / own:,.0f} |")
    return "\n".join(lines)


def shape_table(size: int, before: float, after: float) -> str:
    """What streams of each kind were called; windows of ``size`` losses."""
    table = confusion(size, before, after)
    names = [*KINDS, "too_little"]
    right = sum(table[kind][kind] for kind in KINDS) / (len(KINDS) * SHAPE_SEEDS)
    lines = [f"From {before:.0%} to {after:.0%}, {size} losses a window: {right:.0%} right.", ""]
    lines += [f"| stream | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for kind in KINDS:
        lines.append(f"| {kind} | {' | '.join(str(table[kind][name]) for name in names)} |")
    return "\n".join(lines)


def main() -> None:
    """Write the three sections."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    write_section(PAGE, "False alarms", FALSE_ALARMS + alarm_table())
    write_section(PAGE, "Speed", SPEED.format(load=load) + time_table())
    tables = [shape_table(size, before, after) for size, before, after in SHAPES]
    write_section(PAGE, "How a loss changed", SHAPE + "\n\n".join(tables))


if __name__ == "__main__":
    main()
