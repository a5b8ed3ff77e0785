"""What a comparison remembers: counts since its beginning, the looks made, what it said."""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.champion.deciding import LookMade
from engine.champion.split_state import SplitState
from engine.snapshot import Whole
from engine.terms import FOR_EVER, Term

Phase = Literal["comparing", "watching", "over"]


class ComparisonState(msgspec.Struct):
    """Survives restarts; a changed layout begins a new comparison."""

    phase: Phase = "comparing"
    """``watching``: promoted, and its predecessor is compared on, so that it can come back."""
    began_ms: Whole | None = None
    """Start of the first look that is decided on."""
    first_ms: Whole | None = None
    """Start of the first look in which both answered, whatever began anew since."""
    arms: bytes = b""
    """Counts of the arms up to the last look at matches, packed; empty of none."""
    matches: bytes = b""
    waiting: dict[Whole, bytes] = msgspec.field(default_factory=dict)
    """Counts of the arms of looks whose labels are not mature, by their end."""
    looks: list[LookMade] = msgspec.field(default_factory=list)
    told: str = ""
    """The last decision that was told, with its reasons."""
    promoted: Whole = 0
    """Records told on ``promotions`` so far."""
    split: SplitState = msgspec.field(default_factory=SplitState)
    """Of the mode that splits users only."""
    term: Term = FOR_EVER
    """Until when both versions serve."""
    newest: bytes = b""
    """The newest judgement as it was told, for /metrics; empty before the first."""
