"""Windows: where they lie, when they close, and what holds them back."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import pytest

from engine.effects import Publish
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.tally import Tally
from engine.timestamps import ms_to_rfc3339, rfc3339_to_ms
from tests.engine.models import (
    HOUR,
    SECOND,
    START,
    batch,
    beat,
    model_of,
    raw,
    run,
    spec_text,
    stream,
    trees,
)

YEAR = 365 * 24 * HOUR
LATENESS = 30 * SECOND


@cache
def model() -> MonitoredModel:
    """Windows of 1m (judged every 20s) and 5m (every 30s), lateness 30s, amend 2m."""
    return model_of(spec_text(windows="[{length: 1m, judge_every: 20s}, 5m]"))


def judgements(values: list[bytes]) -> list[dict[str, Any]]:
    """What one partition's log is judged to be."""
    return trees(run([model()], 1, [batch(values)])[0], "judgements")


def ends(found: list[dict[str, Any]], window: str) -> list[int]:
    """Ends of the first revisions of one window, relative to START, in seconds."""
    return [
        (rfc3339_to_ms(j["end"]) - START) // SECOND
        for j in found
        if j["window"] == window and j["revision"] == 0
    ]


def test_windows_are_aligned_and_in_order() -> None:
    """Every end is a multiple of ``judge_every``, every start one length before it, whatever time
    the first event has; each window is judged once, in order of its end, shorter ones first."""
    values = [raw(i, START + 7 * SECOND + i * 1_300) for i in range(400)]
    found = judgements([*values, beat(START + HOUR)])
    for window, length, every in (("1m", 60, 20), ("5m", 300, 30)):
        at = ends(found, window)
        assert at == list(range(at[0], at[-1] + every, every))
        assert at[0] == every
        for j in found:
            if j["window"] == window:
                start, end = rfc3339_to_ms(j["start"]), rfc3339_to_ms(j["end"])
                assert end - start == length * SECOND
                assert end % (every * SECOND) == 0
    order = [(j["end"], j["window"]) for j in found]
    assert order == sorted(order)


def test_windows_hold_what_lies_in_them() -> None:
    """[start, end): an event at the start is in, one at the end is in the next."""
    times = [0, 19_999, 20_000, 59_999, 60_000, 79_999]
    found = judgements([*(raw(i, START + t) for i, t in enumerate(times)), beat(START + HOUR)])
    for j in found:
        if j["revision"] == 0:
            start, end = (rfc3339_to_ms(j[k]) - START for k in ("start", "end"))
            assert j["events"] == sum(start <= t < end for t in times)


def test_a_window_closes_when_the_watermark_passes_its_end() -> None:
    """At max(ts) - lateness and not a millisecond before."""
    early = [raw(1, START), raw(2, START + 20 * SECOND + LATENESS - 1)]
    assert judgements(early) == []
    closed = judgements([*early, raw(3, START + 20 * SECOND + LATENESS)])
    assert [(j["window"], j["events"]) for j in closed] == [("1m", 1)]


@pytest.mark.parametrize(
    ("behind_ms", "fate"),
    [
        (LATENESS, "on time"),
        (LATENESS + 1, "amended"),
        (LATENESS + 2 * 60 * SECOND, "amended"),
        (LATENESS + 2 * 60 * SECOND + 1, "late"),
    ],
)
def test_the_limits_of_lateness_and_amend(behind_ms: int, fate: str) -> None:
    """At the watermark a record is on time, a millisecond below it is amended; at the watermark
    less amend it is still amended, a millisecond below that it is late."""
    values = [raw(1, START + HOUR), raw(2, START + HOUR - behind_ms), beat(START + 2 * HOUR)]
    out, pipeline = run([model()], 1, [batch(values)])
    counts = {
        (j["end"], j["revision"]): j["events"]
        for j in trees(out, "judgements")
        if j["window"] == "5m"
    }
    whole = ms_to_rfc3339(START + HOUR + 30 * SECOND)
    late = pipeline.tallies[0].outcomes.by_outcome.get("predictions/late", 0)
    assert late == (fate == "late")
    assert counts[whole, 0] == (2 if fate == "on time" else 1)
    assert counts.get((whole, 1)) == (2 if fate == "amended" else None)


def test_silence_is_judged_until_a_tiling_window_is_empty() -> None:
    """Decisions read the windows that tile time.  When events stop between two of them (the
    heartbeats go on), judging goes on until one of those is empty, and then rests."""
    values = [raw(i, START + i * SECOND) for i in range(50)]
    found = judgements([*values, beat(START + 3 * HOUR)])
    assert ends(found, "5m")[-1] == 600
    assert [j["events"] for j in found if j["window"] == "5m"][-1] == 0
    assert ends(found, "1m")[-1] == 120


def test_after_silence_judging_resumes_at_the_next_event() -> None:
    """The first window judged again is the first that ends after the new event."""
    values = [raw(1, START), raw(2, START + HOUR + 25 * SECOND), beat(START + 2 * HOUR)]
    at = ends(judgements(values), "1m")
    assert next(end for end in at if end > 120) == 3_640
    assert at == [20, 40, 60, 80, 100, 120, 3_640, 3_660, 3_680, 3_700, 3_720]


def test_a_jump_of_ten_years_is_cheap() -> None:
    """One event ten years on costs as many judgements as one a day on; nothing in between."""
    day = judgements([raw(1, START), raw(2, START + 24 * HOUR), beat(START + 48 * HOUR)])
    jump = judgements([raw(1, START), raw(2, START + 10 * YEAR), beat(START + 20 * YEAR)])
    assert len(jump) == len(day) < 60


def flushed(tallies: list[Tally], judge: Judge) -> list[Publish]:
    """Let every tally tell the judge what it has."""
    out: list[Publish] = []
    for tally in tallies:
        for effect in tally.flush():
            out += judge.accept(effect.value or b"")
    return out


def test_an_unheard_source_holds_the_windows() -> None:
    """A partition that said nothing yet holds them, a heartbeat alone is enough to go on, and what
    it counted is nothing."""
    tallies, judge = [Tally(p, 2, [model()]) for p in range(2)], Judge(model(), 2)
    tallies[0].accept(batch([raw(i, START + i * SECOND) for i in range(200)]))
    assert flushed(tallies, judge) == []
    assert judge.clock_ms is None
    tallies[1].accept(batch([beat(START + 50 * SECOND)], partition=1))
    assert [j["events"] for j in trees(flushed(tallies, judge), "judgements")] == [20]
    assert judge.clock_ms == START + 20 * SECOND


def test_a_declared_idle_source_does_not_hold_the_windows() -> None:
    """Silence proves nothing until it is declared; the first record afterwards ends it, and what
    that partition then brings for closed windows is an amendment."""
    tallies, judge = [Tally(p, 2, [model()]) for p in range(2)], Judge(model(), 2)
    tallies[0].accept(batch([raw(i, START + i * SECOND) for i in range(131)]))
    assert flushed(tallies, judge) == []
    tallies[1].declare_idle("predictions", model().key)
    closed = trees(flushed(tallies, judge), "judgements")
    assert ends(closed, "1m") == [20, 40, 60, 80, 100]
    tallies[1].accept(batch([raw(1, START + 5 * SECOND)], partition=1))
    assert flushed(tallies, judge) == []
    values = [raw(i, START + i * SECOND) for i in (131, 3600)]
    tallies[0].accept(batch(values, first=131))
    assert flushed(tallies, judge) == []
    tallies[1].accept(batch([beat(START + HOUR)], first=1, partition=1))
    later = trees(flushed(tallies, judge), "judgements")
    first = next(j for j in later if j["revision"] == 1)
    assert (first["end"], first["events"]) == (ms_to_rfc3339(START + 20 * SECOND), 21)


def test_a_pane_that_turns_up_after_its_end_is_amendment() -> None:
    """A partition wakes up with a record for a pane that nobody else had and that event time has
    passed: the windows judged from now on have it in revision 1, not in revision 0."""
    tallies, judge = [Tally(p, 2, [model()]) for p in range(2)], Judge(model(), 2)
    tallies[1].declare_idle("predictions", model().key)
    tallies[0].accept(batch([raw(1, START), raw(2, START + 100 * SECOND)]))
    flushed(tallies, judge)
    tallies[1].accept(batch([raw(3, START + 35 * SECOND)], partition=1))
    assert flushed(tallies, judge) == []
    tallies[0].accept(batch([beat(START + HOUR)], first=2))
    tallies[1].accept(batch([beat(START + HOUR)], first=1, partition=1))
    found = trees(flushed(tallies, judge), "judgements")
    five = ms_to_rfc3339(START + 120 * SECOND)
    told = {j["revision"]: j["events"] for j in found if (j["window"], j["end"]) == ("5m", five)}
    assert told == {0: 2, 1: 3}


def test_idleness_of_one_topic_leaves_the_other() -> None:
    """A source is one topic of one partition."""
    separate = model_of(spec_text(inputs="[features, predictions]"))
    tally, judge = Tally(0, 1, [separate]), Judge(separate, 1)
    tally.accept(batch([raw(1, START), raw(2, START + HOUR)]))
    assert flushed([tally], judge) == []
    tally.declare_idle("labels", separate.key)
    assert flushed([tally], judge) == []
    tally.declare_idle("features", separate.key)
    assert flushed([tally], judge) != []


def test_counts_for_rolled_up_panes_are_reported() -> None:
    """What comes for a pane that is in no ring any more is told on the late topic as (partition,
    pane, n), once, and is in no window."""
    tallies, judge = [Tally(p, 2, [model()]) for p in range(2)], Judge(model(), 2)
    tallies[1].declare_idle("predictions", model().key)
    tallies[0].accept(batch([raw(1, START), raw(2, START + HOUR)]))
    flushed(tallies, judge)
    tallies[1].accept(batch([raw(3, START), raw(4, START)], partition=1))
    out = flushed(tallies, judge)
    assert [effect.topic for effect in out] == ["late"]
    told = orjson.loads(out[0].value or b"")
    assert (told["partition"], told["pane_start_ms"], told["events"]) == (1, START, 2)
    restored = Judge(model(), 2, resume=judge.snapshot())
    again = Tally(1, 2, [model()], resume=tallies[1].snapshot())
    assert flushed([again], restored) == []
    assert judge.late_counts == restored.late_counts == 2


def test_two_versions_are_judged_apart() -> None:
    """The events of each version count for it alone; a heartbeat is for all versions."""
    other = model_of(spec_text(version="v2"))
    values = [raw(i, START + i * SECOND, version="v2" if i % 3 == 0 else "v1") for i in range(60)]
    out, _ = run([model(), other], 1, [batch([*values, beat(START + HOUR)])])
    found = trees(out, "judgements")
    first = {j["version"]: j["events"] for j in found if j["end"].endswith("10:01:00Z")}
    assert first == {"v1": 40, "v2": 20}


def test_many_waiting_panes_are_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one source lags by days, panes wait; each step then looks at the first one only."""
    looked = 0

    class Watched(dict[Any, Any]):
        def items(self) -> Any:  # noqa: ANN401
            nonlocal looked
            looked += len(self)
            return super().items()

    tallies, judge = [Tally(p, 2, [model()]) for p in range(2)], Judge(model(), 2)
    events = stream(1, 300, step_ms=10_000)
    tallies[0].accept(batch([orjson.dumps(e) for e in events]))
    flushed(tallies, judge)
    panes = judge.data.merge.open
    monkeypatch.setattr(panes, "panes", Watched(panes.panes))
    tallies[1].accept(batch([beat(START + 2 * HOUR)], partition=1))
    assert len(trees(flushed(tallies, judge), "judgements")) > 200
    assert looked == 0
