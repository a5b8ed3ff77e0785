"""One stack for all tests that need a running one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kafka.libraries import SystemPackageError
from tests.left_out import missing
from tests.stack.alert_way import QUICK, Way, flights_way

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def flights_stack(
    tmp_path_factory: pytest.TempPathFactory, prometheus_program: str, alertmanager_program: str
) -> Iterator[Way]:
    """What compose starts, on free ports, with quick intervals."""
    assert prometheus_program
    assert alertmanager_program
    try:
        with flights_way(tmp_path_factory.mktemp("stack"), QUICK) as way:
            yield way
    except SystemPackageError as error:
        missing(error.package, error.how_to_get)
