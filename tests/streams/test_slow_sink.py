"""A sink that answers late, never or with an error: commits are held, memory stays bounded, and
nothing is lost or out of turn when it is back."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from engine.outcomes import REASONS
from engine.records import RecordBatch
from streams import tallying
from streams.benches import PANES
from streams.checkpoint import MAX_UNSETTLED, UndeliveredError
from streams.core import EngineCore
from streams.feed import PanesBatch
from tests.engine.models import HOUR, START, batch, model_of, raw
from tests.streams.sinks import SNAPSHOTS, JudgesOnly, Shell, Sink, stands_still

BATCH = 2_000
LATE = "drift.late"
DEAD = "drift.dead-letters"


def late_batches(count: int) -> list[RecordBatch]:
    """A batch with the newest event, then batches in which every record is too late."""
    values: list[bytes | None] = [raw(i, START) for i in range(BATCH)]
    batches = [batch([raw(0, START + 2 * HOUR)])]
    return [*batches, *(batch(values, first=1 + at * BATCH) for at in range(count))]


async def taken_in(shell: Shell, batches: list[RecordBatch]) -> None:
    """One after the other, as the agent does."""
    for one in batches:
        await shell.tallying.take_in(one, 1)


def test_a_tally_waits_for_a_silent_sink_and_commits_nothing() -> None:
    """Reading stops at the bound on what is under way, a checkpoint waits, no offset is covered;
    when the sink is back the records go on in offset order and are covered to the last."""

    async def main() -> None:
        sink = Sink(answers=False)
        shell = Shell(EngineCore([model_of()], 1), sink)
        await shell.take_up()
        reading = asyncio.create_task(taken_in(shell, late_batches(6)))
        assert await stands_still(reading)
        assert MAX_UNSETTLED < len(sink.sent) <= MAX_UNSETTLED + BATCH
        saving = asyncio.create_task(shell.tallying.checkpoint())
        assert await stands_still(saving)
        sink.confirm(len(sink.sent) - 1)
        assert await stands_still(reading)
        assert SNAPSHOTS not in sink.topics()
        assert shell.tallying.covered("predictions", 0) is None
        assert shell.live.usage["unsettled_tally_effects"]() <= MAX_UNSETTLED + BATCH
        sink.come_back()
        await asyncio.gather(reading, saving)
        await shell.tallying.checkpoint()
        offsets = 1 + 6 * BATCH
        assert shell.tallying.covered("predictions", 0) == offsets
        assert sink.topics().count(LATE) == 6 * BATCH
        assert sink.most_open <= MAX_UNSETTLED + BATCH

    asyncio.run(main())


def test_a_late_answer_changes_neither_what_is_said_nor_its_order() -> None:
    """The sends of a run whose sink answers a few at a time are those of an undisturbed run; no
    record of a snapshot goes before everything that it covers was confirmed."""

    async def main(*, slow: bool) -> list[tuple[str, bytes | None, bytes | None]]:
        sink = Sink(answers=not slow)
        shell = Shell(EngineCore([model_of()], 1), sink)
        await shell.take_up()

        async def work() -> None:
            for one in late_batches(2):
                await shell.tallying.take_in(one, 1)
                await shell.tallying.checkpoint()

        working = asyncio.create_task(work())
        while not working.done():
            sink.confirm(37)
            await asyncio.sleep(0)
        await working
        assert SNAPSHOTS in sink.topics()
        assert sink.open_at_snapshot == 0
        return sink.sent

    assert asyncio.run(main(slow=True)) == asyncio.run(main(slow=False))


def test_a_sink_that_fails_covers_nothing() -> None:
    """An effect that was refused fails the checkpoint, before any snapshot."""

    async def main() -> None:
        sink = Sink(answers=False)
        shell = Shell(EngineCore([model_of()], 1), sink)
        await shell.take_up()
        await taken_in(shell, late_batches(1))
        saving = asyncio.create_task(shell.tallying.checkpoint())
        assert await stands_still(saving)
        sink.refuse(OSError("gone"))
        with pytest.raises(OSError, match="gone"):
            await saving
        assert SNAPSHOTS not in sink.topics()
        assert shell.tallying.covered("predictions", 0) is None

    asyncio.run(main())


async def told_of_by(shell: Shell, sink: Sink, part: Any, ending: str) -> None:  # noqa: ANN401
    """A checkpoint of this part ends before what it waits for has arrived."""
    saving = asyncio.create_task(part.checkpoint())
    assert await stands_still(saving)
    if ending == "refused":
        sink.refuse(OSError("gone"))
    else:
        saving.cancel()
    await asyncio.wait([saving])
    assert saving.cancelled() or isinstance(saving.exception(), OSError)
    assert SNAPSHOTS not in sink.topics()
    assert shell.judging.covered(0) is None


@pytest.mark.parametrize("ending", ["refused", "cancelled"])
def test_what_one_checkpoint_lost_the_next_does_not_save(ending: str) -> None:
    """A beat's checkpoint fails, or is given up in the middle, and a rebalance saves what it can:
    not a state that says that judgements were made which nobody has."""

    async def main() -> None:
        sink = Sink(answers=False)
        shell = Shell(cast("Any", JudgesOnly(3)), sink)
        await shell.take_up()
        await shell.judging.take_in(PanesBatch(0, [0], [b"m"]), 1)
        await told_of_by(shell, sink, shell.judging, ending)
        again = asyncio.create_task(shell.judging.checkpoint())
        assert await stands_still(again) == (ending == "cancelled"), (
            "what is under way is waited for"
        )
        sink.come_back()
        await asyncio.wait([again])
        assert isinstance(again.exception(), OSError | None)
        assert (SNAPSHOTS in sink.topics()) == (ending == "cancelled")

    asyncio.run(main())


@pytest.mark.parametrize("ending", ["refused", "cancelled"])
def test_panes_that_were_lost_are_in_no_snapshot(ending: str) -> None:
    """They were told once and count as told: the state that knows of them is not saved any more,
    nor is anything told of it, until it was dropped and restored."""

    async def main() -> None:
        sink = Sink(answers=False)
        shell = Shell(EngineCore([model_of()], 1), sink)
        await shell.take_up()
        await shell.tallying.take_in(batch([raw(0, START)]), 1)
        await told_of_by(shell, sink, shell.tallying, ending)
        sink.come_back()
        told = sink.topics()
        await shell.tallying.take_in(batch([raw(1, START + HOUR)], first=1), 1)
        with pytest.raises(UndeliveredError):
            await shell.tallying.flush()
        with pytest.raises(UndeliveredError):
            await shell.tallying.checkpoint()
        assert sink.topics() == told, "a mark would close windows over what was lost"
        shell.outbox.begin_anew()
        await shell.take_up()
        await shell.tallying.take_in(batch([raw(0, START)]), 1)
        await shell.tallying.checkpoint()
        assert SNAPSHOTS in sink.topics()

    asyncio.run(main())


def test_a_judge_waits_for_a_silent_sink_and_commits_nothing() -> None:
    """The same of judgements: the bound holds, nothing is covered, and all is said in order."""
    says, records = 1_500, 8

    async def main() -> None:
        sink = Sink(answers=False)
        shell = Shell(cast("Any", JudgesOnly(says)), sink)
        await shell.take_up()
        panes = PanesBatch(0, list(range(records)), [b"m"] * records)
        judging = asyncio.create_task(shell.judging.take_in(panes, 1))
        assert await stands_still(judging)
        assert MAX_UNSETTLED < len(sink.sent) <= MAX_UNSETTLED + says
        saving = asyncio.create_task(shell.judging.checkpoint())
        assert await stands_still(saving)
        assert shell.judging.covered(0) is None
        assert shell.judging.needed()[PANES, 0] < records, "the record under way is not done"
        sink.come_back()
        await asyncio.gather(judging, saving)
        await shell.judging.checkpoint()
        judged = [value for topic, _, value in sink.sent if topic == "drift.judgements"]
        assert judged == [b"%d" % number for number in range(says * records)]
        assert shell.judging.covered(0) == records
        assert sink.most_open <= MAX_UNSETTLED + says

    asyncio.run(main())


def test_a_flood_of_bad_records_stops_nobody() -> None:
    """Partition 0 gives nothing but bad records while the sink is silent: beyond the first of a
    minute they are counted only, so the reader never waits and partition 1 is counted whole."""
    flood: list[bytes | None] = [b"not json"] * BATCH
    good: list[bytes | None] = [raw(i, START + i) for i in range(BATCH)]
    rounds = 10

    async def main() -> None:
        sink = Sink(answers=False)
        shell = Shell(EngineCore([model_of()], 2), sink, partitions=2)
        await shell.take_up()
        for at in range(rounds):
            for partition, values in ((0, flood), (1, good)):
                one = batch(values, first=at * BATCH, partition=partition)
                reading = asyncio.create_task(shell.tallying.take_in(one, 1))
                assert not await stands_still(reading)
        limit = shell.live.dead_letters
        # A run over the end of a minute carries a second helping.
        assert sink.topics().count(DEAD) == len(sink.sent) <= 2 * limit.per_minute < MAX_UNSETTLED
        carried, left_out = limit.carried["malformed_json"], limit.left_out["malformed_json"]
        assert carried + left_out == rounds * BATCH
        bad, clean = (cast("Any", shell.live.tallies[p]).outcomes for p in (0, 1))
        assert bad.by_outcome == {"predictions/rejected": rounds * BATCH}
        assert clean.by_outcome == {"predictions/tallied": rounds * BATCH}
        assert bad.by_reason.keys() <= set(REASONS)

    asyncio.run(main())


def test_a_history_with_an_event_in_each_pane_is_told_out_of_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Panes never grow beyond the bound and one batch, though the beat never comes."""
    one = model_of()
    pane_ms, events, rounds = one.spec.time.pane_ms, 500, 8
    bound = 2 * events * one.layout.size
    monkeypatch.setattr(tallying, "MAX_OPEN_CELLS", bound)

    async def main() -> None:
        sink = Sink()
        shell = Shell(EngineCore([one], 1), sink)
        await shell.take_up()
        used = shell.live.usage["open_tally_cells"]
        for at in range(rounds):
            rows = range(at * events, (at + 1) * events)
            values: list[bytes | None] = [raw(i, START + i * pane_ms) for i in rows]
            await shell.tallying.take_in(batch(values, first=at * events), 1)
            assert used() <= bound
        told = sink.topics().count("drift.panes")
        assert told > events * (rounds - 3)

    asyncio.run(main())
