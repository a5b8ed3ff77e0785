"""One worker: the real shell and the real core, wired as :func:`streams.app.wire` wires them.

Rule.  Everything that decides is the product's own; what is made up is only what it would talk to.
A worker that fails leaves as :class:`streams.worker.Worker` does: without saving, and its process
ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random

from engine.terms import Term
from streams.agents import Agents
from streams.checkpoint import Outbox
from streams.forwarding import Forwarding
from streams.judging import Judging
from streams.learning import Learning
from streams.live import LiveState
from streams.model_register import ModelRegister
from streams.registrar import Registrar
from streams.settings import Settings
from streams.snapshot_table import Home, SnapshotTable
from streams.topics import BATCHED_ROLES
from tests.simulation.answers import TOPIC_IDS as ANSWERED_IDS
from tests.simulation.answers import Answers
from tests.simulation.broker import SNAPSHOTS, Broker
from tests.simulation.consumer import Consumer
from tests.simulation.feed import Feed
from tests.simulation.group import Group
from tests.simulation.observed import ObservedCore
from tests.simulation.pausing import Pauses, PausingTallying
from tests.simulation.producing import Producer
from tests.simulation.registering import Registering
from tests.simulation.table import Table
from tests.simulation.virtual_time import Process, VirtualLoop
from tests.simulation.waiting import Disks, places
from tests.simulation.weather import Weather

TOPIC_IDS = {role: f"id of {role}" for role in BATCHED_ROLES}


class Worker:
    """A process with its parts."""

    registrar: Registrar | None
    """Who learns of versions; None where they are those of the start."""

    def __init__(
        self,
        name: str,
        loop: VirtualLoop,
        broker: Broker,
        group: Group,
        core: ObservedCore,
        settings: Settings,
        weather: Weather,
        chance: Random,
        part_bytes: int,
        pauses: Pauses,
        ended: Callable[[Worker, BaseException | None], None],
        disks: Disks | None = None,
        answers: Answers | None = None,
        registering: Registering | None = None,
    ) -> None:
        self._core, self.registrar = core, None
        self.process = Process(name)
        self._loop = loop
        self._group = group
        self._ended = ended
        self._leaving = False
        self.was_member = True
        """Whether the group still counted on it when it ended by itself."""
        self.producer = Producer(loop, self.process, broker, weather, chance)
        self.live = LiveState()
        self._feed = Feed(broker, settings.batch_size, chance)
        table = Table(broker, chance)
        self._consumer = Consumer(
            loop,
            self.process,
            group,
            self._feed,
            table,
            self.producer,
            chance,
            settings.group_instance_id,
        )
        send = self.producer.send
        outbox = Outbox(send, str, core.read, self.live)
        home = Home(broker.partitions, TOPIC_IDS, part_bytes=part_bytes)
        snapshots = SnapshotTable(table, SNAPSHOTS, send, self.live, home)
        kept = None if disks is None else places(broker, self.producer, disks, self.live, chance)
        whole = core, outbox, snapshots, self._feed, self.live, kept
        tallying = PausingTallying(*whole, pauses=pauses)
        judging = Judging(core, broker.partitions, outbox, snapshots, self.live)
        forwarding = None
        if answers is not None:
            parts = core, broker.partitions, judging, outbox, answers.feed(name), ANSWERED_IDS
            forwarding = Forwarding(*parts, self.live)
        self.agents = Agents(settings, tallying, judging, snapshots, outbox, self.live, forwarding)
        if registering is not None:
            register = ModelRegister(list(core.given))
            self.registrar = Registrar(registering.feed(name), register, core, self.live)
            knows = core, broker.partitions, self.registrar
            self.agents.learning = Learning(*knows, tallying, judging, snapshots, outbox)
            self.registrar.learned = self.agents.learn
        self.agents.consumer = self._consumer
        self._consumer.keeper = self.agents

    def start(self) -> None:
        """Run all parts, once it is known which versions there are."""
        if self.registrar is None:
            self._run()
        else:
            self._loop.spawn(self.process, self._begin(self.registrar))

    async def _begin(self, registrar: Registrar) -> None:
        await registrar.begin()
        self._run()

    def _run(self) -> None:
        streams = self._consumer.streams
        for body in (
            *([] if self.registrar is None else [self.agents.follow()]),
            self._consumer.take_part(),
            self._consumer.fetch(),
            self.agents.tally(streams["tally"]),
            self.agents.judge(streams["judge"]),
            self.agents.beat(),
        ):
            task = self._loop.spawn(self.process, body)
            task.add_done_callback(self._part_ended)
        self._loop.spawn(self.process, self._end_when_failed())

    def _part_ended(self, task: asyncio.Task[object]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.agents.fail(error)

    def has_heard(self, terms: Mapping[str, Term]) -> bool:
        """Whether all that it counts by knows these terms; a dead one will when it starts."""
        if self.process.state == "dead":
            return True
        return self._core.terms == terms and all(
            tally.terms == terms for tally in self.live.tallies.values()
        )

    async def _end_when_failed(self) -> None:
        error = await self.agents.failed
        await asyncio.sleep(0.01)
        self._gone(error)

    def _gone(self, error: BaseException | None) -> None:
        if self.process.state != "dead":
            self.was_member = self.is_member
            self._loop.kill(self.process)
            if self._consumer.member.instance is None:
                self._group.leave(self._consumer.member)
            else:
                self._group.fell_silent(self._consumer.member)  # a static member says no farewell
            self._ended(self, error)

    def stop(self) -> None:
        """SIGTERM: stop taking, save, leave."""
        if not self._leaving:
            self._leaving = True
            self._loop.spawn(self.process, self._stop())

    async def _stop(self) -> None:
        self._consumer._flows.clear()
        await self._feed.unassign()
        await self.agents.give_up()
        self._gone(None)

    def kill(self) -> None:
        """SIGKILL."""
        if self.process.state != "dead":
            self._loop.kill(self.process)
            self._group.fell_silent(self._consumer.member)
            self._ended(self, None)

    def freeze(self) -> None:
        """SIGSTOP."""
        if self.process.state == "running":
            self._loop.freeze(self.process)
            self._group.fell_silent(self._consumer.member)

    def thaw(self) -> None:
        """SIGCONT."""
        self._loop.thaw(self.process)

    @property
    def is_member(self) -> bool:
        """Whether the group still counts on it."""
        return self._group.knows(self._consumer.member)
