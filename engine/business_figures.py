"""The names of the business figures: the words of specs, judgements and metrics."""

from __future__ import annotations

from typing import Final

FIGURES: Final = ("approval_rate", "value_per_prediction", "value_per_approval")
"""Figures that a spec may limit."""
