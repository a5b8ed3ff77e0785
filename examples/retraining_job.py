"""A retraining job: asked by a trigger, it fits the flights model again and registers the version.

    python -m examples.retraining_job --spec SPEC --history examples/flights --out retrained

Brokers, prefix, TLS and login are those of Longshore's settings (``--config`` and ``LONGSHORE_*``).
Needs scikit-learn beside Longshore itself.

For each new trigger of its model on ``retraining-triggers`` it

1. says ``accepted`` on ``retraining-results``;
2. fits the model on the flights of the last ``--days`` before the end of the trigger's window, as
   far as their outcome was known by then;
3. writes table, spec, profile and model of the new version into ``--out``;
4. registers the version on ``models``, as ``longshore model apply`` does, to take over
   ``--lead-days`` after the window's end;
5. says ``ready`` with version and ``effective_from``, or ``failed`` with the reason.

Rules.

* A trigger may come twice.  The version is named after the day of the window's end, so what was
  registered for it already is answered with again and not made anew.
* The offset is committed behind the answer: a job that dies in between begins again.
* ``effective_from`` must lie ahead of event time, so that whoever serves has the model by then, and
  the workers know the version before its first prediction.
"""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
import orjson
import polars as pl

from engine.profile import encode_profile
from examples.flights.lateness import LatenessModel, scored_out_of_fold
from examples.retraining_consumer import POLL_MS, SeenTriggers, Stop, new_triggers
from streams.cli.inputs import settings_from
from streams.cli.profile import build
from streams.clients import kafka_python_options
from streams.model_files import read_spec_file
from streams.model_records import Head
from streams.model_registration import read_version, register, registered
from streams.settings import Settings
from streams.tables import read_table
from streams.topics import topic_name

FOLDS: Final = 5
MIN_FLIGHTS: Final = 5_000
"""Fewer say too little of a new model."""


def known_flights(history: Path, until: datetime, days: int) -> pl.DataFrame:
    """Flights of the ``days`` before ``until`` whose outcome was known by then, by time."""
    reference, predictions, labels = (
        pl.read_parquet(history / f"{name}.parquet")
        for name in ("reference", "predictions", "labels")
    )
    later = predictions.join(labels, on="event_id").filter(pl.col("label_ts") <= until)
    columns = [*predictions.columns, "label"]
    flights = pl.concat([reference.select(columns), later.select(columns)], how="vertical_relaxed")
    recent = pl.col("ts").is_between(until - timedelta(days=days), until, closed="left")
    return flights.filter(recent & pl.col("label").is_not_null()).sort("ts", maintain_order=True)


class RetrainingJob:
    """Answers triggers of one model."""

    def __init__(
        self,
        settings: Settings,
        spec: Path,
        history: Path,
        out: Path,
        *,
        days: int,
        lead_days: int,
        folds: int,
    ) -> None:
        """``history`` is the directory of the flights' tables; versions are written to ``out``."""
        self._settings = settings
        self._spec = spec
        self._history = history
        self._out = out
        self._days = days
        self._lead = timedelta(days=lead_days)
        self._folds = folds
        self._model = read_spec_file(spec).model
        self._producer: Any = None

    def handle(self, trigger: dict[str, Any]) -> None:
        """All that is to be done for one trigger."""
        if trigger.get("model") != self._model or trigger.get("kind") != "retrain":
            return
        trigger_id = trigger["trigger_id"]
        self._answer(trigger_id, status="accepted")
        try:
            head = self._version_for(datetime.fromisoformat(trigger["window"]["end"]))
        except Exception as error:  # noqa: BLE001 - whatever it is, who asked must hear of it
            self._answer(trigger_id, status="failed", reason=f"{type(error).__name__}: {error}")
            return
        self._answer(
            trigger_id, status="ready", version=head.version, effective_from=head.effective_from
        )

    def _version_for(self, end: datetime) -> Head:
        """The version for a window that ended then, registered."""
        name = f"{end:%Y.%m.%d}"
        for head in registered(self._settings):
            if (head.model, head.version, head.status) == (self._model, name, "active"):
                return head
        spec, profile = self._fit(name, end)
        effective_ms = int((end + self._lead).timestamp() * 1_000)
        return register(self._settings, read_version(spec, profile), effective_ms)

    def _fit(self, name: str, end: datetime) -> tuple[Path, Path]:
        """Fit, and write what the version is made of; its spec and profile."""
        flights = known_flights(self._history, end, self._days)
        if len(flights) < MIN_FLIGHTS:
            raise ValueError(f"{len(flights)} flights with an outcome, at least {MIN_FLIGHTS}")
        print(f"{name}: fitting on {len(flights)} flights", file=sys.stderr, flush=True)
        directory = self._out / name
        directory.mkdir(parents=True, exist_ok=True)
        LatenessModel.fitted(flights).save(directory / "model.pickle")
        table, spec, profile = (
            directory / file for file in ("reference.parquet", "spec.yaml", "profile.json")
        )
        scored_out_of_fold(flights, self._folds).write_parquet(table)
        renamed = f'version: "{name}"'
        spec.write_text(re.sub(r"(?m)^version:.*$", renamed, self._spec.read_text(), count=1))
        read = read_spec_file(spec)
        built = build(read, read_table(table, read), table, Path.cwd())
        profile.write_bytes(encode_profile(built))
        return spec, profile

    def _answer(self, trigger_id: str, **more: object) -> None:
        from kafka import KafkaProducer  # noqa: PLC0415 - slow to import

        if self._producer is None:
            self._producer = KafkaProducer(**kafka_python_options(self._settings), acks="all")
        value = {"trigger_id": trigger_id, **more}
        topic = topic_name(self._settings, "retraining-results")
        self._producer.send(topic, orjson.dumps(value), key=self._model.encode()).get(30)
        print(orjson.dumps(value).decode(), flush=True)


def follow(
    consumer: Any,  # noqa: ANN401 - kafka-python has no types
    seen: SeenTriggers,
    stop: Stop,
    job: RetrainingJob,
    *,
    once: bool,
) -> None:
    """Handle triggers until asked to stop, or the first with ``once``.

    ``consumer`` is a kafka-python KafkaConsumer that does not commit by itself.
    """
    while not stop.asked:
        batches = consumer.poll(timeout_ms=POLL_MS, max_records=1)
        values = (record.value for records in batches.values() for record in records)
        handled = [job.handle(trigger) for trigger in new_triggers(values, seen)]
        if batches:
            consumer.commit()
        if once and handled:
            break


DIRECTORY: Final = click.Path(exists=True, file_okay=False, path_type=Path)
FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--config", type=FILE, envvar="LONGSHORE_CONFIG", help="Longshore's settings (YAML).")
@click.option("--broker", help="HOST:PORT, several with commas; over the settings.")
@click.option("--prefix", help="Prefix of the topics; over the settings.")
@click.option("--group", default="retraining", show_default=True, help="Consumer group.")
@click.option("--spec", type=FILE, required=True, help="Spec of the version that runs.")
@click.option("--history", type=DIRECTORY, required=True, help="Directory of the flights' tables.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Where the new versions are written.",
)
@click.option("--days", type=click.IntRange(7), default=60, show_default=True, help="To fit on.")
@click.option(
    "--lead-days",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="From the end of the trigger's window to the take-over.",
)
@click.option(
    "--folds", type=click.IntRange(2), default=FOLDS, show_default=True, help="Of the reference."
)
@click.option("--once", is_flag=True, help="End after the first new trigger.")
def main(
    config: Path | None,
    broker: str | None,
    prefix: str | None,
    group: str,
    *,
    once: bool,
    **of_job: Any,  # noqa: ANN401 - options of several types
) -> None:
    """Fit the flights model again whenever it is asked for."""
    from kafka import KafkaConsumer  # noqa: PLC0415 - slow to import

    settings = settings_from(config, broker, prefix)
    out = of_job["out"]
    out.mkdir(parents=True, exist_ok=True)
    job = RetrainingJob(settings, **of_job)
    consumer = KafkaConsumer(
        topic_name(settings, "retraining-triggers"),
        **kafka_python_options(settings),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # A fit takes longer than the five minutes after which a consumer counts as dead.
        max_poll_interval_ms=3_600_000,
    )
    try:
        follow(consumer, SeenTriggers(out / "seen.txt"), Stop(), job, once=once)
    finally:
        consumer.close(autocommit=False)


if __name__ == "__main__":
    main()
