"""Rules deliberately broken in the product are found out by the simulation."""

from __future__ import annotations

import signal
from collections import Counter
from typing import Final
from unittest import mock

import pytest

from tests.simulation import answer_mutations, seeds, version_mutations
from tests.simulation.invariants import Violation
from tests.simulation.mutations import MUTATIONS
from tests.simulation.seeds import tried

CAUGHT_WITHIN: Final = 1_000
FIRST_SEED: Final = {
    "codec_drops_the_clock": 9,
    "snapshot_before_the_panes": 115,
    "head_before_the_parts": 46,
    "zombies_overwrite": 68,
    "merge_takes_any_stamp": 498,
    "claims_are_not_kept": 89,
    "claims_hold_no_state": 79,
    "stale_owners_go_on": 741,
    "disk_before_the_commit": 225,
    "late_rows_are_believed": 184,
    "results_are_taken_twice": 600,
    "any_disk_will_do": 9,
    "pairs_are_not_saved": 37,
    "nobody_asks_for_versions": 10,
    "what_is_over_is_forgotten": 10,
}
"""A seed that catches it, to spare the wait: those before it miss the accident it takes."""


assert answer_mutations.results_are_taken_twice.__name__ in MUTATIONS, "it registers itself"
assert version_mutations.pairs_are_not_saved.__name__ in MUTATIONS, "they register themselves"


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    """Some seed within a thousand breaks a promise while the rule is broken."""
    first = FIRST_SEED.get(name, 1)
    with MUTATIONS[name]():
        broken = (tried(seed).broken for seed in range(first, first + CAUGHT_WITHIN))
        assert next(filter(None, broken), None) is not None


def test_a_time_out_inside_a_seed_is_not_a_catch() -> None:
    """pytest-timeout may go off inside a worker, whose failure it then seems to be."""

    def over(_: int) -> Counter[str]:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise Violation("w0.1 failed: Failed('Timeout')")

    signal.setitimer(signal.ITIMER_REAL, 100)
    with mock.patch.object(seeds, "run_seed", over), pytest.raises(TimeoutError, match="seed 7"):
        tried(7)
