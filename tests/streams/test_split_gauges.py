"""What a scrape and a replay tell of a split: its users, its share, its open alert, its stages."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from streams.cli.champion import tell_promotions
from tests.engine.champion.test_comparison import LABEL, run
from tests.engine.champion.test_split import CANARY, canary, whole
from tests.engine.champion.worlds import versions
from tests.engine.models import trees
from tests.streams.metrics_page import split
from tests.streams.test_metrics import exposed, live_of, samples


def test_a_broken_split_is_seen_in_a_scrape() -> None:
    """Half of the users where a fifth was promised, with the alert beside the models' own."""
    told = samples(exposed(live_of(split())))
    own = 'champion="v1",model="m",version="v2"'
    assert told[f"comparison_share{{{own}}}"] == 0.2
    assert told[f"comparison_share_observed{{{own}}}"] == pytest.approx(0.5, abs=0.05)
    assert told[f"comparison_share_held{{{own}}}"] == 0.0
    assert told[f"comparison_share_p_value{{{own}}}"] <= 0.001
    users = [
        told[f'comparison_users{{by="{by}",{own}}}'] for by in ("champion", "challenger", "both")
    ]
    assert min(users[:2]) > 500
    assert users[2] == 0.0
    (alert,) = [name for name in told if name.startswith("drift_alert_active") and "ratio" in name]
    assert 'severity="WARNING"' in alert
    assert 'version="v2"' in alert
    assert told[alert] == 1.0


def test_a_replay_tells_the_stages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, with users and shares."""
    told = trees(run(versions(CANARY, LABEL), whole(*canary(), 1), 1), "promotions")
    path = tmp_path / "promotions.ndjson"
    path.write_bytes(b"".join(orjson.dumps(tree) + b"\n" for tree in told))
    tell_promotions(path)
    lines = capsys.readouterr().err.splitlines()
    (passed,) = [line for line in lines if "stage  PROMOTE" in line]
    assert passed.endswith("users, share 0.05, then 0.2")
    assert any("promotion  PROMOTE" in line for line in lines)
