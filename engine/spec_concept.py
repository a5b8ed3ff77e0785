"""The ``concept`` section of a spec: which estimators watch which losses of joined labels.

Rule.  With labels among the inputs, and performance judged, the usual estimators watch all losses
of the model's kind; ``concept: null`` switches that off.  The usual ones are those that hardly
ever alarm on losses that do not change (docs/estimators.md): DDM does where errors are rare, but
alone it opens nothing.  EDDM, HDDM_W, KSWIN and Page-Hinkley are there for who asks for them.
"""

from __future__ import annotations

from dataclasses import fields as fields_of
from typing import Final

import msgspec

from detectors.discovery import watching
from engine.durations import format_duration
from engine.label_windows import label_pane_ms, label_windows
from engine.losses import LOSSES
from engine.spec import (
    ConceptRules,
    Parameters,
    PerformanceRules,
    PredictionSpec,
    Spec,
    Topic,
    WindowRule,
)
from engine.spec_estimators import MAX_ESTIMATORS, read_parameters
from engine.spec_faults import did_you_mean
from engine.spec_fields import Fields
from engine.spec_retraining import default_window, read_confirmation, read_window

USUAL_ESTIMATORS: Final = ("adwin", "ddm", "hddm_a")


def read_concept(
    spec: Fields,
    windows: tuple[WindowRule, ...] | None,
    prediction: PredictionSpec,
    inputs: tuple[Topic, ...],
    performance: PerformanceRules | None,
) -> ConceptRules | None:
    """``concept``; its default window is chosen by :func:`with_window_of_concept`."""
    if spec.nothing("concept"):
        return None
    if "labels" not in inputs:
        if spec.has("concept"):
            spec.fault("concept", "is for a model with labels among its inputs")
        spec.know("concept")
        return None
    if performance is None and not spec.has("concept"):
        spec.know("concept")
        return None
    fields = spec.section("concept")
    losses = _read_losses(fields, prediction)
    window = read_window(fields, windows) if fields.has("window") else ""
    fields.know("window")
    at_least, of_last = read_confirmation(fields, 2, 3)
    chosen = _read_estimators(fields, prediction, losses)
    fields.close()
    if not chosen or not losses:
        return None
    return ConceptRules(
        estimators=chosen, losses=losses, window=window, at_least=at_least, of_last=of_last
    )


def _read_losses(fields: Fields, prediction: PredictionSpec) -> tuple[str, ...]:
    known = [loss.name for loss in LOSSES[prediction.type]]
    if not fields.has("losses"):
        fields.know("losses")
        return tuple(known)
    meaning = f"a loss of a {prediction.type} model is {', '.join(known)}"
    named = fields.texts("losses", len(known), "|".join(known), meaning)
    if not named and fields.sound("losses"):
        fields.fault("losses", f"names none: {meaning}; concept: null switches all of it off")
    return tuple(name for name in known if name in named)


def _read_estimators(
    fields: Fields, prediction: PredictionSpec, losses: tuple[str, ...]
) -> dict[str, Parameters]:
    bits = {loss.name for loss in LOSSES[prediction.type] if loss.takes == "bits"}
    known = watching("losses")
    readable = {name: module.TAKES == "reals" or bool(bits) for name, module in known.items()}
    if not fields.has("estimators"):
        fields.know("estimators")
        return {name: {} for name in USUAL_ESTIMATORS if readable[name]}
    section = fields.section("estimators")
    names = list(section.mapping.entries)
    if len(names) > MAX_ESTIMATORS:
        fields.fault("estimators", f"at most {MAX_ESTIMATORS} are allowed")
        return {}
    if not names and fields.sound("estimators"):
        fields.fault("estimators", "names none; concept: null switches all of it off")
    chosen: dict[str, Parameters] = {}
    listed = ", ".join(known)
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            section.fault(name, f"is no estimator over losses{hint}; there are: {listed}")
        elif not readable[name] or (known[name].TAKES == "bits" and not bits & set(losses)):
            section.fault(name, "reads losses of 0 and 1 only, and none of those is watched")
        elif section.nothing(name):
            chosen[name] = {}
        else:
            chosen[name] = _checked(section, name, known[name].Params)
    return chosen


def _checked(section: Fields, name: str, params: type) -> Parameters:
    """The parameters of one estimator, tried."""
    fields = section.section(name)
    found = read_parameters(fields)
    known = [field.name for field in fields_of(params)]
    for key in found.keys() - set(known):
        hint = did_you_mean(key, known)
        fields.fault(key, f"is no parameter of {name}{hint}; there are: {', '.join(known)}")
    if found.keys() <= set(known):
        try:
            params(**found)
        except (TypeError, ValueError) as error:
            section.fault(name, f"cannot be: {error}")
    return found


def with_window_of_concept(spec: Spec, fields: Fields) -> Spec:
    """The spec with the window of its rule on losses chosen; a fault for one without labels.

    A spec whose windows are all too short for labels watches no losses.
    """
    rules, known = spec.concept, label_windows(spec)
    if rules is None:
        return spec
    if not known:
        return msgspec.structs.replace(spec, concept=None)
    if rules.window and rules.window not in {window.name for window in known}:
        pane = format_duration(label_pane_ms(spec))
        fields.fault(
            "concept",
            f"windows of {rules.window} have no performance: they are no whole number of its panes "
            f"of {pane} (label.pane)",
        )
    window = rules.window or default_window(known)
    return msgspec.structs.replace(spec, concept=msgspec.structs.replace(rules, window=window))
