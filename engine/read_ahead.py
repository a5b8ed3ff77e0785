"""Whether labels are read too far ahead of their predictions.

Rule.  A label that comes first waits in the join, which has room for ``label.pending`` events.
When a backlog is read, months of labels may come before their predictions do.  Above one part in
HOLD of the room, and AHEAD_MS of event time ahead, predictions should be read first; above one in
GO_ON still, once it came to that, or every batch would change it.

What comes out does not depend on it, but for what the join would have let go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.spec import Topic

HOLD: Final = 2
GO_ON: Final = 4
AHEAD_MS: Final = 60_000
"""Live topics are no further apart than their services."""


def labels_run_ahead(
    waiting: int, newest_ms: Mapping[Topic, int], pending: int, *, held: bool
) -> bool:
    """Whether predictions should be read first: ``waiting`` labels have none, ``newest_ms`` are the
    highest event times read and ``held`` is whether labels are held already."""
    if waiting <= pending // (GO_ON if held else HOLD):
        return False
    made, known = newest_ms.get("predictions"), newest_ms.get("labels")
    return known is not None and (made is None or known - made > AHEAD_MS)
