"""Oracles that several tests compare workers with, computed once in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.kafka.oracles import EXAMPLES, Oracle, fraud_data, oracle, spring_data
from tests.kafka.shared import once_in_a_run

FLIGHTS: Final = ("--predictions", "predictions.parquet", "--labels", "labels.parquet")


@pytest.fixture(scope="session")
def fraud(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Oracle:
    """Card payments whose population shifts half-way."""

    def made(directory: Path) -> Oracle:
        data = fraud_data(directory)
        return oracle("fraud", data, directory, "--predictions", "predictions.ndjson.gz")

    return _triggering(once_in_a_run(tmp_path_factory, "fraud-oracle", made, worker_id))


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Oracle:
    """The flights of March to December with their labels, against January and February."""

    def made(directory: Path) -> Oracle:
        return oracle("flights", EXAMPLES / "flights", directory, *FLIGHTS)

    return _triggering(once_in_a_run(tmp_path_factory, "flights-oracle", made, worker_id))


@pytest.fixture(scope="session")
def spring(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Oracle:
    """The flights of five weeks of spring, for tests to which the whole year says no more."""

    def made(directory: Path) -> Oracle:
        return oracle("flights", spring_data(directory), directory, *FLIGHTS)

    return _triggering(once_in_a_run(tmp_path_factory, "spring-oracle", made, worker_id))


def _triggering(found: Oracle) -> Oracle:
    assert found.expected["retraining-triggers"], "what triggers nothing proves little"
    return found
