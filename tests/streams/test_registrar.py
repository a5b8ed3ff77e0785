"""What a worker knows of the topic ``models``: when it asks, whom it tells, who tells of faults."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from engine.model import MonitoredModel
from engine.terms import Term
from streams.benches import panes_partition
from streams.control import ControlRecord
from streams.live import LiveState
from streams.model_register import ModelRegister
from streams.registrar import MAX_ASKED_AT_ONCE, Registrar
from streams.snapshots import Record
from tests.engine.models import model_of, spec_text
from tests.streams.test_model_register import MODEL, at, records


class Feed:
    """The topic of a test."""

    def __init__(self) -> None:
        self.log: list[ControlRecord] = []
        self.read = 0
        self.asked = 0

    def append(self, written: Sequence[Record]) -> None:
        """More records."""
        for record in written:
            self.log.append(at(len(self.log), record))

    async def begin(self, positions: Mapping[Any, int]) -> None:
        """From the start."""
        assert not positions

    async def to_end(self) -> AsyncIterator[list[ControlRecord]]:
        """The rest."""
        yield await self.fetch()

    async def up_to_now(self) -> AsyncIterator[list[ControlRecord]]:
        """The rest, as it was asked for."""
        self.asked += 1
        yield await self.fetch()

    async def fetch(self) -> list[ControlRecord]:
        """The rest."""
        found = self.log[self.read :]
        self.read = len(self.log)
        return found


class Core:
    """What was learned."""

    def __init__(self) -> None:
        self.models: list[str] = []
        self.terms: dict[str, Term] = {}

    def learn(self, models: Sequence[MonitoredModel], terms: Mapping[str, Term]) -> None:
        """Keep it."""
        self.models, self.terms = [model.key for model in models], dict(terms)


def test_whoever_meets_an_unknown_version_asks_first() -> None:
    """It is known before it is counted; asked again within a second nobody is."""

    async def main() -> None:
        feed, core = Feed(), Core()
        first = model_of(spec_text(version="v1"))
        live = LiveState()
        registrar = Registrar(feed, ModelRegister([first]), core, live)
        await registrar.begin()
        assert core.models == ["m@v1"]
        await registrar.meet({"m@v2"})
        assert (feed.asked, core.models) == (1, ["m@v1"])
        feed.append(records())
        await registrar.meet({"m@v2"})
        assert feed.asked == 1, "within the second"
        await registrar.meet({"m@v3"})
        assert (feed.asked, core.models) == (2, ["m@v1", "m@v2"])
        assert core.terms["m@v1"].successor == "v2"
        assert live.usage["models"]() == 1, "what has an end is not counted"

    asyncio.run(main())


def test_records_that_say_nothing_new_disturb_nobody() -> None:
    """Parts without a head, and a version that is registered once more as it is."""

    async def main() -> None:
        feed, told = Feed(), []
        registrar = Registrar(feed, ModelRegister([MODEL]), Core(), LiveState())

        async def learned() -> None:
            told.append(1)

        registrar.learned = learned
        feed.append(records()[:-1])
        await registrar.begin()
        assert len(told) == 1
        feed.append(records()[:-1])
        await registrar.meet({"m@x"})
        assert len(told) == 1
        feed.append(records()[-1:])
        await registrar.meet({"m@y"})
        assert len(told) == 2

    asyncio.run(main())


def test_what_is_refused_is_a_dead_letter_of_one_worker() -> None:
    """Of the one that holds the partition of the model's panes."""

    async def main() -> None:
        feed, live = Feed(), LiveState()
        registrar = Registrar(feed, ModelRegister([MODEL]), Core(), live)
        feed.append(records()[1:])
        await registrar.begin()
        assert live.refused_model_records == {"torn": 1}
        home = panes_partition("m", 4)
        other = [p for p in range(4) if p != home]
        (letter,) = registrar.letters(4, [home])
        assert dict(letter.headers)["longshore.reason"] == b"model_torn"
        feed.append(records()[-1:])
        await registrar.meet({"m@x"})
        assert registrar.letters(4, other) == []

    asyncio.run(main())


def test_a_flood_of_unknown_names_costs_no_more_than_a_question_a_second() -> None:
    """Twenty in a row, then one a second; a pane of an unknown version is always asked about."""

    async def main() -> None:
        feed = Feed()
        registrar = Registrar(feed, ModelRegister([MODEL]), Core(), LiveState())
        await registrar.begin()
        for number in range(200):
            await registrar.meet({f"m@{number}"})
        assert feed.asked == MAX_ASKED_AT_ONCE
        await registrar.meet({"m@pane"}, of_panes=True)
        assert feed.asked == MAX_ASKED_AT_ONCE + 1
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        loop.time = lambda: now_s + 3.0  # type: ignore[method-assign]
        for number in range(200):
            await registrar.meet({f"m@later {number}"})
        assert MAX_ASKED_AT_ONCE + 3 <= feed.asked <= MAX_ASKED_AT_ONCE + 5

    asyncio.run(main())


def test_refused_registrations_are_a_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """For each reason; all are counted."""

    async def main() -> None:
        feed, live = Feed(), LiveState()
        registrar = Registrar(feed, ModelRegister([MODEL]), Core(), live)
        for number in range(50):
            feed.append([(b"m/v%d" % number, b"["), (b"nonsense", b"")])
        await registrar.begin()
        assert live.refused_model_records == {"malformed": 50, "bad_key": 50}

    with caplog.at_level(logging.ERROR, "longshore.worker"):
        asyncio.run(main())
    told = [line.getMessage() for line in caplog.records]
    assert len(told) == 2, told
    assert told[0].startswith("models/0 offset 0 is not used: ")
