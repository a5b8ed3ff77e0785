"""The improvement veto: requests of the data that wait for the labels of the same time.

Rule.  With ``improvement_veto`` what the rules of the data ask for is settled by the window of
performance that covers it: the first judged one (of ``performance.window``, on the view that is
judged) that ends no earlier.  Where its labels say that performance is better than the
reference's, significantly, the request is not made; where they are too few it is made as it is.
Cool-down and budget of the data are then spent in the order of those windows, too.

Why it waits: a window of performance may be judged long after that of the data, or between any two
of them, as the two topics happen to be read.  To look at the newest performance that is known would
make triggers depend on that; the window that covers the same time is the same in every run.  The
price is the labels' delay, so it is off unless asked for; and while labels are missing altogether
nothing of the data is asked for: what waited too long is given up (:mod:`engine.decide.silence`).
A schedule waits too, for its place in the order, and is not
vetoed.

Of each rule the first request of each such window waits; later ones of the same would be settled by
the same labels.  Above MAX_WAITING_REQUESTS the oldest is given up and counted
(``labels_missing``); equal bits are promised for runs without that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import orjson

from engine.decide.asking import (
    HELD,
    MISSING,
    SIDES,
    UNSETTLED,
    Request,
    RetrainingMemory,
    WaitingRequest,
    count_held,
    with_advice,
)
from engine.decide.contract import Finding
from engine.decide.episodes import Episodes, Window, patience_ms
from engine.decide.facts import with_labels
from engine.decide.retraining_tree import Facts
from engine.performance_judging import JudgedPerformance
from engine.spec import Spec

WITH_LABELS: Final = " with labels"
"""Behind the name of the rule in the cause of what is told then."""
MAX_WAITING_REQUESTS: Final = 200


def waits_for_labels(judged: Window) -> bool:
    """Whether requests of such a window wait."""
    veto = judged.model.spec.retraining.improvement_veto
    return veto and not isinstance(judged, JudgedPerformance)


def wait_for_labels(request: Request, facts: Facts, memory: RetrainingMemory) -> None:
    """Keep a request of the data until the labels of the time are judged."""
    until_ms = _settled_ms(request.model.spec, request.end_ms)
    if memory.waiting_until_ms.get(request.rule, 0) >= until_ms:
        return
    memory.waiting_until_ms[request.rule] = until_ms
    if len(memory.waiting) >= MAX_WAITING_REQUESTS:
        count_held(memory.waiting.pop(0).rule, MISSING, memory)
    memory.waiting.append(
        WaitingRequest(
            request.rule,
            request.window,
            request.start_ms,
            request.end_ms,
            request.events,
            orjson.dumps(request.finding),
            facts,
            memory.quiet_ms.get(request.rule, 0),
        )
    )


def given_up(spec: Spec, at_ms: int, memory: RetrainingMemory) -> Iterator[WaitingRequest]:
    """The requests whose labels should have been judged so long ago, by the time ``at_ms`` of the
    plane of labels, that nobody waits for them any more; they are forgotten, in order."""
    if not spec.retraining.improvement_veto:
        return
    patience = patience_ms(spec, _settling_ms(spec))
    while memory.waiting and _settled_ms(spec, memory.waiting[0].end_ms) + patience <= at_ms:
        yield memory.waiting.pop(0)


def ready_with(judged: Window, memory: RetrainingMemory) -> Iterator[Request]:
    """The requests that a window settles, in order, each to be settled before the next is asked
    for; all of them, without labels, where the spec has no veto any more."""
    spec = judged.model.spec
    veto = spec.retraining.improvement_veto
    if veto and not _settles(judged):
        return
    while memory.waiting and (not veto or memory.waiting[0].end_ms <= judged.end_ms):
        waiting = memory.waiting.pop(0)
        facts = waiting.facts
        if isinstance(judged, JudgedPerformance) and veto:
            facts = with_labels(facts, judged)
        request = Request(
            judged.model,
            waiting.rule,
            SIDES[0],
            waiting.window,
            waiting.start_ms,
            waiting.end_ms,
            waiting.events,
            msgspec.json.decode(waiting.finding, type=Finding),
            UNSETTLED,
        )
        yield with_advice(request, facts, waiting.quiet_ms, memory)


def held_with_labels(judged: Window, episodes: Episodes) -> set[str]:
    """Of what open alerts on requests that labels held are; empty of a window that settles none."""
    if not _settles(judged):
        return set()
    names = {key.split("/")[1] for key in episodes if key.startswith(f"{HELD}/")}
    return {name for name in names if name.endswith(WITH_LABELS)}


def _settles(judged: Window) -> bool:
    """Whether it is of the view and the length that requests wait for."""
    if not isinstance(judged, JudgedPerformance) or judged.verdict is None:
        return False
    return judged.window.length_ms == _settling_ms(judged.model.spec)


def _settled_ms(spec: Spec, end_ms: int) -> int:
    """End of the window of performance that covers a window of the data that ends then."""
    length_ms = _settling_ms(spec)
    return -(-end_ms // length_ms) * length_ms


def _settling_ms(spec: Spec) -> int:
    rules = spec.performance
    assert rules is not None, "a veto needs performance"
    return spec.window(rules.window).length_ms
