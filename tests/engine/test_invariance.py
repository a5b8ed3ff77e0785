"""What a log says does not depend on how it was cut, flushed or interleaved.

The streams here are disordered from a seed: 10 % of the records out of order inside the lateness,
1 % inside amend, 0.1 % (and at least one) beyond.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.judge import Judge
from engine.model import MonitoredModel
from engine.panes import panes_target
from engine.records import RecordBatch
from engine.tally import Tally
from tests.engine.models import (
    HOUR,
    MINUTE,
    SECOND,
    START,
    batch,
    beat,
    disordered,
    ended,
    event,
    logs_of,
    model_of,
    pieces,
    raw,
    run,
    said,
    spec_text,
    stream,
    trees,
)
from tests.thoroughness import examples

END = START + 4 * HOUR
ROWS = 1_200
QUICK = settings(max_examples=examples(8), deadline=None, database=None)


@cache
def model() -> MonitoredModel:
    """The usual model, ADWIN on."""
    return model_of(spec_text(duplicates="{last: 50}"))


@cache
def without_estimators() -> MonitoredModel:
    """ADWIN runs per source partition, so only without it do partition counts not matter."""
    return model_of(spec_text(estimators="{}"))


@cache
def arrivals(seed: int = 11) -> list[dict[str, object]]:
    """A disordered stream whose x and y drift in the middle, with a few repeats."""
    events = stream(seed, ROWS, step_ms=700, shift=1.5)
    late = disordered(events, seed, lateness_ms=30 * SECOND, amend_ms=2 * MINUTE)
    return [copy for i, e in enumerate(late) for copy in ([e, e] if i % 97 == 3 else [e])]


@cache
def logs(partitions: int) -> list[RecordBatch]:
    """The logs of the stream, closed with heartbeats."""
    return ended(logs_of(arrivals(), partitions), END)


@cache
def undisturbed(partitions: int) -> dict[str, list[bytes]]:
    """What is said of the logs taken whole with one flush."""
    return said(run([model()], partitions, logs(partitions))[0])


def shuffled_steps(
    whole: list[RecordBatch], seed: int, *, cuts: int, flushes: float
) -> list[RecordBatch | None]:
    """The logs in random pieces, the partitions' pieces interleaved at random, random flushes."""
    random = np.random.default_rng(seed)
    queues = [
        pieces(log, random.integers(0, len(log) + 1, int(random.integers(0, cuts))).tolist())
        for log in whole
    ]
    steps: list[RecordBatch | None] = []
    while any(queues):
        queue = queues[int(random.integers(0, len(queues)))]
        if queue:
            steps.append(queue.pop(0))
            if random.random() < flushes:
                steps.append(None)
    return steps


def test_the_stream_exercises_everything() -> None:
    """The stream used below has late, amended and repeated records, drift, alarms and a trigger."""
    out, pipeline = run([model()], 2, logs(2))
    ends: Counter[str] = Counter()
    for tally in pipeline.tallies:
        ends.update(tally.outcomes.by_outcome)
    assert ends["predictions/late"] > 0
    assert ends["predictions/duplicate"] > 0
    assert len(said(out, ["late"])["late"]) == ends["predictions/late"]
    judgements = trees(out, "judgements")
    assert {j["revision"] for j in judgements} == {0, 1}
    assert sum(j["features"]["x"]["adwin"]["alarms"] for j in judgements) > 0
    assert len(trees(out, "retraining-triggers")) > 0
    assert "open" in {a["state"] for a in trees(out, "alerts")}


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_cut_and_flushed_anywhere(partitions: int, seed: int) -> None:
    """Any cutting of the logs, any interleaving of the partitions and any pattern of flushes give
    the same judgements, alerts and triggers, byte for byte and in the same order."""
    steps = shuffled_steps(logs(partitions), seed, cuts=40, flushes=(0.02, 0.2, 0.6, 1.0)[seed])
    assert said(run([model()], partitions, steps)[0]) == undisturbed(partitions)


@QUICK
@given(cuts=st.lists(st.integers(0, ROWS), max_size=6), seed=st.integers(0, 2**32 - 1))
def test_a_tally_does_not_know_its_batches(cuts: list[int], seed: int) -> None:
    """Snapshot, dead letters and late records are functions of the log, whatever the cuts."""
    random = np.random.default_rng(seed)
    values = list(logs(1)[0].values)
    for at in random.integers(0, len(values), 5).tolist():
        values.insert(at, b"broken" if at % 2 else raw(at, START, model=f"other{at}"))
    log = batch(values)
    whole, cut = Tally(0, 1, [model()]), Tally(0, 1, [model()])
    letters = whole.accept(log)
    found = [letter for piece in pieces(log, cuts) for letter in cut.accept(piece)]
    assert found == letters
    assert cut.snapshot() == whole.snapshot()
    assert cut.outcomes == whole.outcomes


def test_every_record_singly() -> None:
    """A flush after every single record changes nothing either."""
    events = arrivals()[:300]
    whole = ended(logs_of(events, 2), END)
    singles: list[RecordBatch | None] = []
    for log in whole:
        for piece in pieces(log, range(len(log))):
            singles += [piece, None]
    assert said(run([model()], 2, singles)[0]) == said(run([model()], 2, whole)[0])


def test_partitions_do_not_matter_without_estimators() -> None:
    """Counts are integers and add up: 1, 2 and 4 partitions say the same to the last bit.

    On-time and amended are judged against each source's own order, so this holds for streams in
    order; a disordered one may be cut into other sources with other watermarks.
    """
    events = stream(3, ROWS, step_ms=700, shift=1.5)
    answers = [
        said(run([without_estimators()], n, ended(logs_of(events, n), END))[0]) for n in (1, 2, 4)
    ]
    assert answers[0]["retraining-triggers"]
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]


@pytest.mark.parametrize("seed", range(3))
def test_features_and_predictions_interleave_freely(seed: int) -> None:
    """Two topics of one partition are two sources: the order in which their batches are read, one
    against the other, changes nothing."""
    separate = model_of(spec_text(inputs="[features, predictions]"))
    features, predictions = [], []
    for tree in arrivals():
        features.append({**tree, "score": None})
        predictions.append({**tree, "features": None})
    whole = [
        *ended(logs_of(features, 2, "features"), END),
        *ended(logs_of(predictions, 2, "predictions"), END),
    ]
    expected = said(run([separate], 2, whole)[0])
    assert expected["retraining-triggers"]
    steps = shuffled_steps(whole, seed, cuts=15, flushes=0.4)
    assert said(run([separate], 2, steps)[0]) == expected


@pytest.mark.parametrize("seed", range(4))
def test_partitions_reach_the_judge_in_any_order(seed: int) -> None:
    """The panes topic keeps the order of each tally; how the tallies mix there does not matter."""
    partitions, random = 4, np.random.default_rng(seed)
    queues = []
    for log in logs(partitions):
        tally, written = Tally(log.partition, partitions, [model()]), []
        for piece in pieces(log, range(0, len(log), 40)):
            tally.accept(piece)
            written += tally.flush()
        queues.append(written)
    judge, out = Judge(model(), partitions), []
    while any(queues):
        queue = queues[int(random.integers(0, partitions))]
        for effect in queue[: int(random.integers(1, 20))]:
            assert effect.value is not None
            assert panes_target(effect.value) == "m@v1"
            out += judge.accept(effect.value)
            queue.pop(0)
    assert said(out) == undisturbed(partitions)


def test_late_records_are_counted_and_carried_once() -> None:
    """Beyond lateness and amend a record goes to the late topic with its bytes and a counter, and
    is in no window."""
    tree = event(1, START)
    values = [raw(0, START + 10 * MINUTE), orjson.dumps(tree), beat(END)]
    out, pipeline = run([model()], 1, [batch(values)])
    late = [effect for effect in out if effect.topic == "late"]
    assert [effect.value for effect in late] == [values[1]]
    assert dict(late[0].headers)["longshore.reason"] == b"late"
    assert pipeline.tallies[0].outcomes.late_by_model == {"m@v1": 1}
    assert max(j["events"] for j in trees(out, "judgements")) == 1


def test_amended_records_are_in_revision_1_only() -> None:
    """A record past the lateness but inside amend is not in revision 0; revision 1 comes once per
    window that it changed, and differs by it."""
    values = [raw(0, START), raw(1, START + 50 * SECOND), raw(2, START + SECOND), beat(END)]
    judgements = trees(run([model()], 1, [batch(values)])[0], "judgements")
    minute = [j for j in judgements if j["window"] == "1m" and j["end"] == "2013-01-07T10:01:00Z"]
    assert [(j["revision"], j["events"]) for j in minute] == [(0, 2), (1, 3)]
    assert sum(j["revision"] for j in judgements if j["window"] == "1m") == 3


def test_amended_panes_alone_do_not_open_windows() -> None:
    """A window is judged for its on-time events: records that only amend a silent stretch do not
    decide which windows are due, however the flushes fell."""
    values = [raw(0, START), raw(1, START + HOUR), beat(START + 2 * HOUR)]
    values += [raw(2, START + 2 * HOUR - MINUTE), beat(END)]
    quiet = run([model()], 1, [batch([*values[:3], values[4]])])[0]
    expected = [j for j in trees(quiet, "judgements") if j["revision"] == 0]
    for cuts in ([], [3], [4], [1, 2, 3, 4]):
        steps = [step for piece in pieces(batch(values), cuts) for step in (piece, None)]
        out = trees(run([model()], 1, steps)[0], "judgements")
        assert [j for j in out if j["revision"] == 0] == expected
