"""A model that was fed bad data does worse: an alert, and no trigger until it is so on sound
data."""

from __future__ import annotations

from functools import cache
from operator import itemgetter
from typing import Any, Final

import numpy as np
import orjson
import pytest

from engine.effects import Publish
from engine.model import MonitoredModel
from engine.records import RecordBatch
from tests.engine.models import (
    MINUTE,
    SECOND,
    START,
    batch,
    beat,
    event,
    model_of,
    pieces,
    run,
    spec_text,
)
from tests.engine.models import trees as told
from tests.engine.test_performance_decisions import reference

A_MINUTE: Final = 200
WORSE: Final = 0.6
GOOD: Final = 0.9
DELAY: Final = {"by arrival": SECOND, "late": 70 * SECOND}
SOUND: Final = {"x": True}


@cache
def model(by: str = "arrival", ttl: str = "10m") -> MonitoredModel:
    """Performance is judged every minute, by arrival or a maturity."""
    maturities = "" if by == "arrival" else f", maturities: [{by}]"
    text = spec_text(
        inputs="[predictions, labels]",
        label=f"{{ttl: {ttl}, lateness: 0s, amend: 1m, pane: 1m{maturities}}}",
        estimators="{}",
        windows="[{length: 1m, judge_every: 1m}]",
        performance=f"{{by: {by}, window: 1m, auc: null, precision: null, recall: null, f1: null}}",
        quality="{window: 1m}",
        alerts="{calm: 1}",
        retraining="{cooldown: 30m, rules: {performance: {window: 1m, at_least: 2, of_last: 3}}}",
    )
    return model_of(text, reference())


def logs_of(pattern: str, delay_ms: int = SECOND) -> tuple[RecordBatch, RecordBatch]:
    """Predictions and labels, a minute a character: ``.`` good, ``w`` worse, ``b`` worse with x
    lost, ``n`` x lost alone."""
    made, labels = [], []
    for minute, kind in enumerate(pattern):
        right = round((WORSE if kind in "wb" else GOOD) * A_MINUTE / 2)
        for i in range(A_MINUTE):
            number = minute * A_MINUTE + i
            at = START + minute * MINUTE + i * 300
            high = i % 2 == 1
            x = None if kind in "bn" else i % 8
            features = {"x": x, "y": i % 5, "c": "ab"[i % 2]}
            made.append(event(number, at, features=features, score=0.9 if high else 0.1))
            truth = high if i // 2 < right else not high
            label = {"event_id": f"e{number}", "model": "m", "ts": at + delay_ms, "label": truth}
            labels.append(label)
    end = beat(START + (len(pattern) + 8) * MINUTE)
    said = batch([*map(orjson.dumps, made), end])
    return said, batch([*map(orjson.dumps, labels), end], topic="labels")


def effects(pattern: str, *, delay_ms: int = SECOND, by: str = "arrival") -> list[Publish]:
    """What is made of such a pattern."""
    return run([model(by)], 1, logs_of(pattern, delay_ms))[0]


def asked(out: list[Publish]) -> list[str]:
    """Ends of the windows that asked, minute and second."""
    return [t["window"]["end"][14:19] for t in told(out, "retraining-triggers")]


def alerts(out: list[Publish], rule: str) -> list[dict[str, Any]]:
    """Of a rule, as they opened."""
    return [a for a in told(out, "alerts") if a["rule"] == rule and a["state"] == "open"]


@pytest.mark.parametrize("by", ["arrival", "1m"])
def test_worse_on_bad_data_asks_for_nothing(by: str) -> None:
    """Told with what is bad, during the fault and after it; the data alert too."""
    out = effects("..bbbb....", by=by)
    assert asked(out) == []
    (alert,) = alerts(out, "performance")
    assert alert["evidence"]["observed"]["bad_data"] == ["x"]
    assert [row["feature"] for row in alerts(out, "data_quality")[0]["evidence"]["features"]] == [
        "x"
    ]


@pytest.mark.parametrize("by", ["arrival", "1m"])
def test_worse_on_sound_data_asks_once(by: str) -> None:
    """After two windows, whatever the data were before."""
    assert len(asked(effects("..wwwwww..", by=by))) == 1
    assert len(asked(effects("nn..wwwwww", by=by))) == 1


def test_bad_windows_confirm_nothing() -> None:
    """Two bad minutes and one sound one do not make two of three; a second sound one does."""
    assert asked(effects("..bbw.....")) == []
    late = asked(effects("..bbwww..."))
    assert late == ["07:00"] or len(late) == 1
    assert late[0] >= "06:00"


def test_labels_that_come_late_are_still_about_then() -> None:
    """Labels seventy seconds behind: what comes after the fault is about it, and asks nothing."""
    assert asked(effects("..bbbb.....", delay_ms=70 * SECOND)) == []
    assert len(asked(effects("..wwww.....", delay_ms=70 * SECOND))) == 1


@pytest.mark.parametrize("ahead", [False, True], ids=["side by side", "data first"])
def test_a_fault_that_comes_and_goes_is_not_forgotten(*, ahead: bool) -> None:
    """Labels that are read long after the data, with a spell of bad data every other minute
    between, are judged as those that are read beside them."""
    pattern = "..bbbb." + "n." * 55
    data, labels = logs_of(pattern)
    steps = [data, None, labels]
    if not ahead:
        cuts = range(0, len(data), 2_000)
        pairs = zip(pieces(data, cuts), pieces(labels, cuts), strict=True)
        steps = [step for pair in pairs for step in (*pair, None)]
    assert asked(run([model()], 1, steps)[0]) == []


def test_a_bad_minute_is_no_reason_to_hold_for_long() -> None:
    """Of labels that take up to twenty minutes, one bad minute is a fiftieth and less: scores that
    mean nothing any more are asked about though some of the labels may be about that minute."""
    pattern = "....." + "b" + "." * 9 + "w" * 12
    data, labels = logs_of(pattern)
    random, end = np.random.default_rng(5), labels.values[-1]
    late = []
    for value in labels.values[:-1]:
        label, kind = orjson.loads(value or b""), random.random()
        low, high = (0, 1) if kind < 0.4 else (1, 10) if kind < 0.8 else (10, 20)
        late.append(label | {"ts": label["ts"] + int(random.uniform(low, high) * MINUTE)})
    late = [label for label in late if label["ts"] < START + len(pattern) * MINUTE]
    late.sort(key=itemgetter("ts"))
    records = batch([*map(orjson.dumps, late), end], topic="labels")
    out = run([model(ttl="1h")], 1, [data, records])[0]
    assert asked(out)
    assert asked(out)[0] < "20:00"
    assert alerts(out, "performance")[-1]["evidence"]["observed"].get("bad_share", 0.0) < 0.05
