"""The period that a report is of, and what belongs to it.

Rule.  A period is (from, to] in event time: it has the windows that end in it, so that periods that
follow each other have each window once, and what was told of these windows.  Of an episode it has
what was told of it by then, if it was open at any time within.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from engine.policy.episodes import ToldEpisode

Kind = Literal["digest", "review"]
KINDS: Final[tuple[Kind, ...]] = ("digest", "review")
WEEK_MS: Final = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Scope:
    """A model, some of its versions, and a period; milliseconds of event time."""

    model: str
    versions: tuple[str, ...]
    """Those that are shown, the oldest first."""
    from_ms: int
    to_ms: int

    @property
    def length_ms(self) -> int:
        """Length of the period."""
        return self.to_ms - self.from_ms

    def has(self, end_ms: int) -> bool:
        """Whether what ends here belongs to the period."""
        return self.from_ms < end_ms <= self.to_ms

    def shows(self, episode: ToldEpisode) -> bool:
        """Whether an episode was open at any time within."""
        return episode.opened_ms <= self.to_ms and episode.until_ms(self.to_ms) > self.from_ms
