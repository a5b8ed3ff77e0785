"""``longshore replay --policy``: what a spec would have said over history, and what another would.

Rule.  Each spec reads the same files once.  Where no directory is asked for, the records go to one
that is gone when the command ends.  The tables are the product and go to standard output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from streams.cli.faults import Failed, Refused
from streams.cli.inputs import model_from

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from streams.report.policy_sheets import Prices
    from streams.report.sheets import Sheet

Run = Callable[["MonitoredModel", Path], object]
"""Replays the files through a model into a directory."""


@dataclass(frozen=True, slots=True)
class PolicyOptions:
    """The options of ``replay`` that only ``--policy`` reads."""

    policy: bool
    against: Path | None
    against_profile: Path | None
    report: Path | None
    retraining_cost: float | None
    alert_minutes: float | None

    def refuse_strays(self, out: Path | None) -> None:
        """Wrong usage: an option that nothing would read, or nowhere to write to."""
        if not self.policy:
            if out is None:
                raise click.UsageError("give --out DIRECTORY, or --policy to print what was said")
            for option, given in self._given():
                if given:
                    raise click.UsageError(f"{option} goes with --policy: add --policy")
        if self.against_profile is not None and self.against is None:
            raise click.UsageError("--against-profile is the profile of --against: give both")
        for price in (self.retraining_cost, self.alert_minutes):
            if price is not None and not isfinite(price):
                raise click.UsageError(f"{price} is no cost: give a finite number")
        if self.report is not None and not self.report.parent.is_dir():
            raise click.UsageError(f"--report: make {self.report.parent} first, it is no directory")

    def _given(self) -> Iterator[tuple[str, bool]]:
        yield "--against", self.against is not None
        yield "--against-profile", self.against_profile is not None
        yield "--report", self.report is not None
        yield "--retraining-cost", self.retraining_cost is not None
        yield "--alert-minutes", self.alert_minutes is not None

    @property
    def prices(self) -> Prices:
        """What the user says that one of each costs."""
        from streams.report.policy_sheets import Prices

        return Prices(self.retraining_cost, self.alert_minutes)


def other_model(
    options: PolicyOptions, model: MonitoredModel, profile: Path
) -> MonitoredModel | None:
    """The model of ``--against``, None without it; Refused where it watches another model's
    events."""
    if options.against is None:
        return None
    other = model_from(options.against, options.against_profile or profile)
    if other.spec.model != model.spec.model:
        raise Refused(
            f"{options.against} watches {other.spec.model}, and the events are of "
            f"{model.spec.model}: it would judge none of them",
            hint="compare two specs of one model",
        )
    return other


@contextmanager
def directory_of(out: Path | None) -> Iterator[Path]:
    """``out``, or a directory that is gone afterwards."""
    if out is not None:
        yield out
        return
    try:
        with TemporaryDirectory(prefix="longshore-") as made:
            yield Path(made)
    except OSError as error:
        raise Failed(
            f"{error.filename or 'temporary directory'}: {error.strerror}",
            hint="give --out DIRECTORY on a disk with room for the records",
        ) from error


def tell_policy(
    options: PolicyOptions,
    model: MonitoredModel,
    other: MonitoredModel | None,
    out: Path | None,
    run: Run,
    versions: Sequence[MonitoredModel] = (),
) -> None:
    """Replay, print, and write the report; ``versions`` are further ones, each with a history."""
    from engine.policy.comparison import compare
    from streams.policy_files import read_history
    from streams.report.policy_sheets import headline, sheets_of
    from streams.report.side_by_side import compared_sheets

    with directory_of(out) as directory:
        run(model, directory)
        title = model.spec.version if versions else "A"
        history = read_history(title, model, directory)
        others = [read_history(one.spec.version, one, directory) for one in versions]
        against = None
        if other is not None:
            run(other, directory / "against")
            against = read_history("B", other, directory / "against")
    if against is None:
        for each in (history, *others):
            _print(headline(each), sheets_of(each, options.prices))
    else:
        for each, spec in ((history, "SPEC"), (against, options.against)):
            _print(f"{each.title} ({spec}): {headline(each)}", sheets_of(each, options.prices))
        found = compare(history, against)
        _print("A and B side by side", compared_sheets(history, against, found))
    if options.report is not None:
        from streams.report.page import page
        from streams.whole_files import write_whole

        try:
            write_whole(options.report, page(history, against, options.prices, others).encode())
        except OSError as error:
            raise Failed(f"{options.report}: cannot be written: {error.strerror}") from error
        click.echo(options.report, err=True)


def _print(headline: str, sheets: list[Sheet]) -> None:
    from streams.report.sheets import printable, text_lines

    click.echo(printable(headline))
    for sheet in sheets:
        click.echo()
        for line in text_lines(sheet):
            click.echo(line)
    click.echo()
