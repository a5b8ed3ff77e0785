"""The example models with what a replay says of their data: what workers on Kafka must say too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
from click.testing import CliRunner

from examples.fraud.generate import main as generate
from tests.kafka.longshore_run import ROOT, Records, in_process, replayed

EXAMPLES: Final = ROOT / "examples"
FRAUD_EVENTS: Final = "60000"
SPRING_MS: Final = (1_367_452_800_000, 1_370_476_800_000)
"""2013-05-02T00:00Z to 2013-06-06T00:00Z: weeks of weather that has moved, and the trigger of 23
May."""


@dataclass(frozen=True, slots=True)
class Oracle:
    """A model, its events, and the records that they must become."""

    spec: str
    profile: str
    sent: tuple[str, ...]
    """Arguments of ``longshore publish`` and of ``longshore replay``."""
    expected: Records

    @property
    def model(self) -> str:
        """``SPEC:PROFILE``."""
        return f"{self.spec}:{self.profile}"


def oracle(name: str, data: Path, directory: Path, *files: str) -> Oracle:
    """The oracle of an example by replay of ``--predictions FILE ...`` below ``data``."""
    spec, profile = str(EXAMPLES / name / "spec.yaml"), str(directory / f"{name}.json")
    out = directory / f"replayed-{name}"
    places = (part if part.startswith("--") else str(data / part) for part in files)
    sent = (spec, *places)
    reference = str(data / "reference.parquet")
    in_process("profile", spec, "--data", reference, "--out", profile)
    in_process("replay", *sent, "--profile", profile, "--out", str(out))
    return Oracle(spec, profile, sent, replayed(out))


def spring_data(directory: Path) -> Path:
    """Predictions and labels within SPRING_MS, by the clock of each; their directory."""
    out = directory / "spring"
    out.mkdir()
    for name, clock in (("predictions", "ts"), ("labels", "label_ts")):
        table = pl.read_parquet(EXAMPLES / "flights" / f"{name}.parquet")
        table.filter(pl.col(clock).is_between(*SPRING_MS, closed="left")).write_parquet(
            out / f"{name}.parquet"
        )
    (out / "reference.parquet").symlink_to(EXAMPLES / "flights" / "reference.parquet")
    return out


def fraud_data(directory: Path) -> Path:
    """Card payments whose population shifts on the way; the directory of the files."""
    out = directory / "fraud"
    options = ["--events", FRAUD_EVENTS, "--rate", "2", "--reference-days", "2"]
    # Two whole hours of it, which is what the rule asks for.
    drift = ["--drift", "population", "--strength", "0.6", "--start", "0.4"]
    done = CliRunner().invoke(generate, [*options, *drift, str(out)])
    assert done.exit_code == 0, done.output
    return out
