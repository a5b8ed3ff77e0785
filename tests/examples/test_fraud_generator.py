"""The generator of card payments as a program: the same bytes for the same seed, in files that the
commands read, in constant memory."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec
import orjson
import polars as pl
import pytest
from click.testing import CliRunner

from engine.events import LabelEvent, PredictionEvent
from engine.spec_reading import read_spec
from examples.fraud.generate import main
from examples.fraud.payments import BLOCK, START_MS
from examples.fraud.rhythm import DAY_MS
from examples.fraud.scenarios import SCENARIOS
from examples.fraud.tables import FEATURES, MODEL, VERSION, label_lines, prediction_lines
from tests.examples.fraud_streams import SEED, payments

GOLDEN: Final = "3225c701815a9680"
"""First digits of the hash of the first thousand events of SEED."""
FILES: Final = {"reference.parquet", "predictions.ndjson.gz", "labels.ndjson.gz", "truth.json"}
RSS_GROWTH_BYTES: Final = 48_000_000
"""What a million further payments may add, which as a table would be 200 MB."""
MEASURED: Final = """
import resource
from examples.fraud.chargebacks import WaitingLabels
from examples.fraud.payments import BLOCK, generate
from examples.fraud.tables import frame, label_lines, prediction_lines
from examples.fraud.users import users_of

users, waiting, after = users_of(3), WaitingLabels("chargebacks"), []
for place, block in enumerate(generate(3, 20 * BLOCK)):
    table = frame(block, users, 3, place * BLOCK)
    len(prediction_lines(table)) + len(label_lines(waiting.known_after(table)))
    after.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
print(after[3], after[-1])
"""


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Events are a function of the arguments, down to the byte, and of nothing else."""
    first = prediction_lines(payments(events=1000))
    assert first == prediction_lines(payments(events=1000))
    assert hashlib.sha256(first).hexdigest()[: len(GOLDEN)] == GOLDEN
    other = payments(events=1000, seed=SEED + 1).with_columns(payments(events=1000)["event_id"])
    assert prediction_lines(other) != first


def test_a_longer_stream_starts_with_the_shorter_one() -> None:
    """What comes later changes nothing, wherever in a block the stream ends."""
    longest = payments(events=2 * BLOCK)
    for events in (1, 1000, BLOCK, BLOCK + 1):
        assert payments(events=events).equals(longest.head(events))


def test_memory_does_not_grow_with_the_stream() -> None:
    """More than a million payments after the first quarter of one, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], check=True, capture_output=True, text=True, timeout=120
    )
    early, late = map(int, done.stdout.split())
    assert late - early < RSS_GROWTH_BYTES


def test_events_have_the_form_that_services_publish() -> None:
    """Prediction and label events decode as the contract's own types, and have the spec's model,
    version, features and segments."""
    spec = read_spec(Path("examples/fraud/spec.yaml").read_text(encoding="utf-8"))
    assert (spec.model, spec.version) == (MODEL, VERSION)
    assert [feature.name for feature in spec.features] == list(FEATURES)
    table = payments(events=500)
    decoder = msgspec.json.Decoder(PredictionEvent)
    events = [decoder.decode(line) for line in prediction_lines(table).splitlines()]
    assert [event.event_id for event in events] == table["event_id"].to_list()
    assert all(list(event.features or {}) == list(FEATURES) for event in events)
    assert {name for event in events for name in event.segment or {}} == set(spec.segments)
    assert all(event.latency_ms and event.unit and event.value for event in events)
    assert all(event.decision == int((event.score or 0.0) >= 0.5) for event in events)
    label = msgspec.json.decode(label_lines(table.head(1)), type=LabelEvent)
    assert (label.event_id, label.model) == (events[0].event_id, MODEL)
    assert label.ts > events[0].ts  # type: ignore[operator]
    assert label.label in {0, 1}


def run(*arguments: str) -> str:
    """What the command says."""
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_writes_the_same_files_twice(tmp_path: Path) -> None:
    """Reference, predictions, labels and the truth, byte for byte; the stream begins where the
    reference ends, at the same rate; labels are chargebacks in the order of their own time."""
    written = []
    for name in ("one", "two"):
        options = ["--events", "30000", "--reference-days", "1", "--rate", "0.5", "--profile"]
        run(str(tmp_path / name), *options, "--scenario", "sudden_covariate", "--seed", "5")
        files = (tmp_path / name).iterdir()
        written.append({path.name: path.read_bytes() for path in files})
    profiles = [files.pop("profile.json") for files in written]
    assert written[0] == written[1]
    assert set(written[0]) == FILES
    assert orjson.loads(profiles[0])["features"].keys() == set(FEATURES)
    reference = pl.read_parquet(tmp_path / "one" / "reference.parquet")
    assert len(reference) == pytest.approx(43_200, rel=0.03)
    assert reference["ts"].dtype == pl.Datetime("ms", "UTC")
    events, labels = (
        [orjson.loads(line) for line in gzip.decompress(written[0][name]).splitlines()]
        for name in ("predictions.ndjson.gz", "labels.ndjson.gz")
    )
    assert events[0]["ts"] >= START_MS + DAY_MS > reference["ts"].max().timestamp() * 1000  # type: ignore[union-attr]
    truth = orjson.loads(written[0]["truth.json"])
    assert truth["changes"][0]["spans"][0]["first_ts"] == events[15_000]["ts"]
    assert len(labels) == truth["fraud"] > 0
    times = [label["ts"] for label in labels]
    assert times == sorted(times)
    assert {label["label"] for label in labels} == {1}
    assert {label["event_id"] for label in labels} < {event["event_id"] for event in events}


def test_all_labels_can_be_had(tmp_path: Path) -> None:
    """One per payment with ``--labels all``."""
    told = run(str(tmp_path), "--events", "2000", "--reference-days", "1", "--labels", "all")
    assert "2000 labels" in told


def test_the_command_lists_what_can_be_had() -> None:
    """Every scenario and every kind; wrong ones are usage errors that name the right ones."""
    told = run("--list")
    assert all(name in told for name in SCENARIOS)
    for wrong in (["--scenario", "weather"], ["--drift", "missing", "--strength", "3"]):
        result = CliRunner().invoke(main, ["nowhere", *wrong])
        assert result.exit_code == 2
        assert "stationary" in result.output or "0 to 1" in result.output
