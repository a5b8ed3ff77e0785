"""Operations: more errors, or slower answers, than the model's own windows before.

Rule.  A window is compared with those before it, their counts faded by an eighth a window
(:mod:`engine.operations`), and holds when either share rose.  A window that holds is not taken as
usual, so a lasting fault stays one; before enough predictions are known nothing is said.
"""

from __future__ import annotations

from typing import Final

import msgspec

from engine.canonical import content_hash
from engine.decide.contract import Finding, not_confirmed
from engine.decide.history import History
from engine.judgement import Judged
from engine.model import MonitoredModel
from engine.operations import MIN_EVENTS, against_usual, is_known, operation_counts

SECTION: Final = "operations"
NAME: Final = "operations"


def usual_of(model: MonitoredModel, history: History | None, window: str, end_ms: int) -> list[int]:
    """What was usual before the window that ends then; empty where nothing is known, or the window
    is not the rule's."""
    rule = model.spec.operations
    if rule is None or history is None or window != rule.window:
        return []
    if history.fingerprint != content_hash([model.layout.hash, rule]):
        return []
    return history.usual_at(end_ms)


def examine(judged: Judged, history: History) -> Finding | None:
    """Whether errors or latency rose."""
    model, rule = judged.model, judged.model.spec.operations
    if rule is None or judged.window.name != rule.window:
        return None
    known = is_known(history.usual)
    counts = operation_counts(model, judged.counts)
    compared = against_usual(model, judged.counts, history.usual, judged.alpha)
    risen = {
        name: {"rate": one.rate, "usual": one.usual, "p_value": one.p_value}
        for name, one in compared.items()
        if one.risen
    }
    held = history.note(judged.end_ms, judged.window.length_ms, rule.of_last, held=bool(risen))
    if not risen:
        history.take_as_usual(counts, judged.end_ms)
    if not known or counts[0] < MIN_EVENTS:
        return None
    if not risen or held < rule.at_least:
        return not_confirmed(NAME, held=bool(risen))
    cause, *others = risen
    return Finding(
        "operations",
        cause,
        "",
        dict(risen),
        {"errors": rule.errors, "slow": rule.slow},
        msgspec.to_builtins(rule),
        also=tuple(others),
    )
