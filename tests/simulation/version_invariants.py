"""What must be true of the versions of a model, whoever heard of them when.

Rule.  Where everything was registered in time the oracle's records are the truth
(:mod:`tests.simulation.invariants`).  Where it was not, the truth of what judges say is one judge
each that reads the log of panes from its beginning to its end.  In any story an alert opens, ends,
and only then opens again; rules look at a version within its term; and what is over is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from engine.effects import Publish
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.panes import TermRecord, decode
from engine.timestamps import rfc3339_to_ms
from streams.benches import panes_partition
from streams.live import LiveState
from tests.simulation.broker import Broker, Sent
from tests.simulation.scenarios import Scenario
from tests.simulation.versions import NAME, Story

Fail = Callable[[str], None]
OF_JUDGES: Final = ("judgements", "alerts", "retraining-triggers", "audit")


def learned_names(case: Scenario) -> frozenset[str]:
    """Versions and comparisons that were not known from the start."""
    known = {model.key for model in case.models}
    pipeline = case.pipeline
    found = {key for key in pipeline.judges if key not in known}
    compared = {
        key
        for key, judge in pipeline.comparisons.items()
        if not known >= set(judge.comparison.versions)
    }
    return frozenset(found | compared)


def check_versions(
    case: Scenario, story: Story, broker: Broker, lives: Sequence[LiveState], fail: Fail
) -> Counter[str]:
    """Everything, once nothing is left to do; what was met."""
    alerts = _first(broker.outputs.get("alerts", []))
    triggers = _first(broker.outputs.get("retraining-triggers", []))
    _check_terms(story, alerts, triggers, fail)
    ended = _check_alerts(story, alerts, fail)
    terms = _check_stamps(broker, fail)
    _check_gone(story, lives, fail)
    _check_promotions(_first(broker.outputs.get("promotions", [])), fail)
    changes = _check_audit(case, story, broker, fail)
    if not story.in_time:
        _check_by_panes(case, broker, lives, fail)
    return Counter(
        {
            "changes of terms on audit": changes,
            f"story {story.name}": 1,
            "alerts that a term ended": ended,
            "terms among the panes": terms,
            "promotions told": len(broker.outputs.get("promotions", [])),
        }
    )


def _first(sent: Sequence[Sent]) -> list[dict[str, Any]]:
    """The different records about the model, in the order of their first place."""
    trees = (orjson.loads(value or b"") for value in dict.fromkeys(one.value for one in sent))
    return [tree for tree in trees if tree["model"] == NAME]


def _check_terms(story: Story, alerts: Sequence[Any], triggers: Sequence[Any], fail: Fail) -> None:
    """Nothing was asked for, and nobody was woken, by a window outside its version's term."""
    opened = [tree for tree in alerts if tree["state"] != "resolved"]
    for tree in opened:
        end_ms = rfc3339_to_ms(tree["end"])
        if not any(a < end_ms <= b for a, b in story.serves[tree["version"]]):
            fail(f"an alert of {tree['version']} is {tree['state']} at {tree['end']}")
    for tree in triggers:
        start_ms, end_ms = (rfc3339_to_ms(tree["window"][name]) for name in ("start", "end"))
        if not any(a <= start_ms and end_ms <= b for a, b in story.serves[tree["version"]]):
            fail(f"a trigger of {tree['version']} is of a window that ends {tree['window']['end']}")


def _check_alerts(story: Story, alerts: Sequence[Any], fail: Fail) -> int:
    """Of each cause an alert opens, ends once, and only then opens again; of who serves no more all
    have ended.  How many ended with a term."""
    is_open: dict[tuple[str, str, str], bool] = {}
    ended = 0
    for tree in alerts:
        place = (tree["version"], tree["rule"], tree["cause"])
        opens = tree["state"] == "open"
        if opens == is_open.get(place, False) and tree["state"] in {"open", "resolved"}:
            fail(f"the alert of {place} is {tree['state']} twice")
        if tree["state"] in {"open", "resolved"}:
            is_open[place] = opens
        ended += "reason" in tree["evidence"].get("observed", {})
    left = [place for place, still in is_open.items() if still and place[0] in story.gone]
    if left:
        fail(f"alerts of versions that serve no more are open: {left}")
    return ended


def _terms(broker: Broker) -> list[TermRecord]:
    home = broker.panes[panes_partition(NAME, broker.partitions)]
    found = [decode(value or b"") for value in home]
    return [one for one in found if isinstance(one, TermRecord)]


def _check_stamps(broker: Broker, fail: Fail) -> int:
    """Of one stamp there is one term; how many records of terms there are."""
    known: dict[tuple[str, int], Any] = {}
    found = _terms(broker)
    for record in found:
        if known.setdefault((record.target, record.term.stamp), record.term) != record.term:
            fail(f"two terms of {record.target} have one stamp")
    return len(found)


def is_of_terms(value: bytes | None) -> bool:
    """Whether a record of ``audit`` is about the term of a version."""
    return b'"kind":"term"' in (value or b"")


def _check_audit(case: Scenario, story: Story, broker: Broker, fail: Fail) -> int:
    """That a version's term begins and ends is told once each time; who heard of it in time says
    what the oracle says.  How often."""
    found = [one.value for one in broker.outputs.get("audit", []) if is_of_terms(one.value)]
    told = [v for v in dict.fromkeys(found) if orjson.loads(v or b"")["change"] != "heard"]
    if story.in_time:
        audited = [effect.value for effect in case.said.get("audit", [])]
        truth = {v for v in audited if orjson.loads(v or b"")["change"] != "heard"}
        if set(told) != truth:
            wrong, missing = sorted(set(told) - truth), sorted(truth - set(told))
            fail(f"audit says {wrong[:1]} of terms, and does not say {missing[:1]}")
    return len(told)


def _check_gone(story: Story, lives: Sequence[LiveState], fail: Fail) -> None:
    """What is over is counted, joined and judged no more."""
    judges: Mapping[str, Any] = {key: judge for live in lives for key, judge in live.judges.items()}
    for version in story.gone:
        key = f"{NAME}@{version}"
        for live in lives:
            for partition, tally in live.tallies.items():
                left = [name for name in tally.watermarks_ms() if name.startswith(key)]
                if left:
                    fail(f"partition {partition} counts {left} still")
        if not judges[key].is_over:
            fail(f"{key} is not over")
        if any(
            ring.last_end_ms for flow in judges[key].flows.values() for ring in flow.rings.values()
        ):
            fail(f"windows of {key} are kept")


def _check_promotions(promotions: Sequence[Any], fail: Fail) -> None:
    """One id, one record; and of each comparison a promotion comes once."""
    ids = [tree["promotion_id"] for tree in promotions]
    if len(set(ids)) != len(ids):
        fail("two promotions have one id")
    told = [t for t in promotions if t["kind"] == "promotion" and t["decision"] == "PROMOTE"]
    if len(told) > 1:
        fail(f"{len(told)} promotions of one comparison")


def _check_by_panes(case: Scenario, broker: Broker, lives: Sequence[LiveState], fail: Fail) -> None:
    """A life of a judge that begins anew knows the term from the start, others from where it stands
    among the panes: what is said is what either says, and all that both do."""
    held = {key: judge for live in lives for key, judge in live.judges.items()}
    for model in case.versions:
        truths = [_undisturbed(model, case, broker, aware=aware) for aware in (False, True)]
        for topic in OF_JUDGES:
            found = {
                one.value
                for one in broker.outputs.get(topic, [])
                if _is_of(model, orjson.loads(one.value or b""))
            }
            either, other = ({e.value for e in said if e.topic == topic} for _, said in truths)
            wrong, missing = sorted(found - either - other), sorted((either & other) - found)
            if wrong or missing:
                fail(
                    f"{topic} of {model.key}: {wrong[:1]} is not what its panes say: {missing[:1]}"
                )
        if held[model.key].decisions.tenure.term != truths[0][0].decisions.tenure.term:
            fail(f"the term of {model.key} is not that of its panes")


def _is_of(model: MonitoredModel, tree: Mapping[str, Any]) -> bool:
    return (tree["model"], tree.get("version")) == (model.spec.model, model.spec.version)


def _undisturbed(
    model: MonitoredModel, case: Scenario, broker: Broker, *, aware: bool
) -> tuple[Judge, list[Publish]]:
    """One judge over the log of panes as it came to be, and what it says."""
    judge = Judge(model, broker.partitions)
    judge.expects_answers = True
    if aware or model.key not in {given.key for given in case.models}:
        judge.decisions.tenure.take(case.lessons[0].terms[model.key])
    said: list[Publish] = []
    for value in broker.panes[panes_partition(model.spec.model, broker.partitions)]:
        if decode(value or b"").target == model.key:
            said += judge.accept(value or b"")
    return judge, said
