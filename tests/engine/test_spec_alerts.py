"""The ``alerts`` section of a spec, and ``upstream`` of a feature: defaults and every fault."""

from __future__ import annotations

import pytest

from engine.alert_rules import AlertRules, Maintenance, Mute
from engine.spec_faults import SpecError
from engine.spec_reading import read_spec
from engine.timestamps import rfc3339_to_ms
from tests.engine.good_spec import LEAST, one_fault

FROM, UNTIL = "2026-11-27T00:00:00Z", "2026-11-30T00:00:00+01:00"
PERIOD = f"from: {FROM}, until: {UNTIL}, reason: a campaign"
MADE = LEAST.replace(
    "  x: {type: numeric}\n",
    "  x: {type: numeric}\n  y: {type: numeric, upstream: [x]}\n"
    "  z: {type: numeric, upstream: [y]}\n",
)


def test_without_the_section_two_calm_windows_end_an_episode() -> None:
    """And nothing is muted."""
    assert read_spec(LEAST).alerts == AlertRules()
    assert AlertRules().calm == 2


def test_what_is_written_is_taken() -> None:
    """Times with any zone; a mute of everything, of a rule, or of one cause of it."""
    found = read_spec(
        LEAST + "alerts:\n  calm: 3\n  runbook: https://wiki.example/m\n"
        f"  mutes: [{{{PERIOD}}}, {{rule: volume, cause: volume_low, {PERIOD}}}]\n"
        f"  maintenance: [{{{PERIOD}}}]\n",
        known_rules={"volume"},
    ).alerts
    from_ms, until_ms = rfc3339_to_ms(FROM), rfc3339_to_ms(UNTIL)
    period = {"from_ms": from_ms, "until_ms": until_ms, "reason": "a campaign"}
    assert found == AlertRules(
        calm=3,
        runbook="https://wiki.example/m",
        mutes=(Mute(**period), Mute(rule="volume", cause="volume_low", **period)),
        maintenance=(Maintenance(**period),),
    )


@pytest.mark.parametrize(
    ("section", "place", "words"),
    [
        ("{calm: 0}", "alerts.calm", "from 1 to 100"),
        ("{runbook: see the wiki}", "alerts.runbook", "no spaces"),
        ("{mute: []}", "alerts.mute", "mutes"),
        ("{mutes: [Christmas]}", "alerts.mutes[0]", "from, until and reason"),
        (f"{{mutes: [{{from: {FROM}, until: {UNTIL}}}]}}", "alerts.mutes[0].reason", "required"),
        (f"{{mutes: [{{from: {FROM}, reason: x}}]}}", "alerts.mutes[0].until", "required"),
        (
            f"{{mutes: [{{from: {UNTIL}, until: {FROM}, reason: x}}]}}",
            "alerts.mutes[0].until",
            "after from",
        ),
        (
            f"{{maintenance: [{{from: 2026-11-27, until: {UNTIL}, reason: x}}]}}",
            "alerts.maintenance[0].from",
            "with a zone",
        ),
        (
            f"{{mutes: [{{rule: psi_featured, {PERIOD}}}]}}",
            "alerts.mutes[0].rule",
            "psi_features",
        ),
        (f"{{maintenance: [{{rule: volume, {PERIOD}}}]}}", "alerts.maintenance[0].rule", "key"),
    ],
)
def test_every_fault_is_told_with_its_place(section: str, place: str, words: str) -> None:
    """What has no end, no reason, or no meaning."""
    with pytest.raises(SpecError) as raised:
        read_spec(f"{LEAST}alerts: {section}\n", known_rules={"psi_features", "volume"})
    (fault,) = raised.value.faults
    assert fault.place == place
    assert words in fault.message


def test_upstream_is_features_that_there_are() -> None:
    """In a chain, never in a circle."""
    assert [feature.upstream for feature in read_spec(MADE).features] == [(), ("x",), ("y",)]
    unknown = one_fault(MADE.replace("[x]", "[xx]"))
    assert (unknown.place, "'xx' is no feature" in unknown.message) == ("features.y.upstream", True)
    circle = MADE.replace("x: {type: numeric}", "x: {type: numeric, upstream: [z]}")
    with pytest.raises(SpecError) as raised:
        read_spec(circle)
    assert [fault.place for fault in raised.value.faults] == [
        f"features.{name}.upstream" for name in "xyz"
    ]
