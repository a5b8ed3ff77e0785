"""``python -m load_tests.chaos``: every fault on a real broker, written to docs/faults.md.

Rule.  Rounds that a former run finished are taken over from the JSON file unless ``--fresh`` is
given, so an interrupted run goes on.  The exit code is 1 when a round shows a loss, a double
count, a difference, a fault that nothing told of, or could not be run.
"""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final

import click

from load_tests.chaos.contract import Fault
from load_tests.chaos.discovery import discovered
from load_tests.chaos.page import page
from load_tests.chaos.plan import Plan, ground, kafka_version, run
from load_tests.chaos.results import Results, machine
from load_tests.chaos.verdict import sound
from tests.kafka.broker import BrokerFailedError
from tests.kafka.libraries import SystemPackageError

FILE: Final = click.Path(dir_okay=False, path_type=Path)
TERMINATED: Final = 128 + signal.SIGTERM


def _chosen(_context: click.Context, _option: click.Parameter, text: str | None) -> list[Fault]:
    faults = discovered()
    if text is None:
        return list(faults.values())
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in faults]
    if unknown or not wanted:
        raise click.BadParameter(f"{', '.join(unknown) or 'nothing'}; --list names them all")
    return [faults[name] for name in wanted]


def _terminate(_number: int, _frame: FrameType | None) -> None:
    sys.exit(TERMINATED)


@click.command(help=__doc__)
@click.option("--rounds", default=3, show_default=True)
@click.option("--events", default=100_000, show_default=True, help="Of one round.")
@click.option("--faults", "chosen", callback=_chosen, help="Their names, with commas; else all.")
@click.option("--seed", default=1, show_default=True)
@click.option("--fresh", is_flag=True, help="Run again what the JSON file has.")
@click.option("--list", "listing", is_flag=True, help="Name the faults and end.")
@click.option("--date", default=None, help="Of the run, for the page; else today.")
@click.option("--peers/--no-peers", default=True, help="Plain Faust and quixstreams beside it.")
@click.option("--page-only", is_flag=True, help="Write the page of the rounds there are; run none.")
@click.option("--out", default="docs/faults.md", show_default=True, type=FILE, help="The page.")
@click.option("--json", "data", default="docs/faults.json", show_default=True, type=FILE)
@click.option(
    "--logs",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep streams and the workers' logs there.",
)
def main(  # noqa: PLR0913, PLR0917 - one argument per option
    rounds: int,
    events: int,
    chosen: list[Fault],
    seed: int,
    fresh: bool,  # noqa: FBT001 - a flag of the command line
    listing: bool,  # noqa: FBT001
    date: str | None,
    peers: bool,  # noqa: FBT001
    page_only: bool,  # noqa: FBT001
    out: Path,
    data: Path,
    logs: Path | None,
) -> None:
    """Run the rounds and write the page."""
    if listing:
        for fault in chosen:
            click.echo(f"{fault.name:<22} {fault.kind:<9} {fault.title}")
        return
    signal.signal(signal.SIGTERM, _terminate)
    logging.getLogger("kafka").setLevel(logging.ERROR)
    results = Results(data) if fresh else Results.read(data)
    today = date or datetime.now(UTC).date().isoformat()
    if not page_only:
        results.about = machine(kafka_version()) | {"date": today}
        with tempfile.TemporaryDirectory(prefix="chaos-") as scratch:
            try:
                with ground(logs or Path(scratch)) as place:
                    run(place, Plan(chosen, peers, rounds, events, seed), results, click.echo)
            except (BrokerFailedError, SystemPackageError) as error:
                raise click.ClickException(str(error)) from error
    if not results.rounds:
        raise click.ClickException(f"{data}: there are no rounds to write of")
    text = page(discovered().values(), results.rounds, results.about, data.name)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    if not all(map(sound, results.rounds)):
        sys.exit(1)


if __name__ == "__main__":
    main()
