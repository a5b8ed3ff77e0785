"""The estimate without labels against what came true, on real and on generated data.

    python -m load_tests.estimates

writes the table into docs/performance.md; it takes some minutes.

Every stream goes through the whole core, as ``longshore replay`` does it: profile, join, windows,
judgements; what is compared is read from the judgements.  A stream is as it is up to its change and
changed after it:

* covariate shift: other events (picked by a feature, or the generator's own change), whose labels
  follow their features as before.  The estimate should follow.
* concept drift: the same events, of which a share (drawn from SEED) has the contrary label, or the
  generator's own change.  The estimate cannot see it; that is what the table shows.
* as it came: the months of flights after training, nothing changed by hand.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import orjson
import polars as pl

from engine.model import build_model
from engine.profile import Provenance
from engine.profile_building import build_profile
from engine.spec_reading import read_spec
from examples.fraud.drift import Change
from examples.fraud.payments import START_MS, generate
from examples.fraud.rhythm import DAY_MS
from examples.fraud.tables import frame
from examples.fraud.users import users_of
from load_tests.sections import write_section
from streams.replay import Source, replay
from streams.tables import read_table

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
SEED: Final = 11
FLIPPED: Final = 0.15
"""Share of the labels that concept drift turns round."""
PAGE: Final = Path("docs/performance.md")
SECTION: Final = "The estimate against what came true"
INTRODUCTION: Final = f"""\
Means over windows, weighted by their labels; error is estimated less realized, largest that of the
worst window; windows are of 7 days, of the census 90. Covariate shift: only flights scheduled at 17
hours or later, only people of 50 years or more, the generator's `population`. Concept drift:
{FLIPPED:.0%} of the labels turned round, the generator's `concept`. Made by
`python -m load_tests.estimates`.

"""
MEASURES: Final = ("accuracy", "precision", "recall", "f1", "auc")
FRAUD_EVENTS: Final = 200_000
FRAUD_RATE: Final = 0.02
FRAUD_PER_S: Final = 0.04
REFERENCE_EVENTS: Final = 150_000
NOBODY: Final = Provenance(
    code_commit="", data_sha256="", data_rows=0, parameters={}, seed=0, start_ms=None, end_ms=None
)
FRAUD_SPEC: Final = """\
model: fraud
version: v1
inventory: {owner: payments-risk}
time: {pane: 1h, lateness: 1h, amend: 1h}
windows: [{length: 7d, judge_every: 7d}]
features: {amount: {type: numeric}}
estimators: {}
inputs: [predictions, labels]
label: {ttl: 91d, lateness: 1h, amend: 1h, maturities: [91d]}
"""


@dataclass(frozen=True, slots=True)
class Stream:
    """Predictions and labels with a change; times in epoch milliseconds."""

    data: str
    change: str
    spec: str
    reference: pl.DataFrame
    predictions: pl.DataFrame
    labels: pl.DataFrame
    since_ms: int
    """From when on it is changed; a window with some of both is left out."""


def example(name: str) -> tuple[str, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Spec, reference, predictions and labels of an example on real data."""
    tables = [pl.read_parquet(EXAMPLES / name / f"{part}.parquet") for part in PARTS]
    return (EXAMPLES / name / "spec.yaml").read_text(), tables[0], tables[1], tables[2]


PARTS: Final = ("reference", "predictions", "labels")


def turned(predictions: pl.DataFrame, labels: pl.DataFrame, since_ms: int) -> pl.DataFrame:
    """The labels, a share of those of predictions from ``since_ms`` on turned round."""
    drawn = np.random.default_rng(SEED).random(len(labels)) < FLIPPED
    made = labels.join(predictions.select("event_id", "ts"), on="event_id", how="left")
    turns = pl.Series(drawn) & (made["ts"].dt.epoch("ms") >= since_ms)
    return labels.with_columns(label=pl.when(turns).then(1 - pl.col("label")).otherwise("label"))


def real_streams(name: str, other: pl.Expr, days: int) -> Iterator[Stream]:
    """An example as it came, with other events after half of the ``days``, and with other labels.

    ``other`` picks the events of the shifted part.
    """
    spec, reference, predictions, labels = example(name)
    first = predictions["ts"].dt.epoch("ms").min()
    assert isinstance(first, int), "an example has predictions"
    ends_ms, since_ms = first + days * DAY_MS, first + days // 2 * DAY_MS
    at = pl.col("ts").dt.epoch("ms")
    predictions = predictions.filter(at < ends_ms)
    labels = labels.join(predictions.select("event_id"), on="event_id", how="semi")
    yield Stream(name, "as it came", spec, reference, predictions, labels, since_ms)
    shifted = predictions.filter((at < since_ms) | other)
    kept = labels.join(shifted.select("event_id"), on="event_id", how="semi")
    yield Stream(name, "covariate shift", spec, reference, shifted, kept, since_ms)
    wrong = turned(predictions, labels, since_ms)
    yield Stream(name, "concept drift", spec, reference, predictions, wrong, since_ms)


def payments(changes: tuple[Change, ...], events: int, start_ms: int, stream: int) -> pl.DataFrame:
    """Payments with the truth of all of them."""
    users = users_of(SEED)
    blocks = generate(SEED, events, start_ms, FRAUD_PER_S, changes, stream, FRAUD_RATE)
    tables = [frame(block, users, SEED, place << 16) for place, block in enumerate(blocks)]
    times = pl.col("ts", "label_ts").cast(pl.Datetime("ms", "UTC"))
    return pl.concat(tables).with_columns(times)


def fraud_streams() -> Iterator[Stream]:
    """The generator's own changes."""
    reference = payments((), REFERENCE_EVENTS, START_MS, 1)
    last = reference["ts"].dt.epoch("ms").max()
    assert isinstance(last, int), "the reference has payments"
    begins_ms = (last // (7 * DAY_MS) + 1) * 7 * DAY_MS
    for change, scripted in (
        ("as it came", ()),
        ("covariate shift", (Change("population", strength=0.6),)),
        ("concept drift", (Change("concept", strength=0.5),)),
    ):
        made = payments(scripted, FRAUD_EVENTS, begins_ms, 0)
        since_ms = int(made["ts"].dt.epoch("ms").item(len(made) // 2))
        predictions = made.select("event_id", "ts", "amount", "score", "decision")
        labels = made.select("event_id", "label", "label_ts").sort("label_ts")
        yield Stream("fraud", change, FRAUD_SPEC, reference, predictions, labels, since_ms)


def judged(stream: Stream) -> list[dict[str, Any]]:
    """The sections of performance of a stream's disjoint windows, with their ends in ms."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        spec = read_spec(stream.spec)
        for part in PARTS:
            getattr(stream, part).write_parquet(folder / f"{part}.parquet")
        table = read_table(folder / "reference.parquet", spec)
        model = build_model(spec, build_profile(spec, table, NOBODY))
        sources = [
            Source("predictions", folder / "predictions.parquet", spec),
            Source("labels", folder / "labels.parquet", spec),
        ]
        replay([model], sources, 1, folder)
        lines = (folder / "judgements.ndjson").read_bytes().splitlines()
    longest = max(spec.windows, key=lambda window: window.length_ms).name
    kind = "cohorts" if spec.label.maturities_ms else "performance"
    found = []
    for tree in map(orjson.loads, lines):
        if (tree.get("section"), tree["window"], tree["revision"]) == (kind, longest, 0):
            section = tree[kind] if kind == "performance" else next(iter(tree[kind].values()))
            ends = np.array([tree["start"][:-1], tree["end"][:-1]], dtype="datetime64[ms]")
            start_ms, end_ms = ends.astype(np.int64).tolist()
            found.append({**section, "start_ms": start_ms, "end_ms": end_ms})
    return found


def summary(stream: Stream, sections: list[dict[str, Any]]) -> dict[str, Any]:
    """Estimated against realized before and after the change; means over windows by labels."""
    known = [s for s in sections if s.get("estimated") and s["labelled"] >= 100]
    parts = {
        "before": [s for s in known if s["end_ms"] <= stream.since_ms],
        "after": [s for s in known if s["start_ms"] >= stream.since_ms],
    }
    return {
        "data": stream.data,
        "change": stream.change,
        **{part: _part(those) for part, those in parts.items()},
    }


def _part(sections: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "windows": len(sections),
        "labels": sum(section["labelled"] for section in sections),
        "levels": {
            level: sum(section["level"] == level for section in sections)
            for level in ("UNKNOWN", "STABLE", "WATCH", "DRIFT")
        },
    }
    for measure in MEASURES:
        both = [s for s in sections if measure in s["estimated_error"]]
        if not both:
            continue
        weights = np.array([s["labelled"] for s in both], dtype=np.float64)
        errors = np.array([s["estimated_error"][measure] for s in both])
        inside = [
            s["estimated"]["intervals"][measure][0]
            <= s[measure]
            <= s["estimated"]["intervals"][measure][1]
            for s in both
            if measure in s["estimated"]["intervals"]
        ]
        found[measure] = {
            "estimated": _mean([s["estimated"][measure] for s in both], weights),
            "realized": _mean([s[measure] for s in both], weights),
            "error": _mean(errors.tolist(), weights),
            "largest_error": round(float(np.abs(errors).max()), 4),
            "inside": round(float(np.mean(inside)), 2) if inside else None,
        }
    return found


def _mean(values: list[float], weights: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return round(float(np.average(np.array(values), weights=weights)), 4)


def streams() -> Iterator[Stream]:
    """All of them, one at a time."""
    yield from real_streams("flights", pl.col("hour") >= 17, 120)
    yield from real_streams("acs", pl.col("AGEP") >= 50, 720)
    yield from fraud_streams()


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Lines of Markdown: a row a stream, part and measure."""
    lines = [
        "| data | change | windows | measure | estimated | realized | error | largest | DRIFT |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    told_before = set()
    for row in rows:
        for part in ("before", "after"):
            if part == "before" and row["data"] in told_before:
                continue
            told_before.add(row["data"])
            told = row[part]
            for measure in ("accuracy", "recall", "auc"):
                m = told[measure]
                lines.append(
                    f"| {row['data']} | {row['change'] if part == 'after' else 'none'} "
                    f"| {told['windows']} | {measure} | {m['estimated']:.3f} "
                    f"| {m['realized']:.3f} | {m['error']:+.3f} | {m['largest_error']:.3f} "
                    f"| {told['levels']['DRIFT']} of {told['windows']} |"
                )
    return lines


@click.command()
@click.option("--page", default=PAGE, type=click.Path(dir_okay=False, path_type=Path))
def main(page: Path) -> None:
    """Measure every stream and write the section into PAGE."""
    rows = []
    for stream in streams():
        rows.append(summary(stream, judged(stream)))
        click.echo(orjson.dumps(rows[-1]).decode())
    write_section(page, SECTION, INTRODUCTION + "\n".join(table(rows)))


if __name__ == "__main__":
    main()
