"""The names of the business figures: the words of specs, judgements and metrics."""

from __future__ import annotations

from typing import Final

FIGURES: Final = ("approval_rate", "value_per_prediction", "value_per_approval")
"""Figures that a spec may limit, known with the prediction."""
OUTCOME_FIGURES: Final = ("default_rate", "cost_per_prediction")
"""Figures that a spec may limit, known with the labels."""
GROUPS: Final = ("true_negative", "false_positive", "false_negative", "true_positive")
"""What a decision turned out to be, in the order of the cells of performance."""
WRONG: Final = ("false_positive", "false_negative")
