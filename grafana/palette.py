"""Colours and the words beside them.

Rule.  Eight colours that people with any common kind of colour blindness tell apart (M. Okabe and
K. Ito, 2002), without its yellow, which cannot be read on white.  A status is always said in a word
too, and lines with a fixed role have a style of their own; no meaning hangs on a colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
ORANGE: Final = "#E69F00"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#8C8C8C"
PALETTE: Final = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, GREY)
"""In the order in which queries without a role take them."""

PSI_WATCH: Final = 0.10
PSI_DRIFT: Final = 0.20


@dataclass(frozen=True, slots=True)
class Step:
    """From ``at`` on (None: below everything) a value has this colour and, in a status, word."""

    at: float | None
    colour: str
    word: str = ""


LEVELS: Final = (
    Step(None, GREY, "unknown"),
    Step(1, SKY, "stable"),
    Step(2, ORANGE, "watch"),
    Step(3, VERMILION, "drift"),
)
"""Levels as metrics tell them: 0 unknown, 1 stable, 2 watch, 3 drift."""
TROUBLES: Final = (
    Step(None, GREY, "unknown"),
    Step(1, SKY, "well"),
    Step(2, ORANGE, "watch"),
    Step(3, VERMILION, "trouble"),
)
"""Of dimensions."""
PSI: Final = (Step(None, SKY), Step(PSI_WATCH, ORANGE), Step(PSI_DRIFT, VERMILION))
YES_IS_GOOD: Final = (Step(None, VERMILION, "no"), Step(1, SKY, "yes"))
YES_IS_BAD: Final = (Step(None, SKY, "no"), Step(1, VERMILION, "yes"))
PLAIN: Final = (Step(None, BLUE),)
ANY_IS_BAD: Final = (Step(None, SKY), Step(1, VERMILION))
ANY_IS_WATCH: Final = (Step(None, SKY), Step(1, ORANGE))
USED: Final = (Step(None, SKY), Step(0.5, ORANGE), Step(0.8, VERMILION))
"""Shares of a bound or of a budget; BoundNearlyReached fires at 0.8."""
SURE: Final = (Step(None, VERMILION), Step(0.001, ORANGE), Step(0.05, SKY))
"""p-values: the smaller the more has changed."""
