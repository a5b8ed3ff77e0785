"""The generator of card payments: the same for the same seed, and drifting where it is told to."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl
import pytest
from click.testing import CliRunner

from engine.spec_reading import read_spec
from examples.fraud.generate import BLOCK, DAY_MS, KINDS, START_MS, Drift, generate, main
from examples.fraud.population import HOURLY_SHARE
from examples.fraud.tables import FEATURES, MODEL, VERSION, frame, label_lines, prediction_lines

SEED: Final = 11
EVENTS: Final = 100_000
"""More than one block."""
GOLDEN: Final = "88568b46da1d522d"
"""First digits of the hash of the first thousand events of SEED."""
MOVED: Final = {
    "amount": {"amount", "score"},
    "merchants": {"mcc", "amount", "score"},
    "countries": {"country", "score"},
    "devices": {"device", "score"},
    "population": {"amount", "mcc", "country", "device", "score"},
    "concept": set(),
    "missing": {"country", "device", "score"},
    "rescaled": {"amount", "score"},
}
"""Kind of drift -> what of an event it changes; an amount depends on its merchant."""
MOVES_PSI: Final = {
    "amount": ("amount",),
    "merchants": ("mcc",),
    "countries": ("country",),
    "devices": ("device",),
    "population": ("amount", "mcc", "country", "device"),
    "rescaled": ("amount",),
}


def payments(drift: Drift | None = None, events: int = EVENTS) -> pl.DataFrame:
    """All payments of a stream as one table."""
    blocks = generate(SEED, events, drift=drift) if drift else generate(SEED, events)
    return pl.concat([frame(block, SEED, place * BLOCK) for place, block in enumerate(blocks)])


@pytest.fixture(scope="module")
def still() -> pl.DataFrame:
    """A stream without drift."""
    return payments()


def psi(before: pl.Series, after: pl.Series) -> float:
    """PSI over ten equal bins of ``before``, or over its categories; a test's own, plain form."""
    shares: list[npt.NDArray[np.float64]]
    if before.dtype == pl.String:
        names = before.unique().sort().to_list()
        shares = [
            np.array([(side == name).sum() for name in names]) + 0.5 for side in (before, after)
        ]
    else:
        edges = np.quantile(before.to_numpy(), np.arange(1, 10) / 10)
        shares = [
            np.bincount(np.searchsorted(edges, side.to_numpy(), side="right"), minlength=10) + 0.5
            for side in (before, after)
        ]
    e, a = (counts / counts.sum() for counts in shares)
    return float(((a - e) * np.log(a / e)).sum())


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Events are a function of the arguments, down to the byte, and of nothing else."""
    first = prediction_lines(payments(events=1000))
    assert first == prediction_lines(payments(events=1000))
    assert hashlib.sha256(first).hexdigest()[: len(GOLDEN)] == GOLDEN
    other = frame(next(generate(SEED + 1, 1000)), SEED, 0)
    assert prediction_lines(other) != first


def test_a_longer_stream_starts_with_the_shorter_one(still: pl.DataFrame) -> None:
    """What comes later changes nothing, wherever in a block the stream ends."""
    for events in (1, 1000, BLOCK, BLOCK + 1):
        assert payments(events=events).equals(still.head(events))


def test_time_runs_forward_in_the_rhythm_of_a_day() -> None:
    """Event times are sorted, fill the days at the rate asked for, and follow the hourly shares."""
    table = payments(events=2 * DAY_MS // 1000)
    assert table["ts"].is_sorted()
    assert table["ts"].min() >= START_MS  # type: ignore[operator]
    assert table["ts"].max() < START_MS + 2 * DAY_MS  # type: ignore[operator]
    hours = np.bincount(table["hour"].to_numpy(), minlength=24) / len(table)
    assert np.abs(hours - HOURLY_SHARE).max() < 0.001


def test_amounts_are_heavy_tailed_and_fraud_is_rare(still: pl.DataFrame) -> None:
    """The mean lies well above the median; a few payments in a thousand are fraud, and the score
    is the probability of it."""
    assert still["amount"].mean() > 1.5 * still["amount"].median()  # type: ignore[operator]
    assert 0.002 < still["label"].mean() < 0.008  # type: ignore[operator]
    assert still["score"].mean() == pytest.approx(still["label"].mean(), rel=0.15)
    assert 0 < still["decision"].sum() < 0.005 * len(still)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_drift_changes_what_it_names_from_its_start_on(kind: str, still: pl.DataFrame) -> None:
    """Before the start every event is as without drift; after it only what the kind names moves,
    and that it does move: PSI over 0.20 against the events before (or, of a concept, the rate of
    fraud; of missing values, their share)."""
    drifted = payments(Drift(kind, start=0.5, strength=1.0))
    half = EVENTS // 2
    assert drifted.head(half).equals(still.head(half))
    after, untouched = drifted.tail(half), still.tail(half)
    changed = {name for name in (*FEATURES, "score") if not after[name].equals(untouched[name])}
    assert changed == MOVED[kind]
    if kind == "concept":
        assert int(after["label"].sum()) > 1.15 * int(untouched["label"].sum())
    elif kind == "missing":
        assert after["country"].null_count() == after["device"].null_count() == half
    else:
        for name in MOVES_PSI[kind]:
            assert psi(drifted.head(half)[name], after[name]) > 0.20, name
    assert psi(still.head(half)["amount"], untouched["amount"]) < 0.01


def test_a_ramp_comes_slowly() -> None:
    """With a ramp the drift is weaker in its first half than in its second."""
    table = payments(Drift("countries", start=0.2, strength=0.8, ramp=0.6))
    foreign = (table["country"] != "DE").cast(pl.Float64).to_numpy()
    shares = [part.mean() for part in np.array_split(foreign, 5)]
    assert shares == sorted(shares)
    assert shares[1] < shares[0] + 0.2 < shares[4]


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "weather"}, {"kind": "amount", "start": 2.0}, {"kind": "amount", "strength": -1.0}],
)
def test_a_script_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    """An unknown kind, a start outside the stream and a negative strength are errors."""
    with pytest.raises(ValueError, match=r"drift|start"):
        Drift(**wrong)  # type: ignore[arg-type]


def test_events_have_the_form_that_services_publish(still: pl.DataFrame) -> None:
    """Prediction and label events have the fields of the contract, and the spec's model,
    version and features."""
    spec = read_spec(Path("examples/fraud/spec.yaml").read_text(encoding="utf-8"))
    assert (spec.model, spec.version) == (MODEL, VERSION)
    assert [feature.name for feature in spec.features] == list(FEATURES)
    event = orjson.loads(prediction_lines(still.head(1)))
    assert list(event) == ["event_id", "model", "version", "ts", "features", "score", "decision"]
    assert list(event["features"]) == list(FEATURES)
    assert isinstance(event["ts"], int)
    label = orjson.loads(label_lines(still.head(1)))
    assert label["event_id"] == event["event_id"]
    assert label["ts"] > event["ts"]
    assert label["label"] in {0, 1}


def test_the_command_writes_the_same_files_twice(tmp_path: Path) -> None:
    """Reference, predictions and labels, byte for byte; the stream begins where the reference
    ends, at the same rate, and labels stand in the order of their own time."""
    written = []
    for name in ("one", "two"):
        arguments = [str(tmp_path / name), "--events", "3000", "--reference-days", "1"]
        arguments += ["--rate", "0.05", "--drift", "population"]
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == 0
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"reference.parquet", "predictions.ndjson.gz", "labels.ndjson.gz"}
    reference = pl.read_parquet(tmp_path / "one" / "reference.parquet")
    assert len(reference) == 4320
    assert reference["ts"].dtype == pl.Datetime("ms", "UTC")
    events, labels = (
        [orjson.loads(line) for line in gzip.decompress(written[0][name]).splitlines()]
        for name in ("predictions.ndjson.gz", "labels.ndjson.gz")
    )
    assert len(events) == len(labels) == 3000
    assert events[0]["ts"] >= START_MS + DAY_MS
    times = [label["ts"] for label in labels]
    assert times == sorted(times)
    assert {label["event_id"] for label in labels} == {event["event_id"] for event in events}
