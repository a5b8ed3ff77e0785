"""The benchmark's event: 18 numeric and 2 categorical features, about 605 bytes of JSON.

Rule.  Standard library only, because contenders that live in another virtual environment read it
too.  Every contender monitors exactly these features, so the figures stand side by side.
"""

from __future__ import annotations

from typing import Final

MODEL: Final = "bench"
MODELS: Final = (MODEL, "bench-b", "bench-c")
"""What the steady stream cycles through, so that a worker's memory is that of several models."""
VERSION: Final = "2026.11"
PARTITIONS: Final = 4

NUMERIC: Final = (
    "amount",
    "amount_to_mean",
    "account_age",
    "card_age",
    "device_age",
    "distance_home",
    "distance_last",
    "hours_since_last",
    "count_1h",
    "count_24h",
    "amount_1h",
    "amount_24h",
    "merchant_risk",
    "country_risk",
    "device_risk",
    "credit_limit",
    "balance",
    "utilisation",
)
CATEGORICAL: Final = ("merchant_type", "country")

HISTOGRAM_BINS: Final = 20
"""Equal-probability bins per numeric feature in the work that the peers do."""
