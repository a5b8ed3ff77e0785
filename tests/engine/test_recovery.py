"""A crash at any moment changes nothing: the same windows and triggers as without it.

The world here is the shell's contract in one list: a tally's panes are written before its snapshot,
everything since the last snapshot is read and written again, and the judge reads the panes topic
again from the record after its own last snapshot.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from engine.effects import Publish
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.panes import decode
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
    logs_of,
    model_of,
    part,
    pieces,
    raw,
    run,
    said,
    spec_text,
    stream,
)

END = START + 4 * HOUR
PARTITIONS = 2
LAST = 40


@cache
def model() -> MonitoredModel:
    """ADWIN, duplicates and revisions: everything that has state."""
    return model_of(spec_text(duplicates=f"{{last: {LAST}}}"))


@cache
def logs() -> list[RecordBatch]:
    """Disordered logs with repeats and drift."""
    events = stream(21, 900, step_ms=900, shift=1.5)
    late = disordered(events, 21, lateness_ms=30 * SECOND, amend_ms=2 * MINUTE)
    repeated = [copy for i, e in enumerate(late) for copy in ([e, e] if i % 31 == 3 else [e])]
    return ended(logs_of(repeated, PARTITIONS), END)


@cache
def undisturbed() -> dict[str, list[bytes]]:
    """What is said without a crash."""
    return said(run([model()], PARTITIONS, logs())[0])


def panes_of(
    log: RecordBatch, random: np.random.Generator, crash_rate: float
) -> tuple[list[bytes], Tally]:
    """The panes records that a tally writes which crashes now and then; some of them twice.

    A crash may come before the flush, after it, or after the snapshot of the same checkpoint.
    """
    written: list[bytes] = []
    tally, snapshot, generation = Tally(log.partition, PARTITIONS, [model()]), None, 1
    at, last_end = 0, log.offsets[-1] + 1
    while at < last_end:
        to = min(last_end, at + int(random.integers(1, 60)))
        tally.accept(part(log, at, to))
        at = to
        crash = random.random() < crash_rate
        if crash and random.random() < 0.4:
            pass
        else:
            flushed = [effect.value or b"" for effect in tally.flush()]
            lost = int(random.integers(0, len(flushed) + 1)) if crash else len(flushed)
            written += flushed[:lost]
            if lost == len(flushed):
                snapshot = tally.snapshot()
        if crash:
            generation += 1
            tally = Tally(
                log.partition, PARTITIONS, [model()], resume=snapshot, generation=generation
            )
            covered = tally.covered.get("predictions", 0)
            at = max(0, covered - tally.reread_records)
    return written, tally


def judged(
    records: list[bytes], random: np.random.Generator, crash_rate: float
) -> tuple[list[Publish], Judge]:
    """What a judge says that crashes now and then and reads again from its last snapshot."""
    judge, snapshot, covered = Judge(model(), PARTITIONS), None, 0
    kept: list[Publish] = []
    at, since = 0, 0
    while at < len(records):
        kept += judge.accept(records[at])
        at += 1
        if random.random() < 0.05:
            snapshot, covered, since = judge.snapshot(), at, len(kept)
        if random.random() < crash_rate:
            judge = Judge(model(), PARTITIONS, resume=snapshot)
            at = covered
            del kept[since:]
    return kept, judge


def mixed(queues: list[list[bytes]], random: np.random.Generator) -> list[bytes]:
    """The panes topic: every tally's order kept, the tallies mixed."""
    left = [list(queue) for queue in queues]
    records = []
    while any(left):
        queue = left[int(random.integers(0, len(left)))]
        some = int(random.integers(1, 30))
        records += queue[:some]
        del queue[:some]
    return records


@pytest.mark.parametrize("seed", range(6))
def test_crashes_anywhere_change_nothing(seed: int) -> None:
    """Tallies and the judge crash again and again, each going back to its last snapshot: the same
    judgements, alerts and triggers, and the tallies end in the same counts."""
    random = np.random.default_rng(seed)
    rate = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)[seed]
    written = [panes_of(log, random, rate) for log in logs()]
    records = mixed([records for records, _ in written], random)
    kept, _ = judged(records, random, 0.02 * rate)
    assert said(kept) == undisturbed()
    for log, (_, tally) in zip(logs(), written, strict=True):
        clean = Tally(log.partition, PARTITIONS, [model()])
        clean.accept(log)
        assert tally.outcomes == clean.outcomes


def test_a_judge_restored_at_every_record() -> None:
    """A judge replaced by its own snapshot after every single record says the same."""
    records = [
        effect.value or b""
        for log in logs()
        for tally in [Tally(log.partition, PARTITIONS, [model()])]
        for piece in pieces(log, range(0, len(log), 60))
        for effect in [*tally.accept(piece), *tally.flush()]
        if effect.topic == "panes"
    ]
    judge, out = Judge(model(), PARTITIONS), []
    for record in records:
        out += judge.accept(record)
        state = judge.snapshot()
        judge = Judge(model(), PARTITIONS, resume=state)
        assert judge.snapshot() == state
    assert said(out) == undisturbed()


def test_a_tally_restored_after_every_batch_continues_exactly() -> None:
    """Counts, outcomes, watermarks and estimators continue; the epoch rises with every restore."""
    log = logs()[0]
    clean = Tally(0, PARTITIONS, [model()])
    tally = Tally(0, PARTITIONS, [model()])
    for piece in pieces(log, range(0, len(log), 45)):
        clean.accept(piece)
        tally = Tally(0, PARTITIONS, [model()], resume=tally.snapshot())
        assert tally.fresh == []
        again = max(0, piece.offsets[0] - LAST)
        tally.accept(part(log, again, piece.offsets[-1] + 1))
        assert tally.outcomes == clean.outcomes
        assert tally.watermarks_ms() == clean.watermarks_ms()
        mine, theirs = tally._models["m@v1"].state, clean._models["m@v1"].state
        assert sorted(mine.panes) == sorted(theirs.panes)
        assert {n: b.snapshot() for n, b in mine.banks.items()} == {
            n: b.snapshot() for n, b in theirs.banks.items()
        }


def test_every_restore_outranks_what_was_written_before() -> None:
    """The epoch alone does it, also where the group's generation is the same: every record written
    after a restore has a higher stamp than every one before it."""
    tally = Tally(0, 1, [model()], generation=5)
    highest = (0, 0, 0)
    for i in range(4):
        tally.accept(batch([raw(i, START + i * MINUTE)], first=i))
        stamps = [decode(effect.value or b"").stamp for effect in tally.flush()]
        assert min(stamps) > highest
        assert stamps == sorted(stamps)
        highest = max(stamps)
        tally = Tally(0, 1, [model()], resume=tally.snapshot(), generation=5)


@pytest.mark.parametrize("seed", range(3))
def test_a_zombies_late_writes_change_nothing(seed: int) -> None:
    """Another tally takes over from an older snapshot while the first one, unaware, goes on
    writing: whatever of the first arrives late, anywhere among the writes of the second, the
    judgements are the same."""
    random = np.random.default_rng(seed)
    log, other = logs()
    half, more = len(log) // 2, len(log) // 2 + 150
    first = Tally(0, PARTITIONS, [model()], generation=1)
    first.accept(part(log, 0, half // 2))
    before = [effect.value or b"" for effect in first.flush()]
    snapshot = first.snapshot()
    first.accept(part(log, half // 2, half))
    before += [effect.value or b"" for effect in first.flush()]
    zombie = []
    for piece in pieces(part(log, half, more), range(0, 150, 15)):
        first.accept(piece)
        zombie += [effect.value or b"" for effect in first.flush()]
    second, after = Tally(0, PARTITIONS, [model()], resume=snapshot, generation=2), []
    for piece in pieces(part(log, max(0, half // 2 - LAST)), range(0, len(log), 50)):
        second.accept(piece)
        after += [effect.value or b"" for effect in second.flush()]
    partner = Tally(1, PARTITIONS, [model()])
    theirs = []
    for piece in pieces(other, range(0, len(other), 80)):
        partner.accept(piece)
        theirs += [effect.value or b"" for effect in partner.flush()]
    records = before + mixed([zombie, after, theirs], random)
    kept, _ = judged(records, random, 0.01)
    assert said(kept) == undisturbed()


def test_duplicates_are_known_again_after_a_restore() -> None:
    """With the N records before the snapshot read again, repeats across it are found exactly; a
    repeat N + 1 records back is no duplicate, with or without the restore."""
    values = [raw(i, START + i) for i in range(LAST + 2)]
    values += [raw(LAST + 1, START), raw(3, START), raw(3 - 1, START + 7)]
    values += [raw(LAST + i, START) for i in range(2, 4)]
    log = batch(values, first=100)
    clean = Tally(0, 1, [model()])
    clean.accept(log)
    assert clean.outcomes.by_outcome["predictions/duplicate"] == 2
    for cut in range(1, len(log)):
        tally = Tally(0, 1, [model()])
        tally.accept(part(log, 0, cut))
        tally = Tally(0, 1, [model()], resume=tally.snapshot())
        assert tally.reread_records == LAST
        tally.accept(part(log, max(0, cut - LAST)))
        assert tally.outcomes == clean.outcomes


def test_records_below_the_snapshot_are_dropped() -> None:
    """A batch that the state covers, wholly or in part, is not counted again."""
    tally = Tally(0, 1, [model()])
    tally.accept(batch([raw(i, START) for i in range(10)]))
    assert tally.accept(batch([raw(i, START) for i in range(10)])) == []
    tally.accept(batch([raw(i, START) for i in range(5, 15)], first=5))
    assert tally.outcomes.by_outcome == {"predictions/tallied": 15}
    assert tally.covered == {"predictions": 15}


def test_a_changed_layout_starts_counts_afresh_and_keeps_decisions() -> None:
    """After a change of the windows the tally names the model as fresh, the judge drops its counts
    and keeps cool-down and episodes; other policy changes keep both."""
    out, pipeline = run([model()], 1, ended(logs_of(stream(3, 900, shift=2.0), 1), END))
    assert said(out)["retraining-triggers"]
    tally, judge = pipeline.tallies[0], pipeline.judges["m@v1"]
    changed = model_of(spec_text(duplicates=f"{{last: {LAST}}}", windows="[1m]"))
    assert Tally(0, 1, [changed], resume=tally.snapshot()).fresh == ["m@v1"]
    fresh = Judge(changed, 1, resume=judge.snapshot())
    assert fresh.fresh
    assert fresh.clock_ms is None
    assert fresh.decisions == judge.decisions
    calmer = model_of(spec_text(duplicates=f"{{last: {LAST}}}", retraining="{cooldown: 1d}"))
    kept = Judge(calmer, 1, resume=judge.snapshot())
    assert not kept.fresh
    assert kept.clock_ms == judge.clock_ms
    assert Tally(0, 1, [calmer], resume=tally.snapshot()).fresh == []


def test_records_of_another_layout_are_counted_not_used() -> None:
    """While another version of the spec still runs somewhere, its panes are told apart."""
    old = Tally(0, 1, [model_of(spec_text(windows="[1m]"))])
    old.accept(batch([raw(1, START), beat(END)]))
    judge = Judge(model(), 1)
    assert [judge.accept(effect.value or b"") for effect in old.flush()] == [[], []]
    assert judge.foreign_records == 2
    assert judge.clock_ms is None
