"""``longshore demo``: all of it on real data, in one terminal."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.faults import Failed, Refused
from streams.cli.inputs import settings_from, spec_from
from streams.cli.terminal import err, out

if TYPE_CHECKING:
    from engine.spec import Spec
    from streams.demo import Example, Outcome
    from streams.settings import Settings

TITLE = "Longshore: is the lateness model of January still right?"
DEFAULT_SECONDS = 60
MAX_SECONDS = 3_600
FILES = ("spec.yaml", "predictions.parquet", "labels.parquet")
REFERENCE = "reference.parquet"
PROFILE = "profile.json"


@click.command()
@click.option("--broker", metavar="HOST:PORT", help="A real broker instead of the embedded one.")
@click.option(
    "--seconds",
    type=click.IntRange(5, MAX_SECONDS),
    default=DEFAULT_SECONDS,
    show_default=True,
    help="How long ten months of flights take; the demo ends with the first trigger.",
)
@click.option(
    "--example",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the example's files (default: examples/flights of the source tree).",
)
@click.option(
    "--stay/--no-stay",
    default=None,
    help="Whether worker and live page stay after the trigger, until Ctrl-C (default: they stay "
    "where the demo runs in a terminal).",
)
def demo(broker: str | None, seconds: int, example: Path | None, stay: bool | None) -> None:
    """Stream real flights through a broker into a worker, watch drift rise, get a trigger back.

    A model that predicts late arrivals was fitted on the flights of January and February 2013. The
    demo streams those of March to December, shows the features' PSI against the training data, and
    ends with the first retraining trigger, as JSON on standard output. It also says where
    the live page is, which shows the same in a browser. Needs neither Java nor Docker; everything
    that it starts is gone when it ends.

    \b
    Examples:
      longshore demo
      longshore demo --broker kafka:9092 --seconds 90
    """
    # An end by SIGTERM goes the same way as Ctrl-C: through the `with` blocks.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    directory = example_directory(example)
    spec = spec_from(directory / "spec.yaml")
    with tempfile.TemporaryDirectory(prefix="longshore-profile-") as scratch:
        profile = _profile(spec, directory, Path(scratch))
        if stay is None:
            stay = sys.stdin.isatty() and err().is_terminal
        _run(_example(spec, directory, profile), broker, seconds, stay=stay)


def example_directory(given: Path | None) -> Path:
    """Where the example's files are; Refused, saying how to get them, when they are not there."""
    places = (
        [given]
        if given is not None
        else [root / "examples" / "flights" for root in (Path(__file__).parents[2], Path.cwd())]
    )
    for place in places:
        if all((place / name).is_file() for name in FILES):
            return place
    raise Refused(
        "the demo's data are not here",
        [f"{place}: without {', '.join(FILES)}" for place in places],
        "run `make demo` in a checkout of the source, or name the directory: --example DIR",
    )


def _profile(spec: Spec, directory: Path, scratch: Path) -> Path:
    """The example's profile, built when it is not there."""
    from engine.profile import encode_profile
    from streams.cli.profile import build
    from streams.tables import read_table

    ready = directory / PROFILE
    if ready.is_file():
        return ready
    reference = directory / REFERENCE
    if not reference.is_file():
        raise Refused(f"{directory}: neither {PROFILE} nor {REFERENCE} is there")
    err().print(f"building the reference profile from {reference.name} ...")
    made = scratch / PROFILE
    made.write_bytes(encode_profile(build(spec, read_table(reference, spec), reference, directory)))
    return made


def _example(spec: Spec, directory: Path, profile: Path) -> Example:
    import polars as pl

    from streams.demo import Example

    predictions = directory / "predictions.parquet"
    ts_ms = pl.col(spec.columns.get("ts", "ts")).dt.epoch("ms")
    found = pl.scan_parquet(predictions).select(first=ts_ms.min(), last=ts_ms.max()).collect()
    first, last = found.row(0)
    return Example(
        spec=spec,
        spec_path=directory / "spec.yaml",
        profile_path=profile,
        predictions=predictions,
        labels=directory / "labels.parquet",
        span_ms=max(1, last - first),
    )


def _settings(broker: str | None) -> Settings:
    """Topics and a group of this run's own, so that nothing older is read; the security of the
    environment counts for a real broker."""
    name = f"demo-{int(time.time())}-{os.getpid()}"
    kept = ("LONGSHORE_SECURITY_", "LONGSHORE_REPLICATION")
    environment = {k: v for k, v in os.environ.items() if broker and k.startswith(kept)}
    return settings_from(None, broker, f"{name}.", environment=environment, group=name)


def _run(example: Example, broker: str | None, seconds: int, *, stay: bool) -> None:
    from streams.demo import DemoError, run_demo
    from streams.demo_stream import DemoState
    from streams.demo_view import view_for

    rule = example.spec.retraining.psi_features
    window = rule.window if rule is not None else example.spec.windows[-1].name
    settings = _settings(broker)
    state = DemoState(window)
    view = view_for(err(), state, TITLE)
    try:
        with view:
            outcome = run_demo(
                example, settings, seconds, state, view, embedded=broker is None, stay=stay
            )
    except DemoError as error:
        raise Failed(
            f"the demo got as far as: {error}",
            error.details,
            "the worker's log ends as above; longshore replay runs the same data without Kafka"
            if error.details
            else "",
        ) from error
    _tell(outcome)


def _tell(outcome: Outcome) -> None:
    import orjson

    console = err()
    rate = outcome.records / max(outcome.seconds, 0.001)
    console.print(
        f"\n{outcome.records:,} events in {outcome.seconds:.0f} s ({rate:,.0f}/s), "
        f"{outcome.series} series of drift_psi at /metrics.",
        soft_wrap=True,
    )
    console.print("The first retraining trigger, as it came back on its topic:\n", soft_wrap=True)
    text = orjson.dumps(outcome.trigger, option=orjson.OPT_INDENT_2).decode()
    console = out()
    if console.is_terminal:
        console.print_json(text)
    else:
        click.echo(text)
