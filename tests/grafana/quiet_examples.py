"""Expressions of which nothing comes of the flights and of card payments as the examples have them.

Rule.  Each stands here with its reason; all of them have data in the streams of
tests/grafana/test_expressions.py, in which everything happens.
"""

from __future__ import annotations

from typing import Final

FEATURES: Final = ("dep_delay", "carrier", "amount")
REASONS: Final[dict[str, str]] = {}
"""Beginning of a place -> why."""
