"""The ``retraining`` section of a spec: which rules may ask for retraining, and how often.

Rule.  Without the section (or without ``rules``) the data-drift rule holds with its defaults, and
where performance is judged, that on performance; an
explicit ``rules: {}`` switches every rule off, and with rules written only those hold.
"""

from __future__ import annotations

from typing import Final

from engine.durations import UNITS_MS
from engine.spec import PerformanceDropRule, PsiFeaturesRule, Retraining, VolumeRule, WindowRule
from engine.spec_faults import did_you_mean
from engine.spec_fields import Fields
from engine.spec_yaml import Mapping

MAX_CONFIRMATIONS: Final = 100
"""Windows that a rule may look back on."""
USUAL_FEATURES: Final = 3
MAX_VOLUME_FACTOR: Final = 1e6
_HOUR: Final = UNITS_MS["h"]


def default_window(windows: tuple[WindowRule, ...]) -> str:
    """The shortest window of at least an hour, or else the longest."""
    hourly = [window for window in windows if window.length_ms >= _HOUR]
    if hourly:
        return min(hourly, key=lambda window: window.length_ms).name
    return max(windows, key=lambda window: window.length_ms).name if windows else ""


def read_retraining(
    spec: Fields,
    windows: tuple[WindowRule, ...] | None,
    features: int,
    drift: float,
    *,
    performance: bool,
) -> Retraining:
    """``retraining``; ``windows`` is None when they have faults, and rules are then not checked
    against them.  ``features`` is how many the spec has, ``drift`` its ``psi.drift``, and
    ``performance`` whether it judges that."""
    section = spec.section("retraining")
    cooldown_ms = section.duration("cooldown", 7 * UNITS_MS["d"])
    usual = not section.has("rules")
    rules = section.section("rules")
    psi = None
    if usual or rules.has("psi_features"):
        psi = _read_psi_features(rules, windows, features, drift)
    volume = _read_volume(rules, windows) if rules.has("volume") else None
    drop = None
    if rules.has("performance") or (usual and performance):
        drop = _read_performance(rules, windows)
    if rules.has("performance") and not performance:
        rules.fault("performance", "needs labels among the inputs, and performance switched on")
    rules.know("psi_features", "volume", "performance")
    rules.close()
    answer_within_ms, ready_within_ms = _read_deadlines(section)
    section.close()
    return Retraining(
        cooldown_ms=cooldown_ms,
        answer_within_ms=answer_within_ms,
        ready_within_ms=ready_within_ms,
        psi_features=psi,
        volume=volume,
        performance=drop,
    )


def _read_deadlines(section: Fields) -> tuple[int | None, int | None]:
    """``answer_within`` and ``ready_within``, each None where it is ``null``."""
    usual = Retraining()
    told: list[int | None] = []
    for name, default_ms in (
        ("answer_within", usual.answer_within_ms),
        ("ready_within", usual.ready_within_ms),
    ):
        off = section.nothing(name)
        told.append(None if off else section.duration(name, default_ms or 0, low_ms=1))
    answer_ms, ready_ms = told
    if answer_ms is not None and ready_ms is not None and ready_ms < answer_ms:
        if not section.has("ready_within"):
            ready_ms = answer_ms
        elif section.sound("answer_within", "ready_within"):
            section.fault("ready_within", "is shorter than answer_within")
    return answer_ms, ready_ms


def _rule(rules: Fields, name: str) -> Fields:
    """The mapping of a rule; ``psi_features:`` with nothing behind it has the defaults."""
    if rules.nothing(name):
        return Fields(Mapping("", 0), rules.faults, absent=True)
    return rules.section(name)


def _read_psi_features(
    rules: Fields, windows: tuple[WindowRule, ...] | None, features: int, drift: float
) -> PsiFeaturesRule:
    fields = _rule(rules, "psi_features")
    above = fields.number("above", drift, 1e-6, 100.0)
    least = fields.whole("features", max(1, min(USUAL_FEATURES, features)), 1, 1_000_000)
    if fields.has("features") and fields.sound("features") and 0 < features < least:
        fields.fault("features", f"asks for {least} features, and the spec has {features}")
    window = read_window(fields, windows)
    at_least, of_last = read_confirmation(fields, 2, 3)
    fields.close()
    return PsiFeaturesRule(
        above=above, features=least, window=window, at_least=at_least, of_last=of_last
    )


def _read_volume(rules: Fields, windows: tuple[WindowRule, ...] | None) -> VolumeRule:
    fields = _rule(rules, "volume")
    factor = fields.number("factor", 2.0, high=MAX_VOLUME_FACTOR)
    if fields.sound("factor") and factor <= 1.0:
        fields.fault("factor", f"must be above 1, not {factor:g}")
    window = read_window(fields, windows)
    at_least, of_last = read_confirmation(fields, 1, 1)
    fields.close()
    return VolumeRule(factor=factor, window=window, at_least=at_least, of_last=of_last)


def _read_performance(rules: Fields, windows: tuple[WindowRule, ...] | None) -> PerformanceDropRule:
    """Its default window is chosen where those of performance are known
    (:mod:`engine.spec_performance`)."""
    fields = _rule(rules, "performance")
    window = read_window(fields, windows) if fields.has("window") else ""
    fields.know("window")
    at_least, of_last = read_confirmation(fields, 2, 3)
    fields.close()
    return PerformanceDropRule(window=window, at_least=at_least, of_last=of_last)


def read_confirmation(fields: Fields, at_least: int, of_last: int) -> tuple[int, int]:
    """At least k of the last n disjoint windows; one given alone moves the other along."""
    if fields.has("at_least") and not fields.has("of_last"):
        at_least = fields.whole("at_least", at_least, 1, MAX_CONFIRMATIONS)
        return at_least, max(at_least, fields.whole("of_last", of_last, 1, MAX_CONFIRMATIONS))
    of_last = fields.whole("of_last", of_last, 1, MAX_CONFIRMATIONS)
    at_least = fields.whole("at_least", min(at_least, of_last), 1, MAX_CONFIRMATIONS)
    if fields.sound("at_least", "of_last") and at_least > of_last:
        fields.fault("at_least", f"{at_least} of the last {of_last} can never be")
    return at_least, of_last


def read_window(fields: Fields, windows: tuple[WindowRule, ...] | None) -> str:
    """The window that a rule looks at, by its length; it must be one of the spec's."""
    known = windows or ()
    if not fields.has("window"):
        fields.know("window")
        return default_window(known)
    length_ms = fields.duration("window", 0, low_ms=1)
    if not fields.sound("window") or windows is None:
        return ""
    for window in known:
        if window.length_ms == length_ms:
            return window.name
    names = [window.name for window in known]
    written = fields.scalar("window", "a duration")
    hint = did_you_mean(written.text, names) if written is not None else ""
    fields.fault("window", f"is none of the windows {', '.join(names)}{hint}")
    return ""
