"""The units that a feature may be sent in by mistake, given the unit that it should have.

Rule.  Powers of ten and the wrong sign are looked for in every numeric feature; what else a unit
may be mistaken for only where the spec names it (``unit: celsius``), because any factor at all
would explain real drift too.
"""

from __future__ import annotations

from typing import Final

SCALES: Final = tuple(10.0**power for power in (-3, -2, -1, 1, 2, 3))
SIGN: Final = -1.0

_FAMILIES: Final[tuple[dict[str, tuple[float, float]], ...]] = (
    {"kelvin": (1.0, 0.0), "celsius": (1.0, 273.15), "fahrenheit": (5 / 9, 255.372222)},
    {
        "mm": (0.001, 0.0),
        "cm": (0.01, 0.0),
        "m": (1.0, 0.0),
        "km": (1000.0, 0.0),
        "in": (0.0254, 0.0),
        "ft": (0.3048, 0.0),
        "yd": (0.9144, 0.0),
        "mi": (1609.344, 0.0),
        "nmi": (1852.0, 0.0),
    },
    {
        "m/s": (1.0, 0.0),
        "km/h": (1 / 3.6, 0.0),
        "mph": (0.44704, 0.0),
        "kn": (0.514444, 0.0),
        "ft/s": (0.3048, 0.0),
    },
    {
        "mg": (1e-6, 0.0),
        "g": (0.001, 0.0),
        "kg": (1.0, 0.0),
        "t": (1000.0, 0.0),
        "oz": (0.0283495, 0.0),
        "lb": (0.453592, 0.0),
    },
    {
        "ms": (0.001, 0.0),
        "s": (1.0, 0.0),
        "min": (60.0, 0.0),
        "h": (3600.0, 0.0),
        "d": (86_400.0, 0.0),
        "week": (604_800.0, 0.0),
        "year": (31_557_600.0, 0.0),
    },
    {
        "Pa": (1.0, 0.0),
        "hPa": (100.0, 0.0),
        "kPa": (1000.0, 0.0),
        "bar": (1e5, 0.0),
        "mmHg": (133.322, 0.0),
        "inHg": (3386.39, 0.0),
        "psi": (6894.76, 0.0),
    },
    {"ml": (0.001, 0.0), "l": (1.0, 0.0), "m3": (1000.0, 0.0), "gal": (3.78541, 0.0)},
    {"J": (1.0, 0.0), "kJ": (1000.0, 0.0), "kcal": (4184.0, 0.0), "kWh": (3.6e6, 0.0)},
    {"deg": (1.0, 0.0), "rad": (57.29578, 0.0)},
)
"""Unit -> (factor, offset) of the value in the first of its family."""

UNITS: Final = tuple(unit for family in _FAMILIES for unit in family)


def signs_and_scales(lowest: float, highest: float) -> tuple[tuple[float, float], ...]:
    """(factor, offset) of the powers of ten, and of the wrong sign where all values, from
    ``lowest`` to ``highest``, lie on one side of zero: elsewhere a mean that moves to the other
    side, as the temperature does in spring, is its own mirror image."""
    signs = (SIGN,) if lowest >= 0.0 or highest <= 0.0 else ()
    return tuple((factor, 0.0) for factor in (*SCALES, *signs))


def conversions(unit: str) -> dict[str, tuple[float, float]]:
    """Other unit -> (factor, offset) that make a value in it of one in ``unit``; empty of none."""
    for family in _FAMILIES:
        if unit in family:
            factor, offset = family[unit]
            return {
                other: (factor / by, (offset - moved) / by)
                for other, (by, moved) in family.items()
                if other != unit
            }
    return {}
