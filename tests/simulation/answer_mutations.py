"""A way to get the taking up of control records wrong, as :mod:`tests.simulation.mutations`."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

from engine.decide.request_state import Requests
from tests.simulation.mutations import mutation


@mutation
def results_are_taken_twice() -> Iterator[None]:
    """What a successor hands on again is taken for news."""
    with mock.patch.object(Requests, "taken_up", return_value=True):
        yield
