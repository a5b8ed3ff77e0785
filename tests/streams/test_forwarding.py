"""Control records reach the judges by their panes: once each, in order, and whose they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import orjson

from engine.panes import Forwarded, decode
from streams.benches import Bench, Seat, panes_partition
from streams.control import ControlError, ControlRecord
from streams.forwarding import Forwarding, place_of
from streams.starting_offsets import Source
from tests.streams.sinks import JudgesOnly, Shell, Sink

ROLE = "retraining-results"
PARTITIONS = 4
HOME = panes_partition("m", PARTITIONS)


def result(status: str = "accepted", **more: object) -> bytes:
    """The bytes of one."""
    return orjson.dumps({"trigger_id": "t", "status": status, **more})


class Reader:
    """A control topic of one partition."""

    def __init__(self, *records: tuple[bytes | None, bytes | None]) -> None:
        self.records = list(records)
        self.began: list[dict[Source, int]] = []
        self.away = False
        self._at = 0

    async def begin(self, positions: Mapping[Source, int]) -> None:
        """Read from there."""
        if self.away:
            raise ControlError("nobody there")
        self.began.append(dict(positions))
        self._at = positions.get((ROLE, 0), 0)

    async def fetch(self) -> list[ControlRecord]:
        """The rest."""
        start, self._at = self._at, len(self.records)
        rows = enumerate(self.records[start:], start)
        return [ControlRecord(ROLE, 0, at, -1, key, value) for at, (key, value) in rows]

    async def close(self) -> None:
        """Nothing to give back."""


class Stage:
    """A worker that holds every partition of the panes."""

    def __init__(self, reader: Reader, topic_id: str = "id") -> None:
        core: Any = JudgesOnly(0)
        core.read = lambda value: (decode(value).target, False)
        self.sink = Sink()
        self.shell = Shell(core, self.sink, PARTITIONS)
        judging, outbox, live = self.shell.judging, self.shell.outbox, self.shell.live
        ids = {ROLE: topic_id}
        self.forwarding = Forwarding(core, PARTITIONS, judging, outbox, reader, ids, live)

    def sent(self, topic: str) -> list[tuple[bytes | None, bytes | None]]:
        """Key and value of what was sent to a topic."""
        return [(k, v) for name, k, v in self.sink.sent if name == f"drift.{topic}"]

    def offsets(self) -> list[int]:
        """Of the records among the panes."""
        told = [decode(value or b"") for _, value in self.sent("panes")]
        return [cast("Forwarded", one).offset for one in told]


def test_a_result_is_written_among_the_panes_of_its_model() -> None:
    """Under the model's name, with where it came from; a second turn has nothing more to do."""

    async def main() -> None:
        stage = Stage(Reader((b"m", result()), (None, result(model="m"))))
        await stage.shell.take_up()
        await stage.forwarding.turn()
        await stage.forwarding.turn()
        assert [key for key, _ in stage.sent("panes")] == [b"m", b"m"]
        assert stage.offsets() == [0, 1]
        told = decode(stage.sent("panes")[0][1] or b"")
        assert told == Forwarded("m@", ROLE, "id", 0, 0, -1, result())
        assert stage.shell.live.control_records == {(ROLE, "forwarded"): 2}

    asyncio.run(main())


def test_each_is_acknowledged_before_the_next_is_sent() -> None:
    """So that none can be missing before one that is there."""

    async def main() -> None:
        stage = Stage(Reader((b"m", result()), (b"m", result("ready", version="v2"))))
        await stage.shell.take_up()
        stage.sink.answers = False
        turn = asyncio.ensure_future(stage.forwarding.turn())
        await asyncio.sleep(0.01)
        assert stage.offsets() == [0]
        assert stage.shell.judging.benches[HOME].control == {}
        stage.sink.come_back()
        await turn
        assert stage.offsets() == [0, 1]

    asyncio.run(main())


def test_what_is_no_result_is_one_dead_letter() -> None:
    """Of one partition of the panes only, with its bytes; what follows is not held up."""

    async def main() -> None:
        bad: list[tuple[bytes | None, bytes | None]] = [
            (b"m", b"{"),
            (b"m", None),
            (None, result()),
            (b"m", result("done")),
            (b"stranger", result()),
        ]
        stage = Stage(Reader(*bad, (b"m", result())))
        await stage.shell.take_up()
        await stage.forwarding.turn()
        assert [value for _, value in stage.sent("dead-letters")] == [v for _, v in bad]
        assert stage.offsets() == [len(bad)]
        assert stage.shell.live.control_records[ROLE, "rejected"] == len(bad)

    asyncio.run(main())


def test_a_successor_goes_on_where_the_judges_were_saved() -> None:
    """What was handed on after that is handed on again; a topic made anew from its beginning."""

    async def main() -> None:
        reader = Reader((b"m", result()))
        stage = Stage(reader)
        await stage.shell.take_up()
        await stage.forwarding.turn()
        await stage.shell.judging.checkpoint()
        reader.records += [(b"m", result("ready", version="v2"))]
        stage.forwarding.drop()
        await stage.shell.take_up()
        for bench in stage.shell.judging.benches.values():
            assert bench.control == {place_of((ROLE, 0), "id"): 1}
        await stage.forwarding.turn()
        assert reader.began == [{}, {(ROLE, 0): 1}]
        assert stage.offsets() == [0, 1]

        stage.forwarding.drop()
        await stage.shell.take_up()
        await stage.forwarding.turn()
        assert stage.offsets() == [0, 1, 1]

        await stage.shell.judging.checkpoint()
        await stage.shell.take_up()
        other = Reader((b"m", result("rejected")))
        ids, shell = {ROLE: "another id"}, stage.shell
        core: Any = shell.core
        anew = Forwarding(core, PARTITIONS, shell.judging, shell.outbox, other, ids, shell.live)
        await anew.turn()
        assert other.began == [{}]
        assert stage.offsets() == [0, 1, 1, 0]

    asyncio.run(main())


def test_a_gap_in_the_panes_hands_everything_on_again() -> None:
    """What stood in it may be results."""

    async def main() -> None:
        stage = Stage(Reader((b"m", result())))
        await stage.shell.take_up()
        await stage.forwarding.turn()
        stage.shell.judging.read_on_from(HOME, 7)
        stage.forwarding.drop()
        await stage.forwarding.turn()
        assert stage.offsets() == [0, 0]

    asyncio.run(main())


def test_brokers_that_are_away_are_asked_again_later() -> None:
    """A worker goes on without results, and does not ask at every beat."""

    async def main() -> None:
        reader = Reader((b"m", result()))
        reader.away = True
        stage = Stage(reader)
        await stage.shell.take_up()
        await stage.forwarding.turn()
        reader.away = False
        await stage.forwarding.turn()
        assert stage.offsets() == []
        stage.forwarding._ask_at_s = 0.0
        await stage.forwarding.turn()
        assert stage.offsets() == [0]

    asyncio.run(main())


def test_without_judges_nothing_is_read() -> None:
    """A spare worker has no positions to read from."""

    async def main() -> None:
        reader = Reader((b"m", result()))
        stage = Stage(reader)
        await stage.forwarding.turn()
        assert reader.began == []

    asyncio.run(main())


def test_of_two_versions_the_one_that_asked_is_told() -> None:
    """Whichever is newer; where none asked, the last of them, and no other model's."""

    def seat(*known: bytes) -> Seat:
        judge = SimpleNamespace(knows=lambda value: value in known, takes_answers=True)
        return Seat(cast("Any", judge), cast("Any", None), 0)

    bench = Bench(cast("Any", None), 0)
    bench.seats = {"m@v2": seat(), "m@v1": seat(b"asked"), "mm@v1": seat(b"asked", b"other")}
    assert bench.about("m@", b"asked", 7) is bench.seats["m@v1"]
    assert bench.about("m@", b"other", 7) is bench.seats["m@v2"]
    assert bench.about("n@", b"other", 7) is None
    assert bench.about("m@v", b"asked", 7) is None
    bench.seats["m@v1"].covered = 9
    assert bench.about("m@", b"other", 8) is bench.seats["m@v1"], "which drops what it is past"
    assert bench.about("m@", b"other", 9) is bench.seats["m@v2"]
