"""Deciding again on windows that were judged once: what would other thresholds have said?

Rule.  A window's verdicts are remembered as the decisions got them, in their order, and decided on
again under a changed spec.  That is exact, and no estimate, because decisions are a function of the
judged windows, the spec's rules and their own memory alone, which starts empty here as there; and
because nothing that a window was measured by depends on what is changed: ``above``, ``features``,
``at_least`` and ``of_last`` of the rule on PSI, and ``alerts.calm``.  A spec that differs in
anything else is refused, for its windows might have been measured otherwise: replay it.

What decisions write into the memory that windows are measured with (the usual counts of operations,
the charts and histories of losses) depends on none of these either, and is in the windows already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from engine.canonical import content_hash
from engine.decide.decisions import DecisionState, decide
from engine.decide.episodes import Window
from engine.decide.silence import Silence
from engine.effects import Publish
from engine.judgement import Judged
from engine.model import MonitoredModel
from engine.retraining_rules import PsiFeaturesRule
from engine.spec import Spec

Decided = Window | Silence
"""What decisions are made on."""
MAX_REMEMBERED_VERDICTS: Final = 500_000
"""Verdicts of features in all windows together, some kilobytes each."""


class TooMuchHistoryError(ValueError):
    """A history has more windows than are kept; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What may be changed without judging again."""

    above: float
    features: int
    at_least: int
    of_last: int
    calm: int


@dataclass(slots=True)
class WindowMemory:
    """Decides as ever, and remembers what it decided on."""

    windows: list[Decided] = field(default_factory=list)
    verdicts: int = 0

    def decide(self, judged: Decided, state: DecisionState) -> list[Publish]:
        """To be put in the place of :func:`engine.decide.decisions.decide`."""
        if isinstance(judged, Judged):
            self.verdicts += len(judged.verdicts)
        if self.verdicts > MAX_REMEMBERED_VERDICTS:
            raise TooMuchHistoryError(
                f"more than {MAX_REMEMBERED_VERDICTS:,} verdicts of features: give less history, "
                "or leave windows that no rule reads out of the spec"
            )
        self.windows.append(judged)
        return decide(judged, state)


def thresholds_of(spec: Spec) -> Thresholds | None:
    """Those of a spec; None where the rule on PSI is off."""
    rule = spec.retraining.psi_features
    if rule is None:
        return None
    return Thresholds(rule.above, rule.features, rule.at_least, rule.of_last, spec.alerts.calm)


def with_thresholds(model: MonitoredModel, chosen: Thresholds) -> MonitoredModel:
    """The same model under other thresholds; none of them is part of the layout."""
    rule = model.spec.retraining.psi_features
    assert rule is not None, "only a rule that is on has thresholds"
    changed = msgspec.structs.replace(
        rule,
        above=chosen.above,
        features=chosen.features,
        at_least=chosen.at_least,
        of_last=chosen.of_last,
    )
    spec = _replaced(model.spec, changed, chosen.calm)
    return replace(model, spec=spec, policy_hash=content_hash(spec))


def decide_again(model: MonitoredModel, windows: Sequence[Decided]) -> list[Publish]:
    """Alerts and triggers of these windows under ``model``, in the order of the windows.

    ValueError where the windows were judged under a spec that differs in more than thresholds.
    """
    for judged_by in {id(w.model): w.model for w in windows}.values():
        _refuse_other_measures(judged_by, model)
    state = DecisionState()
    return [effect for judged in _under(model, windows) for effect in decide(judged, state)]


def read_by(rule: str, model: MonitoredModel, windows: Sequence[Decided]) -> list[Decided]:
    """The windows that what the rule on PSI says can depend on.

    Rules know of each other by the cool-down of triggers and the budget alone.  Where without
    either no other rule of the data asks for retraining, none can hold a trigger back, and only
    windows of the rule's own length matter; else all of them do, and those of performance too where
    requests wait for labels.
    """
    if model.spec.retraining.improvement_veto:
        return list(windows)
    of_data = [window for window in windows if isinstance(window, Judged)]
    retraining = msgspec.structs.replace(model.spec.retraining, cooldown_ms=0, budget=None)
    hasty = replace(model, spec=msgspec.structs.replace(model.spec, retraining=retraining))
    state = DecisionState()
    for judged in _under(hasty, of_data):
        decide(judged, state)
    if any(name != rule for name in state.triggers):
        return list(of_data)
    own = getattr(model.spec.retraining, rule).window
    return [window for window in of_data if window.window.name == own]


def _under(model: MonitoredModel, windows: Sequence[Decided]) -> Iterator[Decided]:
    for judged in windows:
        yield replace(judged, model=model)


def _replaced(spec: Spec, rule: PsiFeaturesRule | None, calm: int) -> Spec:
    retraining = msgspec.structs.replace(spec.retraining, psi_features=rule)
    alerts = msgspec.structs.replace(spec.alerts, calm=calm)
    return msgspec.structs.replace(spec, retraining=retraining, alerts=alerts)


def _refuse_other_measures(judged_by: MonitoredModel, model: MonitoredModel) -> None:
    """Whether two models are one but for their thresholds; the rule's window is none of them."""
    plain = []
    for each in (judged_by, model):
        rule = each.spec.retraining.psi_features
        if rule is not None:
            rule = PsiFeaturesRule(window=rule.window)
        plain.append((_replaced(each.spec, rule, 1), each.profile.hash))
    if plain[0] != plain[1]:
        raise ValueError("the windows were judged under another spec or profile: replay them")
