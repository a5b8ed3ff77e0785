"""Why an alert or a trigger was told: its evidence in one line.

Rule.  Only names of features, measures, figures and losses and their numbers are told, never a
category: bins stay in the record.  The evidence is in the order of the rule, the worst first, and
what is left out of the line is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isfinite
from typing import Any, Final

HELD: Final = "held_trigger"
"""The rule that tells of requests that were not made."""
NAMED: Final = 3
"""Pieces of evidence in one line."""
_UNSAID: Final = frozenset({"windows", "windows_over", "of_last", "features_over"})
"""Observed numbers that say how often, and not what."""
_OF_THE_WAY: Final = frozenset({"reason", "path", "recommended"})
"""What a held request says of itself, beside what was observed."""

Tree = Mapping[str, Any]


def of_alert(record: Tree) -> str:
    """The line of a record of the topic ``alerts``."""
    evidence = record.get("evidence", {})
    if record.get("rule") == HELD:
        observed = evidence.get("observed", {})
        said = {name: observed[name] for name in observed if name not in _OF_THE_WAY}
        line = _line(said, evidence.get("features", evidence.get("measures", ())))
        return f"held, {str(observed.get('reason')).replace('_', ' ')}: {line}"
    rows = evidence.get("features", evidence.get("measures", ()))
    return _line(evidence.get("observed", {}), rows)


def of_trigger(record: Tree) -> str:
    """The line of a record of the topic ``retraining-triggers``, with what is recommended."""
    line = _line(record.get("observed", {}), record.get("evidence", ()))
    if "recommended" not in record:
        return line
    why = str(record.get("why", "")).replace("_", " ")
    return f"{line}; {record['recommended'].replace('_', ' ')}" + (f" ({why})" if why else "")


def way_of(record: Tree) -> str:
    """The questions that led to what a trigger recommends, with their answers."""
    return "; ".join(f"{step['question']} {step['answer']}" for step in record.get("path", ()))


def features_of(record: Tree) -> set[str]:
    """The features that an alert's evidence names, with those made from them."""
    found: set[str] = set()
    for row in record.get("evidence", {}).get("features", ()):
        if "feature" in row:
            found |= {row["feature"], *_dependants(row)}
    return found


def _dependants(row: Tree) -> list[str]:
    """The features made from one that moved, that moved with it."""
    return [made["feature"] for made in row.get("dependants", ())]


def number(value: object) -> str:
    """A number in at most four digits; anything else as text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isfinite(value) else "-"


def _line(observed: Tree, rows: Sequence[Tree]) -> str:
    parts = [_piece(row) for row in rows[:NAMED]]
    if len(rows) > NAMED:
        parts.append(f"and {len(rows) - NAMED} more")
    parts += [f"records {_fault(fault)}" for fault in observed.get("records", ())]
    if not parts:
        parts = [_observed(name, value) for name, value in observed.items() if name not in _UNSAID]
    return "; ".join(parts)


def _piece(row: Tree) -> str:
    """One piece of evidence, by what it is about."""
    if "faults" in row:
        return f"{row.get('feature')} {', '.join(map(_fault, row['faults']))}"
    if "feature" in row:
        made = _dependants(row)
        text = f"{row['feature']} PSI {_two(row.get('psi_corrected', row.get('psi')))}"
        text += f" over {_two(row.get('psi_threshold'))}"
        return f"{text} (with {', '.join(made[:NAMED])})" if made else text
    if "measure" in row:
        return _measure(row)
    if "figure" in row:
        return f"{row['figure']} {number(row.get('value'))}, limit {number(row.get('limit'))}"
    if "loss" in row:
        return f"{row['loss']} rose"
    return ", ".join(_observed(name, value) for name, value in row.items())


def _measure(row: Tree) -> str:
    """A measure against its promise or the reference; a chart by its signals."""
    text = str(row["measure"])
    if "signals" in row:
        score = _two(row.get("score"), least=-inf)
        return f"{text} {', '.join(map(str, row['signals']))}, score {score}"
    if "value" in row:
        text += f" {number(row['value'])}"
    if row.get("broken"):
        return f"{text}, promised {number(row.get('limit'))}"
    return f"{text}, reference {number(row['baseline'])}" if "baseline" in row else text


def _fault(fault: Tree) -> str:
    text = str(fault.get("fault"))
    if "observed" in fault:
        text += f" {number(fault['observed'])}"
    return f"{text} (usual {number(fault['expected'])})" if "expected" in fault else text


def _observed(name: str, value: object) -> str:
    """A name with its number, or with its numbers by name."""
    if isinstance(value, Mapping):
        return f"{name} {', '.join(_observed(str(n), v) for n, v in value.items())}"
    if isinstance(value, list | tuple):
        return f"{name} {', '.join(map(_item, value))}"
    return f"{name.replace('_', ' ')} {number(value)}"


def _item(value: object) -> str:
    """One of several; a request to retrain by its rule and its day."""
    if isinstance(value, Mapping):
        return f"{value.get('rule')} of {str(value.get('requested'))[:10]}"
    return number(value)


def _two(value: object, least: float = 0.0) -> str:
    """Two decimals, not below ``least``: a corrected PSI below 0 is none."""
    if not isinstance(value, int | float) or not isfinite(value):
        return "-"
    return f"{max(least, value):.2f}"
