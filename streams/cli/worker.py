"""``longshore worker``: watches models until it is told to stop."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.faults import Refused, counted
from streams.cli.inputs import settings_from, settings_options

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from streams.settings import ModelFiles, Settings

log = logging.getLogger("longshore.worker")

MAX_PORT = 65_535


@click.command()
@settings_options
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="SPEC:PROFILE",
    help="Files of one model; once per model. Added to those of the settings.",
)
@click.option(
    "--http",
    metavar="HOST:PORT",
    help="Where /metrics, /ready, /live and /state are; port 0: free.",
)
@click.option("--group", help="Kafka consumer group (default longshore).")
@click.option(
    "--registered",
    is_flag=True,
    help="Start without files, too: watch what is registered (`longshore model apply`).",
)
@click.option("--embedded", is_flag=True, hidden=True, help="The broker is the demo's own.")
@click.option(
    "--verbose", "-v", is_flag=True, help="Log settings, requests, commits and clients too."
)
def worker(
    config: Path | None,
    broker: str | None,
    prefix: str | None,
    models: tuple[str, ...],
    http: str | None,
    group: str | None,
    registered: bool,
    embedded: bool,
    verbose: bool,
) -> None:
    """Read the input topics, judge every window of every model, and publish what was found.

    Any number of workers share the partitions of one group. A model whose files are broken is left
    out, and its faults are logged; without a sound one the worker refuses to start. Versions that
    are registered (`longshore model apply`) are watched beside those of the files, also from while
    it runs. SIGTERM saves and stops.

    \b
    Examples:
      longshore worker --broker kafka:9092 --model spec.yaml:profile.json
      longshore worker --config longshore.yaml
    """
    from streams.log_lines import log_to_stderr

    log_to_stderr(logging.DEBUG if verbose else logging.INFO)
    settings = settings_from(
        config,
        broker,
        prefix,
        group=group,
        embedded=embedded or None,
    )
    if http is not None:
        settings = serving_at(settings, *http_address(http))
    log.debug("settings: %s", settings)
    chosen = (*settings.models, *map(model_files, models))
    loaded = () if registered and not chosen else _load(chosen)
    _run(settings, loaded)


def serving_at(settings: Settings, host: str, port: int) -> Settings:
    """The settings with another address of the HTTP server; its token stays."""
    import msgspec

    served = msgspec.structs.replace(settings.http, host=host, port=port)
    return msgspec.structs.replace(settings, http=served)


def http_address(text: str) -> tuple[str, int]:
    """``HOST:PORT``; Refused otherwise."""
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdigit() and int(port) <= MAX_PORT):
        raise Refused(f"--http {text}: is not HOST:PORT", hint="such as --http 127.0.0.1:9646")
    return host, int(port)


def model_files(text: str) -> ModelFiles:
    """``SPEC:PROFILE``; Refused otherwise."""
    from streams.settings import ModelFiles

    spec, colon, profile = text.rpartition(":")
    if not (colon and spec and profile):
        raise Refused(
            f"--model {text}: is not SPEC:PROFILE", hint="such as --model spec.yaml:profile.json"
        )
    return ModelFiles(spec=spec, profile=profile)


def _load(files: tuple[ModelFiles, ...]) -> tuple[MonitoredModel, ...]:
    from streams.model_files import ModelFilesError, load_models

    if not files:
        raise Refused(
            "no model is named",
            hint="--model SPEC:PROFILE, `models` in the settings, or --registered",
        )
    try:
        loaded = load_models(files)
    except ModelFilesError as error:
        raise Refused(
            f"no model can be watched: {counted(len(error.faults), 'fault')}",
            error.faults,
            "longshore check SPEC --profile PROFILE",
        ) from error
    for fault in loaded.faults:
        log.error("left out: %s", fault)
    log.info("models: %s", ", ".join(model.key for model in loaded.models))
    return loaded.models


def _run(settings: Settings, models: tuple[MonitoredModel, ...]) -> None:
    from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

    from streams.live import LiveState
    from streams.metrics import WorkerCollector
    from streams.warm_up import warm_up
    from streams.worker import exit_hard, run_worker

    warm_up(models)

    registry, live = CollectorRegistry(), LiveState()
    registry.register(WorkerCollector(live))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)

    def listening(host: str, port: int, _: LiveState) -> None:
        try:
            click.echo(f"listening http://{host}:{port}/metrics")
        except OSError as error:  # the log says the address too
            log.warning("standard output cannot be written, nothing is said there: %s", error)

    exit_hard(run_worker(settings, models, registry=registry, live=live, listening=listening))
