"""How many examples a property is tried on: a third of what it deserves, all of it when asked for.

Rule.  A property names the number that it deserves.  `make test`, which has fifteen minutes for
everything, takes a third of them; with TESTS_THOROUGH=1, as `make test-long` sets it, all.
Hypothesis draws others each time, so that what one run leaves out the next one may try.
"""

from __future__ import annotations

import os
from typing import Final

THOROUGH: Final = os.environ.get("TESTS_THOROUGH") == "1"
USUAL: Final = 100
"""Where a property names no number."""
PART: Final = 3
LEAST: Final = 5


def examples(deserved: int) -> int:
    """As many as are tried in this run."""
    return deserved if THOROUGH else max(deserved // PART, min(deserved, LEAST))
