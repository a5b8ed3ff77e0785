"""Faults of a configuration file, each with its place: collected, then raised all at once.

Rule.  Whoever edits a file wants the whole list, not the first line of it.  A place is the path of
a key (``features.amount.bins``) and the line where it stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

MAX_FAULTS: Final = 200
"""Faults that are listed; a file with more is not a spec, and the count of the rest is said."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a file."""

    place: str
    """Path of the key, ``features.amount.bins``; empty for the file itself."""
    message: str
    line: int = 0
    """Line from 1; 0 where there is none."""

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line else []
        if self.place:
            where.append(self.place)
        return f"{', '.join(where)}: {self.message}" if where else self.message


class SpecError(ValueError):
    """A spec cannot be used; ``faults`` has every reason, in the order of the file."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: (fault.line, fault.place))
        listed = [f"  {fault}" for fault in self.faults[:MAX_FAULTS]]
        if len(self.faults) > MAX_FAULTS:
            listed.append(f"  and {len(self.faults) - MAX_FAULTS} more")
        noun = "fault" if len(self.faults) == 1 else "faults"
        super().__init__(f"{len(self.faults)} {noun} in the spec:\n" + "\n".join(listed))


def child_path(path: str, key: str) -> str:
    """The path of ``key`` below ``path``; a key that is no plain word is quoted."""
    plain = key.replace("_", "a").replace("-", "a").isalnum()
    shown = key if plain else json.dumps(key, ensure_ascii=False)
    return f"{path}.{shown}" if path else shown


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'windows'?)`` or nothing, to stand behind a fault about ``word``."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
