"""The command ``longshore``; each command is a file of its own.

Rule.  Exit codes: 0 done, 1 failed, 2 wrong usage or bad configuration.  A message says what is
wrong, where, and what to do next.  Nothing heavy is imported before a command needs it, so that
``--help`` answers at once.
"""

from __future__ import annotations

import importlib
from typing import Final

import click

COMMANDS: Final = {
    "init": "Draft a spec from a table, with a comment at every guess.",
    "profile": "Build a model's reference profile from its training table.",
    "check": "List every fault of a spec, or say what it will watch.",
    "replay": "Run files through the same engine as the worker, without Kafka.",
    "report": "Render a period of one model to an HTML file, and to PDF.",
    "tune": "Propose thresholds for a wanted number of alerts, over history.",
    "topics": "Create the topics on a broker.",
    "acls": "Print the least rights on the brokers that workers and others need.",
    "model": "Register versions of models with running workers, and retire them.",
    "publish": "Send files of events to Kafka, at a rate or as fast as it goes.",
    "answer": "Tell what became of a retraining trigger.",
    "worker": "Watch models: Kafka in; judgements, triggers and metrics out.",
    "schemas": "Write the JSON Schemas of the events.",
    "demo": "Real data through a broker, drift and a trigger, in this terminal.",
}
"""Command -> one line of help; the command is ``streams.cli.<name>.<name>``."""


class Commands(click.Group):
    """A group that imports a command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The commands, in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of this name; None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"streams.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="longshore", message="longshore %(version)s")
def main() -> None:
    """Longshore watches models in production for drift, and says so while it can still be acted on.

    \b
    Ten minutes to a picture of your own model:
      longshore init    --data training.csv --model NAME
      longshore profile spec.yaml --data training.parquet --out profile.json
      longshore check   spec.yaml --profile profile.json
      longshore replay  spec.yaml --profile profile.json --predictions history.parquet --out out

    See it first: longshore demo
    """
