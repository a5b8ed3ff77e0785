"""A retraining job in the made-up world: it answers triggers late, twice, wrongly or not at all.

Rule.  What a worker makes of results is a function of the log of panes, into which they were
written; so the truth of a run is one judge that reads that log from its beginning to its end.
Beside it stands the plain story of each trigger: its results in the order of their topic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, Final

import orjson

from engine.decide.requests import NEXT
from engine.effects import Publish
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.panes import Forwarded, decode
from streams.benches import panes_partition
from streams.control import CONTROL_BATCH, ControlRecord
from streams.starting_offsets import Source
from tests.simulation.broker import Broker, Sent

if TYPE_CHECKING:
    from tests.simulation.virtual_time import VirtualLoop

RESULTS: Final = "retraining-results"
TOPIC_IDS: Final = {RESULTS: "id of results"}
PARTITIONS: Final = 2
NOBODY: Final = "nobody's"
"""A trigger that was never sent."""
LONGEST_S: Final = 7.0
ASK_S: Final = 0.05
STORIES: Final = (
    (),
    ("accepted",),
    ("accepted", "ready"),
    ("accepted", "accepted", "ready", "ready"),
    ("rejected",),
    ("rejected", "ready"),
    ("failed",),
    ("failed", "accepted", "failed", "ready"),
    ("ready", "accepted"),
)


class Answers:
    """The job, and the topic that it writes."""

    def __init__(self, seed: int, loop: VirtualLoop, broker: Broker) -> None:
        self._seed = seed
        self._loop = loop
        self._broker = broker
        self._known: set[str] = set()
        self.logs: list[list[ControlRecord]] = [[] for _ in range(PARTITIONS)]
        broker.told = self._told
        self.under_way = 0

    def feed(self, worker: str) -> ControlFeed:
        """What a worker reads the topic with."""
        return ControlFeed(self.logs, Random(f"control {self._seed} {worker}"))

    def _told(self, sent: Sent) -> None:
        """A record of a trigger arrived; it may have been there before."""
        if sent.topic != "retraining-triggers":
            return
        tree = orjson.loads(sent.value or b"")
        if tree["trigger_id"] in self._known:
            return
        self._known.add(tree["trigger_id"])
        chance = Random(f"answers {self._seed} {tree['trigger_id']}")
        at_s = 0.0
        for status in chance.choice(STORIES):
            at_s += LONGEST_S * chance.random() ** 2
            self._later(at_s, tree["model"], _answer(tree["trigger_id"], status))
        if chance.random() < 0.3:
            self._later(at_s, tree["model"], _answer(NOBODY, "accepted"))
        if chance.random() < 0.3:
            self._later(at_s / 2, tree["model"], b"no result")

    def _later(self, delay_s: float, model: str, value: bytes) -> None:
        self.under_way += 1
        self._loop.later(delay_s, self._write, model, value)

    def _write(self, model: str, value: bytes) -> None:
        self.under_way -= 1
        partition = ord(model[0]) % PARTITIONS
        log = self.logs[partition]
        record = ControlRecord(RESULTS, partition, len(log), -1, model.encode(), value)
        log.append(record)

    # -- what must be true --------------------------------------------------------------------

    def _good(self) -> list[ControlRecord]:
        return [one for log in self.logs for one in log if one.value != b"no result"]

    def forwarded(self, model: str) -> list[Forwarded]:
        """Of one model as they stand among the panes, repeats included."""
        home = panes_partition(model, self._broker.partitions)
        found = (decode(value or b"") for value in self._broker.panes[home])
        return [one for one in found if isinstance(one, Forwarded) and one.target == f"{model}@"]

    def are_handed_on(self) -> bool:
        """Whether every result that will come is among the panes."""
        if self.under_way:
            return False
        for record in self._good():
            model = (record.key or b"").decode()
            places = {(one.partition, one.offset) for one in self.forwarded(model)}
            if (record.partition, record.offset) not in places:
                return False
        return True

    def check(
        self,
        models: list[MonitoredModel],
        judges: Mapping[str, Any],
        outputs: Mapping[str, list[Sent]],
        fail: Callable[[str], None],
    ) -> None:
        """Everything, once nothing is left to do; ``fail`` is told of what is not so."""
        for model in models:
            name = model.spec.model
            mine = [one for one in self._good() if one.key == name.encode()]
            places = [(one.partition, one.offset) for one in self.forwarded(name)]
            first = list(dict.fromkeys(places))
            if first != [(one.partition, one.offset) for one in mine]:
                fail(f"results of {name} stand among the panes as {first}")
            truth, said = self._undisturbed(model)
            if judges[model.key].decisions != truth.decisions:
                fail(f"the requests of {model.key} are not those of its panes")
            for topic in ("audit", "alerts"):
                found = [one.value for one in outputs.get(topic, []) if _is_ours(one.value, name)]
                if list(dict.fromkeys(found)) != [
                    one.value for one in said if one.topic == topic and _is_ours(one.value, name)
                ]:
                    fail(f"{topic} about requests of {name} are not those of its panes")
            _check_stories(mine, said, fail)
            _check_deadlines(said, fail)
        letters = {_place(one) for one in outputs.get("dead-letters", []) if is_of_results(one)}
        bad = {
            (str(one.partition).encode(), str(one.offset).encode())
            for log in self.logs
            for one in log
            if one.value == b"no result"
        }
        if letters != bad:
            fail(f"dead letters of results are {sorted(letters)}, not {sorted(bad)}")

    def _undisturbed(self, model: MonitoredModel) -> tuple[Judge, list[Publish]]:
        """One judge over the log of panes as it came to be, and what it says."""
        judge = Judge(model, self._broker.partitions)
        judge.expects_answers = True
        said: list[Publish] = []
        home = panes_partition(model.spec.model, self._broker.partitions)
        for value in self._broker.panes[home]:
            said += _accepted(judge, value or b"")
        return judge, said


def _accepted(judge: Judge, value: bytes) -> list[Publish]:
    target = decode(value).target
    mine = target in {judge.model.key, f"{judge.model.spec.model}@"}
    return judge.accept(value) if mine else []


class ControlFeed:
    """What :class:`streams.control.ControlReader` is to a worker."""

    def __init__(self, logs: list[list[ControlRecord]], chance: Random) -> None:
        self._logs = logs
        self._chance = chance
        self._at: dict[int, int] = {}

    async def begin(self, positions: Mapping[Source, int]) -> None:
        """Read from here on."""
        await asyncio.sleep(self._chance.random() * ASK_S)
        self._at = {p: positions.get((RESULTS, p), 0) for p in range(len(self._logs))}

    async def fetch(self) -> list[ControlRecord]:
        """Some of what is there."""
        await asyncio.sleep(self._chance.random() * ASK_S)
        found: list[ControlRecord] = []
        for partition, at in self._at.items():
            end = min(len(self._logs[partition]), at + self._chance.randint(1, CONTROL_BATCH))
            found += self._logs[partition][at:end]
            self._at[partition] = max(at, end)
        return found

    async def close(self) -> None:
        """Nothing to give back."""


def is_of_results(sent: Sent) -> bool:
    """Whether a dead letter is a record of the results' topic."""
    return ("__connect.errors.topic", RESULTS.encode()) in (sent.headers or [])


def _place(sent: Sent) -> tuple[bytes, bytes]:
    named = dict(sent.headers or [])
    partition, offset = (named[f"__connect.errors.{part}"] for part in ("partition", "offset"))
    return partition or b"", offset or b""


def is_about_requests(value: bytes | None) -> bool:
    """Whether an alert is one about requests."""
    return b'"rule":"retraining"' in (value or b"")


def _is_ours(value: bytes | None, model: str) -> bool:
    tree = orjson.loads(value or b"")
    about = tree.get("rule") == "retraining" or tree.get("kind") == "retraining_result"
    return about and bool(tree["model"] == model)


def _answer(trigger: str, status: str) -> bytes:
    version = {"version": "v2"} if status == "ready" else {}
    return orjson.dumps({"trigger_id": trigger, "status": status, **version})


def _check_stories(
    results: list[ControlRecord], said: list[Publish], fail: Callable[[str], None]
) -> None:
    """Those results that acted moved each trigger as its own story does, whenever they did; what
    answers nobody's trigger is refused where it stands."""
    acted = _by_trigger(one.value for one in said if one.topic == "audit")
    for trigger, told in _by_trigger(record.value for record in results).items():
        state = "requested"
        for (_, status, _), (_, audited, taken) in zip(told, acted.get(trigger, []), strict=False):
            if audited != status:
                fail(f"{audited} of {trigger} acted out of its turn")
            goes = trigger != NOBODY and status in NEXT[state]
            if taken != goes:
                fail(f"{status} after {state} of {trigger}: taken is {taken}")
            state = status if goes else state


def _by_trigger(values: Iterable[bytes | None]) -> dict[str, list[tuple[str, str, object]]]:
    """(trigger, status, whether it was taken) of results or of what is told of them, in order."""
    found: dict[str, list[tuple[str, str, object]]] = {}
    for value in values:
        tree = orjson.loads(value or b"")
        row = (tree["trigger_id"], tree["status"], tree.get("taken"))
        found.setdefault(row[0], []).append(row)
    return found


def _check_deadlines(said: list[Publish], fail: Callable[[str], None]) -> None:
    """Of each cause an alert opens, is resolved, and only then opens again."""
    is_open: dict[str, bool] = {}
    for one in said:
        if one.topic == "alerts" and is_about_requests(one.value):
            tree = orjson.loads(one.value or b"")
            opens = tree["state"] == "open"
            if opens == is_open.get(tree["cause"], False):
                fail(f"{tree['cause']} is {tree['state']} twice")
            is_open[tree["cause"]] = opens
