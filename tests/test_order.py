"""The order of the tests: quick and telling first, and of the slow ones the longest."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import rank


@dataclass
class Item:
    """As much of a test as its place depends on."""

    nodeid: str
    config: pytest.Config
    markers: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def get_closest_marker(self, name: str) -> Any:  # noqa: ANN401 - as much of a marker as is read
        """The marker, if it has it."""
        return SimpleNamespace(args=self.markers[name]) if name in self.markers else None


def test_slow_suites_come_last_and_what_may_take_long_first_of_them(
    pytestconfig: pytest.Config,
) -> None:
    """A test that says nothing of its limit has the one of all tests."""
    limit_s = int(pytestconfig.getini("timeout"))
    ordered: list[Any] = [
        Item("tests/engine/test_c.py::test_first", pytestconfig),
        Item("tests/streams/test_b.py::test_second", pytestconfig, {"timeout": (900,)}),
        Item("tests/kafka/test_a.py::test_without_a_broker", pytestconfig),
        *(
            Item(f"tests/kafka/test_a.py::test_{name}", pytestconfig, {"kafka": (), **limits})
            for name, limits in (
                ("z_longest", {"timeout": (limit_s + 9,)}),
                ("y_long", {"timeout": (limit_s + 1,)}),
                ("b_plain", {}),
                ("a_short", {"timeout": (limit_s - 1,)}),
            )
        ),
    ]
    collected = list(reversed(ordered))
    assert sorted(collected, key=rank) == ordered
