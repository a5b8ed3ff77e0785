"""When nobody is to be woken: by event time, with open ends like a window's."""

from __future__ import annotations

import pytest

from engine.quiet import is_quiet, maintenance_in, maintenance_tree, mute_of
from engine.spec_reading import read_spec
from engine.timestamps import ms_to_rfc3339, rfc3339_to_ms
from tests.engine.good_spec import LEAST

FROM, UNTIL = "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"
FROM_MS, UNTIL_MS = rfc3339_to_ms(FROM), rfc3339_to_ms(UNTIL)
PERIOD = f"from: {FROM}, until: {UNTIL}, reason: a campaign"
MUTED = read_spec(f"{LEAST}alerts: {{mutes: [{{rule: volume, {PERIOD}}}]}}\n")
MAINTAINED = read_spec(f"{LEAST}alerts: {{maintenance: [{{{PERIOD}}}]}}\n")


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "covered"),
    [
        (FROM_MS - 10, FROM_MS, False),
        (FROM_MS - 10, FROM_MS + 1, True),
        (FROM_MS + 5, FROM_MS + 6, True),
        (FROM_MS - 10, UNTIL_MS + 10, True),
        (UNTIL_MS - 1, UNTIL_MS + 10, True),
        (UNTIL_MS, UNTIL_MS + 10, False),
    ],
)
def test_windows_that_overlap_are_covered(start_ms: int, end_ms: int, *, covered: bool) -> None:
    """The same for mutes and maintenance; another rule is not muted."""
    assert (mute_of(MUTED, "volume/volume_low", start_ms, end_ms) is not None) is covered
    assert mute_of(MUTED, "psi_features/data_drift", start_ms, end_ms) is None
    assert (maintenance_in(MAINTAINED, start_ms, end_ms) is not None) is covered
    said = {"maintenance": {"until": ms_to_rfc3339(UNTIL_MS), "reason": "a campaign"}}
    assert maintenance_tree(MAINTAINED, start_ms, end_ms) == (said if covered else {})


def test_whether_an_open_alert_is_quiet_is_a_matter_of_the_clock() -> None:
    """From the first millisecond up to the end."""
    for spec, key in ((MUTED, "volume/volume"), (MAINTAINED, "psi_features/data_drift")):
        found = [is_quiet(spec, key, at) for at in (FROM_MS - 1, FROM_MS, UNTIL_MS - 1, UNTIL_MS)]
        assert found == [False, True, True, False]
