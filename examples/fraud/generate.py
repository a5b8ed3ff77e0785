"""Card payments with scripted drift, for as long as wanted and always the same for the same seed.

    python -m examples.fraud.generate --list
    python -m examples.fraud.generate OUT --scenario sudden_concept --events 1000000

writes into the directory OUT

* ``reference.parquet``: the payments of ``--reference-days`` before the stream, without drift and
  with the truth of all of them, as a training table has it;
* ``predictions.ndjson.gz``: prediction events as a scoring service publishes them;
* ``labels.ndjson.gz``: chargebacks, known days later, in the order of their own ts;
* ``truth.json``: what drifts when (:mod:`examples.fraud.truth`);
* with ``--profile``, ``profile.json``: the reference profile for ``examples/fraud/spec.yaml``.

The stream starts where the reference ends, at the same rate, so that volumes compare.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import click
import orjson
import polars as pl

from examples.fraud.chargebacks import LABELLED, Labelled, WaitingLabels
from examples.fraud.drift import KINDS, Change
from examples.fraud.payments import BLOCK, FRAUD_RATE, REFERENCE, START_MS, generate
from examples.fraud.rhythm import DAY_MS, SECOND_MS
from examples.fraud.scenarios import (
    SCENARIOS,
    STATIONARY,
    Scenario,
    ScenarioError,
    scenario_of,
)
from examples.fraud.tables import frame, label_lines, prediction_lines
from examples.fraud.truth import TruthWriter
from examples.fraud.users import users_of

SPEC: Final = Path(__file__).with_name("spec.yaml")
SHARE: Final = click.FloatRange(0, 1)
POSITIVE_SHARE: Final = click.FloatRange(0, 1, min_open=True)
SPARE_DAYS: Final = 7
"""A rhythm of a week makes some days busier: so many more are drawn than are kept."""


def write_reference(
    path: Path, seed: int, days: int, rate_per_s: float, fraud_rate: float = FRAUD_RATE
) -> int:
    """Write the payments of ``days`` from START_MS on as parquet; give how many they are."""
    users, end_ms = users_of(seed), START_MS + days * DAY_MS
    most = int((days + SPARE_DAYS) * DAY_MS / SECOND_MS * rate_per_s) + BLOCK
    tables = []
    blocks = generate(seed, most, START_MS, rate_per_s, (), REFERENCE, fraud_rate)
    for place, block in enumerate(blocks):
        tables.append(frame(block, users, seed, place * BLOCK).filter(pl.col("ts") < end_ms))
        if block.ts_ms[-1] >= end_ms:
            break
    table = pl.concat(tables).with_columns(pl.format("reference-{}", "event_id").alias("event_id"))
    times = pl.col("ts", "label_ts").cast(pl.Datetime("ms", "UTC"))
    table.with_columns(times).write_parquet(path, compression="zstd")
    return len(table)


@contextmanager
def packed(path: Path) -> Iterator[IO[bytes]]:
    """A gzip file that is the same bytes for the same content: no name and no time in its head."""
    with path.open("wb") as file, gzip.GzipFile("", "wb", 1, file, mtime=0) as out:
        yield out


def write_stream(
    out: Path,
    tables: Iterator[pl.DataFrame],
    labelled: Labelled,
    truth: TruthWriter,
) -> tuple[int, int]:
    """Write predictions and labels as they come; give how many of each."""
    waiting, predictions, labels = WaitingLabels(labelled), 0, 0
    with packed(out / "predictions.ndjson.gz") as first, packed(out / "labels.ndjson.gz") as second:
        for table in tables:
            truth.watch(table)
            first.write(prediction_lines(table))
            known = waiting.known_after(table)
            second.write(label_lines(known))
            predictions, labels = predictions + len(table), labels + len(known)
        rest = waiting.rest()
        second.write(label_lines(rest))
    return predictions, labels + len(rest)


def _list(context: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        click.echo("scenarios (--scenario)")
        for each in SCENARIOS.values():
            click.echo(f"  {each.name:<20} {each.says}")
        click.echo("kinds of change (--drift, or in a scenario's file)")
        for name, kind in KINDS.items():
            click.echo(f"  {name:<20} {kind.family}: {kind.says}")
        context.exit()


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list)
@click.option("--events", default=1_000_000, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=7, show_default=True, type=click.IntRange(0))
@click.option(
    "--rate",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Payments a second of event time.",
)
@click.option("--reference-days", default=21, show_default=True, type=click.IntRange(1, 366))
@click.option("--fraud-rate", default=FRAUD_RATE, show_default=True, type=float)
@click.option("--labels", "labelled", default="chargebacks", type=click.Choice(LABELLED))
@click.option("--scenario", "name", help="One of --list, or a YAML file.")
@click.option(
    "--drift",
    "kind",
    type=click.Choice(list(KINDS)),
    help="One change, by the options below.",
)
@click.option("--start", default=0.5, type=SHARE, help="Share of the stream before the change.")
@click.option("--strength", default=0.3, type=click.FloatRange(0))
@click.option(
    "--shape",
    default="sudden",
    type=click.Choice(["sudden", "gradual", "incremental", "recurring"]),
)
@click.option("--ramp", default=0.25, type=POSITIVE_SHARE, help="Share until it is complete.")
@click.option("--period", default=0.1, type=POSITIVE_SHARE, help="Share for which it is there.")
@click.option("--profile/--no-profile", "profiled", default=False, help="Build the profile too.")
def main(  # noqa: PLR0913, PLR0917 - one argument per option
    out: Path,
    events: int,
    seed: int,
    rate: float,
    reference_days: int,
    fraud_rate: float,
    labelled: Labelled,
    name: str | None,
    kind: str | None,
    profiled: bool,  # noqa: FBT001 - click passes it by name
    **change: float | str,
) -> None:
    """Write reference, predictions, labels and the truth into the directory OUT."""
    scenario = _scenario(name, kind, change)
    begins_ms = START_MS + reference_days * DAY_MS
    try:
        blocks = generate(seed, events, begins_ms, rate, scenario.changes, fraud_rate=fraud_rate)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    out.mkdir(parents=True, exist_ok=True)
    rows = write_reference(out / "reference.parquet", seed, reference_days, rate, fraud_rate)
    click.echo(f"reference.parquet: {rows} payments")
    users, truth = users_of(seed), TruthWriter(scenario, events)
    with click.progressbar(length=events, label="predictions") as bar:

        def tables() -> Iterator[pl.DataFrame]:
            for place, block in enumerate(blocks):
                yield frame(block, users, seed, place * BLOCK)
                bar.update(len(block.ts_ms))

        predictions, labels = write_stream(out, tables(), labelled, truth)
    tree = truth.as_tree(
        seed=seed,
        rate=rate,
        reference_days=reference_days,
        fraud_rate=fraud_rate,
        labels=labelled,
    )
    (out / "truth.json").write_bytes(orjson.dumps(tree, option=orjson.OPT_INDENT_2) + b"\n")
    click.echo(f"{predictions} payments, {tree['fraud']} of them fraud, {labels} labels")
    if profiled:
        _profile(out)


def _scenario(name: str | None, kind: str | None, change: dict[str, float | str]) -> Scenario:
    """What the options ask for; usage error when they make no sense."""
    if name is not None and kind is not None:
        raise click.UsageError("--scenario or --drift, not both")
    try:
        if name is not None:
            return scenario_of(name)
        if kind is None:
            return STATIONARY
        return Scenario(kind, KINDS[kind].says, (Change(kind, **change),))  # type: ignore[arg-type]
    except (ScenarioError, ValueError) as error:
        raise click.UsageError(str(error)) from error


def _profile(out: Path) -> None:
    """``longshore profile`` of the reference just written."""
    from streams.cli import main as longshore  # noqa: PLC0415 - only with --profile

    files = ["--data", str(out / "reference.parquet"), "--out", str(out / "profile.json")]
    longshore.main(["profile", str(SPEC), *files], standalone_mode=False)


if __name__ == "__main__":
    main()
