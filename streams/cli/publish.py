"""``longshore publish``: files of events into Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.faults import Failed, Refused, counted
from streams.cli.inputs import FILE, event_files, settings_from, settings_options, spec_from
from streams.cli.terminal import err, progress_bar

if TYPE_CHECKING:
    from engine.spec import Spec
    from streams.file_publisher import Pace, Published
    from streams.replay import Source
    from streams.settings import Settings


class Speed(click.ParamType):
    """``max`` or a factor above 0."""

    name = "factor"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        """None for ``max``."""
        if value is None or value == "max":
            return None
        try:
            factor = float(str(value))
        except ValueError:
            factor = 0.0
        if not 0.0 < factor < float("inf"):
            self.fail(f"{value!r} is neither max nor a factor above 0", param, ctx)
        return factor


@click.command()
@click.argument("spec", type=FILE)
@event_files
@settings_options
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), help="Events per second, all files together."
)
@click.option(
    "--speed",
    type=Speed(),
    metavar="FACTOR|max",
    help="Event time runs so many times as fast as the clock; max (the default) waits for nothing.",
)
@click.option(
    "--heartbeats/--no-heartbeats",
    default=True,
    help="Say at the end to every partition that the stream ended, so that its windows close.",
)
def publish(
    spec: Path,
    predictions: Path | None,
    labels: Path | None,
    features: Path | None,
    config: Path | None,
    broker: str | None,
    prefix: str | None,
    rate: float | None,
    speed: float | None,
    heartbeats: bool,
) -> None:
    """Send files of events of SPEC's model to Kafka.

    Each file keeps its order, files are merged by event time, and the key is the event id, so that
    the prediction, features and label of one event meet in one partition.

    \b
    Examples:
      longshore publish spec.yaml --predictions p.parquet --labels l.parquet --broker kafka:9092
      longshore publish spec.yaml --predictions p.ndjson.gz --speed 3600     # an hour a second
    """
    if rate is not None and speed is not None:
        raise click.UsageError("--rate or --speed, not both")
    read = spec_from(spec)
    sources = sources_from(read, predictions, labels, features)
    settings = settings_from(config, broker, prefix)
    done = _send(settings, sources, rate, speed, heartbeats=heartbeats)
    counts = ", ".join(f"{count:,} {topic}" for topic, count in done.records.items())
    err().print(
        f"{counts or 'nothing'}; {counted(done.heartbeats, 'heartbeat')} to "
        f"{','.join(settings.brokers)}"
    )


def sources_from(
    spec: Spec, predictions: Path | None, labels: Path | None, features: Path | None
) -> list[Source]:
    """The files given, each with its topic; usage error when there is none."""
    from engine.spec import Topic
    from streams.replay import Source

    given: list[tuple[Topic, Path | None]] = [
        ("features", features),
        ("predictions", predictions),
        ("labels", labels),
    ]
    sources = [Source(topic, path, spec) for topic, path in given if path is not None]
    if not sources:
        raise click.UsageError("no file of events: give --predictions, --labels or --features")
    strange = [source.topic for source in sources if source.topic not in spec.inputs]
    if strange:
        raise Refused(
            f"--{strange[0]} is given, and the spec's inputs are {', '.join(spec.inputs)}",
            hint=f"add {strange[0]} to `inputs` of the spec, or leave the file out",
        )
    return sources


def _send(
    settings: Settings,
    sources: list[Source],
    rate: float | None,
    speed: float | None,
    *,
    heartbeats: bool,
) -> Published:
    from engine.timestamps import ms_to_rfc3339
    from streams.file_publisher import (
        PublishError,
        as_fast_as_it_goes,
        at_rate,
        at_speed,
        publish_files,
    )
    from streams.table_columns import TableError

    pace: Pace = as_fast_as_it_goes
    if rate is not None:
        pace = at_rate(rate)
    elif speed is not None:
        pace = at_speed(speed)
    with progress_bar() as bar:
        task = bar.add_task(
            "publishing", total=sum(rows(source.path) for source in sources) or None
        )

        def progress(sent: int, ts_ms: int) -> None:
            shown = ms_to_rfc3339(ts_ms)[:16] if ts_ms > 0 else "publishing"
            bar.update(task, advance=sent, description=shown)

        try:
            return publish_files(settings, sources, pace, heartbeats=heartbeats, progress=progress)
        except TableError as error:
            raise Refused(str(error)) from error
        except PublishError as error:
            raise Failed(
                str(error), hint="is the broker there, and do its topics exist?"
            ) from error


def rows(path: Path) -> int:
    """Rows of a file as far as they are known without reading it; 0 where they are not."""
    if not path.name.endswith(".parquet"):
        return 0
    import polars as pl

    try:
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError):
        return 0
