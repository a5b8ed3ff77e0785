"""Rules deliberately broken in the product are found out by the simulation."""

from __future__ import annotations

from typing import Final

import pytest

from tests.simulation.mutations import MUTATIONS
from tests.simulation.seeds import tried

CAUGHT_WITHIN: Final = 1_000
FIRST_SEED: Final[dict[str, int]] = {}
"""Where to begin, to spare the wait for a seed that is known to meet what it takes."""


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    """Some seed within a thousand breaks a promise while the rule is broken."""
    first = FIRST_SEED.get(name, 1)
    with MUTATIONS[name]():
        broken = (tried(seed).broken for seed in range(first, first + CAUGHT_WITHIN))
        assert next(filter(None, broken), None) is not None
