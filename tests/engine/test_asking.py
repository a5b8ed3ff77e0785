"""Requests that are made and held: the budget of a quarter, business figures, and support."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import pytest

from engine.decide.asking import RetrainingMemory, left
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.spec_faults import SpecError
from engine.spec_reading import read_spec
from tests.engine.models import MINUTE, START, batch, beat, model_of, run, spec_text, trees
from tests.engine.test_decisions import PSI_RULE, effects, minute_of, minutes, model
from tests.engine.test_performance_decisions import effects as of_labels
from tests.engine.test_performance_decisions import model as with_labels

BUDGET = f"{{cooldown: 2m, budget: {{per_quarter: 2}}, rules: {{{PSI_RULE}}}}}"
NEXT_QUARTER_MS = 1_364_774_400_000
"""2013-04-01T00:00:00Z."""


def triggers(out: list[Any]) -> list[int]:
    """Minutes of the triggers."""
    return [minute_of(t["window"]["end"]) for t in trees(out, "retraining-triggers")]


def held(out: list[Any]) -> list[tuple[str, str, str]]:
    """(cause, state, severity) of what is told of held requests."""
    found = [a for a in trees(out, "alerts") if a["rule"] == "held_trigger"]
    return [(a["cause"], a["state"], a["severity"]) for a in found]


def test_a_budget_of_two_a_quarter() -> None:
    """The third request is not made but told as a warning, once, with the way to it."""
    out = effects("DDDDDDDDD", model(BUDGET))
    assert triggers(out) == [1, 3]
    assert held(out) == [("psi_features/budget", "open", "WARNING")]
    (told,) = [a for a in trees(out, "alerts") if a["rule"] == "held_trigger"]
    assert minute_of(told["end"]) == 5
    assert told["evidence"]["observed"]["path"]


def test_the_budget_survives_restarts_and_is_new_with_the_quarter() -> None:
    """It is in the snapshot; what is left is that of the quarter that is asked about."""
    chosen = model(BUDGET)
    memory = _memory(chosen)
    assert left(chosen.spec, memory, "data", START) == 0
    assert left(chosen.spec, memory, "data", NEXT_QUARTER_MS - 1) == 0
    assert left(chosen.spec, memory, "data", NEXT_QUARTER_MS) == 2
    assert left(chosen.spec, memory, "performance", START) == 0
    assert memory.held["psi_features/budget"] == 4
    assert memory.held["psi_features/cooldown"] == 2


def _memory(chosen: MonitoredModel) -> RetrainingMemory:
    """That of a judge that was restored from its snapshot."""
    values = [*(orjson.dumps(e) for e in minutes("DDDDDDDDD")), beat(START + 12 * MINUTE)]
    _, pipeline = run([chosen], 1, [batch(values)])
    judge = next(iter(pipeline.judges.values()))
    return Judge(chosen, 1, resume=judge.snapshot()).decisions.retraining


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ("{per_quarter: 0}", "from 1 to"),
        ("{}", "is required"),
        ("{per_quarter: 2, performance: 3}", "is a part of per_quarter, which is 2"),
        ("{per_quarter: 2, each: 1}", "is not a key"),
    ],
)
def test_what_is_no_budget(budget: str, message: str) -> None:
    """It is refused with its place."""
    with pytest.raises(SpecError, match=message):
        read_spec(spec_text(retraining=f"{{budget: {budget}}}"))


@pytest.mark.parametrize("section", ["budget: 4", "schedule: daily", "rules: {psi_features: 3}"])
def test_what_is_no_mapping_is_one_fault(section: str) -> None:
    """What such a section would need is not missed as well."""
    with pytest.raises(SpecError) as refused:
        read_spec(spec_text(retraining=f"{{{section}}}"))
    (fault,) = refused.value.faults
    assert fault.message.startswith("must be a mapping")


def test_one_for_two_sides_must_be_given_to_one() -> None:
    """What either side spends is unknown to the other, so a budget is shared when it is read."""
    labels = {
        "inputs": "[predictions, labels]",
        "label": "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m}",
    }
    with pytest.raises(SpecError, match="one cannot be shared"):
        read_spec(spec_text(retraining="{budget: {per_quarter: 1}}", **labels))
    spec = read_spec(spec_text(retraining="{budget: {per_quarter: 5}}", **labels))
    assert spec.retraining.budget is not None
    assert spec.retraining.budget.performance == 2


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("{}", "retraining.schedule.every: is required"),
        ("{every: quarters}", "did you mean .quarter"),
        ("{every: week, day: 3}", "must be one of monday"),
        ("{every: month, day: 31}", "from 1 to 28"),
        ("{every: day, day: 1}", "every day is meant"),
        ('{every: day, at: "25:00"}', "a time of day"),
        ("{every: day, window: 2h}", "is none of the windows"),
        ("{every: day, zone: UTC}", "is not a key"),
    ],
)
def test_what_is_no_schedule(schedule: str, message: str) -> None:
    """It is refused with its place."""
    with pytest.raises(SpecError, match=message):
        read_spec(spec_text(retraining=f"{{schedule: {schedule}}}"))


def test_an_unknown_time_zone_is_a_fault() -> None:
    """With what to write instead."""
    with pytest.raises(SpecError, match=r"retraining\.time_zone.*IANA"):
        read_spec(spec_text(retraining="{time_zone: Europe/Berlinn}"))


KPI = "business_kpi: {window: 1m, at_least: 2, of_last: 2}"


@cache
def selling(limits: str, rules: str = KPI) -> MonitoredModel:
    """With limits of business figures."""
    return model_of(
        spec_text(
            retraining=f"{{cooldown: 1h, rules: {{{rules}}}}}",
            business=f"{{window: 1m, {limits}}}",
            alerts="{calm: 1}",
        )
    )


def test_a_share_of_decisions_alone_is_a_threshold_that_somebody_moved() -> None:
    """The score is above a half as often as ever and nothing moved: it is held, and told why."""
    out = effects("....", selling("approval_rate: {max: 0.2}"))
    assert triggers(out) == []
    assert held(out) == [("business_kpi/threshold_or_policy", "open", "INFO")]
    rules = {a["rule"] for a in trees(out, "alerts")}
    assert rules == {"business", "held_trigger"}


def test_a_figure_beyond_its_limit_while_features_moved_asks() -> None:
    """One alert, that of ``business``, and one trigger with the way to it."""
    out = effects("DDD", selling("approval_rate: {max: 0.2}"))
    (trigger,) = trees(out, "retraining-triggers")
    assert (trigger["rule"], trigger["cause"]) == ("business_kpi", "business_kpi")
    assert trigger["recommended"] == "retrain"
    assert trigger["evidence"][0]["figure"] == "approval_rate"
    assert "business_kpi" not in {a["rule"] for a in trees(out, "alerts")}


def test_without_limits_there_is_no_such_rule() -> None:
    """It is a fault of the spec."""
    with pytest.raises(SpecError, match=r"needs business\.limits"):
        read_spec(spec_text(retraining=f"{{rules: {{{KPI}}}}}"))


def test_a_trigger_of_performance_has_its_way() -> None:
    """Fewer decisions come true at the same scores, and the order of the scores fell with it."""
    (trigger,) = trees(of_labels(".ww", with_labels(cooldown="1h")), "retraining-triggers")
    answers = {step["question"]: step["answer"] for step in trigger["path"]}
    assert answers["is performance better than the reference?"] == "no"
    assert answers["is performance worse than the reference?"] == "yes"
    assert answers["does the ranking hold?"] == "no"
    assert answers["did labels come as the scores foretold?"] == "no"
    assert answers["did the mix of scores or segments move?"] == "no"
    assert (trigger["recommended"], trigger["why"]) == ("retrain", "recent_labels")


def test_asked_again_without_recovery() -> None:
    """The first says retrain, the next two that what tells classes apart is in no feature, and
    then that the model wants to be built anew."""
    found = trees(of_labels("w" * 11), "retraining-triggers")
    assert [t["recommended"] for t in found] == [
        "retrain",
        "new_features",
        "new_features",
        "rebuild",
    ]
