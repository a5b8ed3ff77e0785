"""Finished rounds in a JSON file, so that an interrupted run goes on where it was.

Rule.  A round is written when it ends and never changed.  A run takes over the rounds whose fault,
number, seed and length are its own and that had no error; all others it runs again.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson

from load_tests.chaos.rounds import Figures

SCHEMA: Final = 1
PACKAGES: Final = ("faust-streaming", "aiokafka", "confluent-kafka", "numba", "numpy")


@dataclass
class Results:
    """The rounds of one file."""

    path: Path
    rounds: list[Figures] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Results:
        """What the file has; nothing when there is none."""
        if not path.exists():
            return cls(path)
        tree = orjson.loads(path.read_bytes())
        kept = tree["rounds"] if tree.get("schema") == SCHEMA else []
        return cls(path, kept, tree.get("about", {}))

    def finished(self, subject: str, number: int, seed: int, asked: int) -> bool:
        """Whether this round is there and had no error."""
        same = [one for one in self.rounds if self._is(one, subject, number, seed, asked)]
        return bool(same) and not any(one.get("error") for one in same)

    def add(self, figures: Figures) -> None:
        """Keep a round, in the place of one that failed before, and write the file."""
        same = (figures["fault"], figures["round"], figures["seed"], figures["asked"])
        self.rounds = [one for one in self.rounds if not self._is(one, *same)]
        self.rounds.append(figures)
        tree = {"schema": SCHEMA, "about": self.about, "rounds": self.rounds}
        text = orjson.dumps(tree, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        waiting = self.path.with_suffix(".part")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        waiting.write_bytes(text)
        waiting.replace(self.path)

    @staticmethod
    def _is(one: Figures, subject: str, number: int, seed: int, asked: int) -> bool:
        return (one["fault"], one["round"], one["seed"], one["asked"]) == (
            subject,
            number,
            seed,
            asked,
        )


def machine(kafka: str) -> dict[str, str]:
    """Where and with what it was measured."""
    cores = os.cpu_count() or 0
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "machine": f"{platform.machine()}, {cores} cores, {memory:.0f} GiB, {platform.system()}",
        "python": platform.python_version(),
        "kafka": kafka,
        **{package: version(package) for package in PACKAGES},
    }
