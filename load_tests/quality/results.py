"""The file of results: what was measured so far, and with which plan.

Rule.  The file is replaced as a whole after each cell, so that a run may be stopped at any time.
Results of another plan's streams (other rows) are not mixed in: the run begins anew.  Nothing in it
depends on the machine or the hour.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import orjson

from detectors.discovery import discovered
from load_tests.quality.cells import Cell, Plan, cells_of

SCHEMA = 1


class Results(msgspec.Struct):
    """What was measured."""

    plan: Plan
    detectors: list[str]
    """Those discovered: with another one the results are of another program."""
    cells: dict[str, Any] = msgspec.field(default_factory=dict)
    """``/``-joined name -> result."""
    schema: int = SCHEMA

    def lacking(self) -> list[Cell]:
        """The cells of the plan that are not measured yet."""
        return [cell for cell in cells_of(self.plan) if "/".join(cell) not in self.cells]

    def of(self, sort: str) -> dict[Cell, Any]:
        """The results of one sort of cells."""
        named = {tuple(name.split("/")): result for name, result in self.cells.items()}
        return {cell: result for cell, result in named.items() if cell[0] == sort}


def resumed(path: Path, plan: Plan) -> Results:
    """The results in ``path`` as far as this plan wants them; none when they are of another."""
    fresh = Results(plan, sorted(discovered()))
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=Results)
    except (OSError, msgspec.MsgspecError):
        return fresh
    sizes = [(p.rows, p.warm_rows, p.hours_per_month) for p in (stored.plan, plan)]
    if sizes[0] != sizes[1] or stored.detectors != fresh.detectors or stored.schema != SCHEMA:
        return fresh
    wanted = {"/".join(cell) for cell in cells_of(plan)}
    fresh.cells = {name: at for name, at in stored.cells.items() if name in wanted}
    return fresh


def save(path: Path, results: Results) -> None:
    """Replace the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    tree = msgspec.to_builtins(results)
    part.write_bytes(orjson.dumps(tree, option=orjson.OPT_SORT_KEYS) + b"\n")
    part.replace(path)
