"""Faust's table manager without its second of waiting.

Rule.  When an app starts, Faust waits a second for tables that may still be made, and joins the
group after it.  Here the only table is made before the app starts (:func:`streams.app.wire`), and a
worker that is to take over partitions should not sleep first.
"""

from __future__ import annotations

import asyncio
from typing import Any

from faust.tables.manager import TableManager


class RegisteredTables(TableManager):
    """A table manager to which all tables were told before it starts."""

    async def sleep(self, n: Any) -> None:  # noqa: ANN401 - Faust's own type
        """Let others run; what Faust would wait for is there."""
        del n
        await asyncio.sleep(0)
