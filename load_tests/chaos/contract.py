"""What a fault is: one entry of ``FAULTS`` in a file of :mod:`load_tests.chaos.faults`.

Rule.  A fault is done to a running system by its ``inject``, which is called in the main thread
while the stream is being published and says with ``arena.mark()`` when it hurt.  Everything that it
needs of the world comes through the arena; its moments come from the arena's seeded chance.  What
is right is not the fault's to say: every round is held against the replay of its stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from load_tests.chaos.arena import Arena

Kind = Literal["none", "worker", "broker", "network", "snapshot", "log", "input", "load"]
KINDS: Final[tuple[Kind, ...]] = (
    *("none", "worker", "broker", "network", "snapshot", "log", "input", "load"),
)
"""In the order of the table."""
Lines = list[bytes]
RATE: Final = 10_000.0
"""Events a second unless a fault needs its stream to last longer."""


def as_they_are(sound: Lines, _: Random) -> Lines:
    """The sound stream, unchanged."""
    return sound


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the stream of a fault differs from the sound one; one name, one stream per seed."""

    name: str = "sound"
    published: Callable[[Lines, Random], Lines] = as_they_are
    """From the sound events to what is sent."""
    judged: Callable[[Lines, Random], Lines] | None = None
    """From the sound events to what the replay reads, where that differs from what is sent."""
    spec: dict[str, Any] = field(default_factory=dict)
    """Over the spec of the rounds."""
    recent: bool = False
    """Event time ends about now, as in a live service, instead of in a fixed week."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table."""

    name: str
    kind: Kind
    title: str
    """First column."""
    injected: str
    """How, in the second column; what the moments are and what recovery is measured from."""
    inject: Callable[[Arena], None]
    signs: Sequence[str]
    """What tells that it happened: ``log: REGEX`` over the workers' logs, ``log since: REGEX``
    over what they said since it hurt for the first time, or the name of a metric with its labels,
    which must be above 0 at the end.  None: nothing happened to tell of."""
    recipe: Recipe = field(default_factory=Recipe)
    workers: int = 2
    rate: float = RATE
    proxied: bool = False
    """The workers, and only they, reach the broker through the proxy."""
    settings: dict[str, str] = field(default_factory=dict)
    """Of the workers, by the names in the environment without their prefix."""
    each: dict[str, str] = field(default_factory=dict)
    """Settings in which ``{name}`` is the worker's own."""
    refuses: bool = False
    """A worker must refuse to go on, with one line, before the remedy."""
    ends: bool = False
    """There is no going on: the round is over with the refusal, and only what came before is
    held against the replay."""
