"""False alarms of the estimators over losses, and their speed beside River's, as Markdown.

Rule.  Losses are Bernoulli of one rate, so every alarm is a false one.  The same seeds give the
same alarms; the times are this machine's.  Run by ``python -m load_tests.loss_estimators``.
"""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np
from river import drift

from detectors.contract import FloatArray
from detectors.discovery import watching
from detectors.rising import build_for_losses

RATES: Final = (0.002, 0.01, 0.05, 0.20)
SEEDS: Final = 20
VALUES: Final = 100_000
"""Of each seed."""
TIMED_RATE: Final = 0.05
RIVER_VALUES: Final = 2_000
"""River's objects are given fewer: some take half a millisecond a value."""
REPEATS: Final = 5
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


def false_alarms(name: str, rate: float) -> tuple[float, int]:
    """Alarms per VALUES values, mean over the seeds, and in how many of them there were any."""
    module = watching("losses")[name]
    bank = build_for_losses(module, module.Params(), SEEDS)
    owners = bank.advance(stationary(rate)).streams
    return len(owners) / SEEDS, len(set(owners.tolist()))


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


def main() -> None:
    """Print both tables."""
    print("| estimator | " + " | ".join(f"{rate:.1%}" for rate in RATES) + " |")
    print("|---" * (len(RATES) + 1) + "|")
    for name in watching("losses"):
        cells = [false_alarms(name, rate) for rate in RATES]
        print(f"| `{name}` | " + " | ".join(f"{a:.2f} ({runs})" for a, runs in cells) + " |")
    print("\n| estimator | kernel, ns a value | River, ns a value | times |\n|---|---|---|---|")
    for name in watching("losses"):
        own, rivers = kernel_ns(name), river_ns(name)
        print(f"| `{name}` | {own:,.0f} | {rivers:,.0f} | {rivers / own:,.0f} |")


if __name__ == "__main__":
    main()
