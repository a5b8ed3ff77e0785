"""The chaos rounds in short: a few faults, few events, the same comparison with the replay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from load_tests.chaos.discovery import discovered
from load_tests.chaos.plan import ground
from load_tests.chaos.rounds import Ground, run_round
from load_tests.chaos.verdict import line, sound
from tests.kafka.libraries import SystemPackageError
from tests.left_out import missing

EVENTS: Final = 30_000
SEED: Final = 11
FAULTS: Final = ("kill", "zombie", "network_cut")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One private broker behind a proxy for all of them."""
    try:
        with ground(tmp_path_factory.mktemp("chaos")) as place:
            yield place
    except SystemPackageError as error:
        missing(error.package, error.how_to_get)


@pytest.mark.kafka
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_lost_or_counted_twice(place: Ground, name: str) -> None:
    """Whatever the fault: equal to the bit, nothing lost, no trigger lost, and it was told."""
    figures = run_round(place, discovered()[name], 1, SEED, EVENTS)
    assert sound(figures), line(figures)
    assert figures["triggers"] > 0, "a stream without a trigger shows little"
