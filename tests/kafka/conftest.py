"""Oracles that several tests compare workers with, computed once in a session."""

from __future__ import annotations

import pytest

from tests.kafka.oracles import EXAMPLES, Oracle, fraud_data, oracle


@pytest.fixture(scope="session")
def fraud(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """Card payments whose population shifts half-way."""
    directory = tmp_path_factory.mktemp("fraud-oracle")
    data = fraud_data(directory)
    found = oracle("fraud", data, directory, "--predictions", "predictions.ndjson.gz")
    assert found.expected["retraining-triggers"]
    return found


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """The flights of March to December with their labels, against January and February."""
    directory = tmp_path_factory.mktemp("flights-oracle")
    files = ("--predictions", "predictions.parquet", "--labels", "labels.parquet")
    found = oracle("flights", EXAMPLES / "flights", directory, *files)
    assert found.expected["retraining-triggers"], "the year must trigger"
    return found
