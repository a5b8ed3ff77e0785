"""One run of the made-up world, from its seed to its verdict."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Final

from engine.records import RecordBatch
from streams.recovery import RestoreError, StaleOwnerError
from streams.settings import Settings
from streams.starting_offsets import Source
from tests.simulation.answers import Answers
from tests.simulation.broker import PANES, Broker
from tests.simulation.group import Group
from tests.simulation.invariants import Invariants
from tests.simulation.judged_once import judged_once
from tests.simulation.observed import ObservedCore
from tests.simulation.pausing import Pauses
from tests.simulation.plan import FAULTS_END_S, Fault, Plan, plan_of
from tests.simulation.producing import SendError
from tests.simulation.registering import Registering
from tests.simulation.scenarios import BEATS_FOR_THE_SILENT, Scenario
from tests.simulation.small_bounds import small_bounds
from tests.simulation.version_scenarios import case_of
from tests.simulation.virtual_time import Process, StuckError, VirtualLoop, run_virtually
from tests.simulation.waiting import Disks
from tests.simulation.worker import Worker

SETTLED_WITHIN_S: Final = 240.0
"""Virtual time after the last fault within which nothing may be left to do."""
LOOK_S: Final = 1.0
BEAT_S: Final = 8.0
"""Between two heartbeats of a partition that outlives its events."""


class World:
    """A broker, a group, workers and what happens to them."""

    def __init__(self, loop: VirtualLoop, plan: Plan, case: Scenario) -> None:
        self._loop = loop
        self._start_s = loop.time()
        self._plan = plan
        self._case = case
        self._chance = Random(plan.seed + 1)
        self.coverage: Counter[str] = Counter()
        self.broker = Broker(case.partitions, case.logs)
        self.broker.watch = self._watch
        self.group = Group(loop, case.partitions, self._chance)
        self._answers = Answers(plan.seed, loop, self.broker) if plan.answered else None
        self.invariants = Invariants(case, self.broker, self.group, self._answers)
        self._core = ObservedCore(case.models, case.partitions, self.invariants.fail)
        parts = plan.seed, loop, self.broker, case, self._living, self._all_read
        self._registering = Registering(*parts) if case.lessons else None
        self._disks = [
            Disks(Random(f"disk {plan.seed} {slot}")) for slot in range(len(plan.starts_s))
        ]
        self._pauses = Pauses(plan.seed, plan.longest_pause_s)
        self._slots: list[Worker | None] = [None] * len(plan.starts_s)
        self._incarnations = 0
        self._armed: list[Fault] = []
        self._over = False
        self._due: dict[str, int] = {}
        shifted = [(t, self._start_s + a, self._start_s + b) for t, a, b in plan.weather.stuck]
        plan.weather.stuck = shifted

    async def run(self) -> None:
        """Everything until nothing is left to do; raises Violation at the first broken promise."""
        self._loop.set_exception_handler(self._unheard)
        self._produce()
        for slot, start_s in enumerate(self._plan.starts_s):
            self._loop.later(start_s, self._start, slot)
        for fault in self._plan.faults:
            self._loop.later(fault.at_s, self._arm, fault)
        for at_s in self._plan.compactions_s:
            self._loop.later(at_s, self._compact)
        while self._loop.time() - self._start_s < FAULTS_END_S:
            await asyncio.sleep(LOOK_S)
            self.invariants.still_good()
        self._calm_down()
        end_s = self._loop.time() + SETTLED_WITHIN_S
        while not self._settled():
            await asyncio.sleep(LOOK_S)
            self.invariants.still_good()
            if self._loop.time() > end_s:
                self.invariants.fail(f"not settled after {SETTLED_WITHIN_S:g} s: {self._state()}")
        workers = [w for w in self._slots if w is not None]
        self.invariants.finish([w.live for w in workers], repeats=self._repeats())
        self._count()

    # -- events -------------------------------------------------------------------------------

    def _produce(self) -> None:
        """The logs grow in bursts."""
        grow = self.broker.grow if self._registering is None else self._registering.grow
        for source, log in self._case.logs.items():
            at, when_s = 0, 0.0
            beats = BEATS_FOR_THE_SILENT * len(self._case.models) if self._case.silent else 0
            end = max(0, len(log) - beats)
            bursts = self._chance.randint(2, 14)
            while at < end:
                before = at
                at = min(end, at + max(1, round(end / bursts * self._chance.uniform(0.3, 2.0))))
                when_s += self._plan.produced_s / bursts * self._chance.random()
                if before <= self._plan.pause_at * end < at:
                    when_s += self._plan.pause_s
                self._loop.later(when_s, grow, source, at)
            for beat in range(end + 1, len(log) + 1):
                when_s += BEAT_S / len(self._case.models)
                self._loop.later(when_s, grow, source, beat)

    # -- workers ------------------------------------------------------------------------------

    def _start(self, slot: int) -> None:
        self._incarnations += 1
        self._disks[slot].restart()
        settings = self._plan.settings
        if self._plan.static:
            settings = Settings(
                **{f: getattr(settings, f) for f in settings.__struct_fields__}
                | {"group_instance_id": f"slot{slot}"}
            )
        core = self._core
        if self._registering is not None:  # what it learns is its own
            core = ObservedCore(self._case.models, self._case.partitions, self.invariants.fail)
        worker = Worker(
            f"w{slot}.{self._incarnations}",
            self._loop,
            self.broker,
            self.group,
            core,
            settings,
            self._plan.weather,
            self._chance,
            self._plan.part_bytes,
            self._pauses,
            self._ended,
            self._disks[slot] if self._plan.on_disk else None,
            self._answers,
            self._registering,
        )
        self._slots[slot] = worker
        worker.start()

    def _ended(self, worker: Worker, error: BaseException | None) -> None:
        if error is not None:
            self.coverage[f"failed: {type(error).__name__}"] += 1
            # Who froze while it took partitions up compares old state with new offsets.
            outdated = isinstance(error, RestoreError) and not worker.was_member
            if not (outdated or isinstance(error, (SendError, StaleOwnerError))):
                self.invariants.note(f"{worker.process.name} failed: {error!r}")
        self.invariants.unsettled(worker.producer.most_unsettled, self._plan.unsettled)
        slot = self._slots.index(worker)
        self._slots[slot] = None
        self._loop.later(self._restart_s(slot), self._start, slot)

    def _restart_s(self, slot: int) -> float:
        return self._due.pop(str(slot), 0) or self._chance.uniform(0.2, 4.0)

    # -- faults -------------------------------------------------------------------------------

    def _arm(self, fault: Fault) -> None:
        if fault.when is None:
            self._strike(fault)
        else:
            self._armed.append(fault)

    def _watch(self, when: str, topic: str, key: bytes | None, process: Process) -> None:
        del key
        if not self._armed:
            return
        for fault in list(self._armed):
            worker = self._slots[fault.slot]
            if worker is None or worker.process is not process:
                continue
            if (fault.when, fault.topic) == (when, topic):
                fault.nth -= 1
                if fault.nth <= 0:
                    self._armed.remove(fault)
                    self.coverage[f"{fault.action} at {when} {topic}"] += 1
                    self._strike(fault)

    def _strike(self, fault: Fault) -> None:
        worker = self._slots[fault.slot]
        if self._over or worker is None or worker.process.state != "running":
            return
        self.coverage[fault.action] += 1
        if fault.action == "freeze":
            worker.freeze()
            self._loop.later(fault.lasts_s, self._thaw, worker)
            return
        self._due[str(fault.slot)] = fault.lasts_s  # type: ignore[assignment]
        if fault.action == "kill":
            self.coverage["torn snapshot"] += self.invariants.is_torn()
            worker.kill()
        else:
            worker.stop()

    def _thaw(self, worker: Worker) -> None:
        if worker.process.state == "frozen":
            self.coverage["zombie"] += not worker.is_member
            worker.thaw()

    def _compact(self) -> None:
        for log in self.broker.snapshots:
            below = self._chance.randint(0, log.end)
            self.coverage["compacted records"] += log.compact(below)
        if self._plan.on_disk:
            for log in self.broker.pending:
                self.coverage["compacted pending"] += log.compact(self._chance.randint(0, log.end))

    def _calm_down(self) -> None:
        self._over = True
        self._armed.clear()
        self._plan.weather.clear_up()
        for worker in self._slots:
            if worker is not None:
                self._thaw(worker)

    # -- the end ------------------------------------------------------------------------------

    def _lag(self) -> dict[Source, tuple[int | None, int]]:
        """Sources whose committed offset is not their end."""
        committed = self.group.committed
        return {
            source: (committed.get(source), end)
            for source, end in self.broker.ends.items()
            if end and committed.get(source) != end
        }

    def _state(self) -> str:
        workers = [w if w is None else f"{w.process} {sorted(w.live.tallies)}" for w in self._slots]
        stable, whole = self.group.is_stable, self.invariants.is_complete()
        return f"lag {self._lag()}, group stable {stable}, workers {workers}, all judged {whole}"

    def _settled(self) -> bool:
        if any(end < len(log) for log, end in self._input_ends()) or not self._all_read():
            return False
        answered = self._answers is None or self._answers.are_handed_on()
        registered = self._registering is None or self._registering.is_done
        return answered and registered and self.invariants.is_complete()

    def _living(self) -> list[Worker]:
        """Workers that are not dead."""
        return [worker for worker in self._slots if worker is not None]

    def _all_read(self) -> bool:
        """Whether all there is was read, judged and committed, and everybody holds what is his."""
        idle = any(w.producer.unsettled for w in self._living())
        if self._lag() or idle or not self.group.is_stable or None in self._slots:
            return False
        held = sorted(p for w in self._living() for p in w.live.tallies)
        return held == list(range(self._case.partitions))  # a zombie that wakes holds some twice

    def _input_ends(self) -> Iterator[tuple[RecordBatch, int]]:
        for source, end in self.broker.ends.items():
            if source[0] != PANES:
                yield self._case.logs[source], end

    def _repeats(self) -> bool:
        return bool(self._plan.faults) or self.group.generation > 1 or bool(self.coverage)

    def _unheard(self, _loop: object, context: dict[str, object]) -> None:
        self.invariants.note(f"unheard: {context.get('message')} {context.get('exception')!r}")

    def _count(self) -> None:
        self.coverage["rebalances"] += self.group.generation
        self.coverage["refused commits"] += self.group.refused_commits
        self.coverage["kept places"] += self.group.kept_places
        self.coverage["incarnations"] += self._incarnations
        self.coverage.update(self.broker.seen)
        self.coverage.update(self._pauses.seen)
        self.coverage.update(self.invariants.coverage)
        if self._registering is not None:
            self.coverage.update(self._registering.seen)
        for disks in self._disks:
            self.coverage.update(disks.seen)
        self.coverage["steps"] += self._loop.steps


def run_seed(seed: int) -> Counter[str]:
    """What the run of this seed covered; Violation when a promise was broken."""
    plan = plan_of(seed)
    case = case_of(plan)
    held: list[World] = []

    async def body(loop: VirtualLoop) -> None:
        world = World(loop, plan, case)
        held.append(world)
        await world.run()

    with small_bounds(plan), judged_once():
        try:
            run_virtually(body)
        except StuckError as error:
            held[0].invariants.fail(str(error))
    return held[0].coverage
