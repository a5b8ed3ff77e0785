"""``python -m tests.simulation --seeds N [--seed K] [--jobs J]``: run seeds, stop at the first that
breaks a promise and print the one command that replays it."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from time import monotonic
from typing import Final

from tests.simulation.coverage import lines, too_little
from tests.simulation.seeds import results

TOLD_EVERY_S: Final = 5.0
COVERED_FROM: Final = 100
"""Fewer seeds need not meet everything."""


def main() -> int:
    """0 when every promise held and enough was met, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="how many seeds")
    parser.add_argument("--seed", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    began = told = monotonic()
    seen: Counter[str] = Counter()
    done = 0
    for seed, broken, met in results(seeds, arguments.jobs):
        if broken is not None:
            print(f"seed {seed} breaks a promise: {broken}")  # noqa: T201
            print(f"replay it with: make simulate SEEDS=1 SEED={seed}")  # noqa: T201
            return 1
        seen += met
        done += 1
        if monotonic() - told >= TOLD_EVERY_S:
            told = monotonic()
            rate = 60 * done / (told - began)
            print(f"{done:,} of {len(seeds):,} seeds, {rate:,.0f} a minute", flush=True)  # noqa: T201
    rate = 60 * done / (monotonic() - began)
    print("\n".join(lines(seen)))  # noqa: T201
    print(f"{done:,} seeds, no promise broken, {rate:,.0f} seeds a minute")  # noqa: T201
    missing = too_little(seen, done) if done >= COVERED_FROM else []
    for line in missing:
        print(f"too little was met: {line}")  # noqa: T201
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
