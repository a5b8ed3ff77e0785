"""What a worker knows of the topic ``models``, from before its first event to its end.

Rule.  The topic is read to its end before the first input, and followed from then on.  Whoever
meets a version that nobody here knows asks first whether it was registered meanwhile: a version
that was registered before its first event loses none of them, however late this worker would have
looked.
The same question is asked once in ASK_AGAIN_S, so that a version that nobody registers costs a
question a second.  Of names that nobody asked for yet, MAX_ASKED_AT_ONCE questions can be asked in
a row and then one in ASK_AGAIN_S: a flood of them costs no more, and what is registered meanwhile
is known within LOOK_EVERY_S anyway.  Only panes of a version that is unknown are always asked
about: they cannot be had again.

What cannot be used is told in the log by every worker, a line a minute for each reason, and goes
to the dead letters by that which holds the partition of the model's panes; the worker goes on with
what it has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Mapping,
    Sequence,
)
from typing import Any, Final, Protocol

from engine.effects import Publish
from engine.model import MonitoredModel
from engine.terms import Term
from streams.benches import panes_partition
from streams.control import ControlError, ControlRecord
from streams.live import LiveState
from streams.model_records import ModelRecordError, read_key
from streams.model_register import ModelRegister, Refusal
from streams.repeats import Repeats
from streams.starting_offsets import Source

log = logging.getLogger("longshore.worker")

LOOK_EVERY_S: Final = 1.0
ASK_AGAIN_S: Final = 1.0
MAX_ASKED_NAMES: Final = 1_000
"""Unknown versions of which it is known when they were last asked for."""
MAX_ASKED_AT_ONCE: Final = 20
"""Questions about new names that are asked in a row."""
MAX_LETTERS: Final = 1_000
"""Refused records that wait for somebody to send their dead letters; the oldest get none."""


class ModelsFeed(Protocol):
    """Where the records come from (:class:`streams.models_log.ModelsReader`)."""

    async def begin(self, positions: Mapping[Source, int]) -> None:
        """Read every partition from here on; those not named from their beginning."""

    def to_end(self) -> AsyncIterator[list[ControlRecord]]:
        """Everything up to the ends of the logs, a batch at a time."""

    def up_to_now(self) -> AsyncIterator[list[ControlRecord]]:
        """Everything that was appended before this was asked."""

    async def fetch(self) -> list[ControlRecord]:
        """What is there now, without waiting for more."""


class LearningCore(Protocol):
    """A core whose models may change (:class:`streams.core.EngineCore`)."""

    def learn(self, models: Sequence[MonitoredModel], terms: Mapping[str, Term]) -> None:
        """Build for these models from now on."""


Learned = Callable[[], Awaitable[None]]


class Registrar:
    """Follows the topic and tells what it learns."""

    def __init__(
        self,
        feed: ModelsFeed,
        register: ModelRegister,
        core: LearningCore,
        live: LiveState,
        prepare: Callable[[Sequence[MonitoredModel]], None] = lambda _: None,
    ) -> None:
        """``prepare`` compiles what new models need; it is called in a thread."""
        self._feed = feed
        self._register = register
        self._core = core
        self.live = live
        self._prepare = prepare
        self._known = {model.key for model in register.files}
        self._terms: Mapping[str, Term] | None = None
        self._reading = asyncio.Lock()
        self._asked_s: dict[tuple[str, bool], float] = {}
        self._patience = _Patience()
        self._repeats = Repeats()
        self._letters: list[Refusal] = []
        self._steps: set[asyncio.Task[bool]] = set()
        self._failed: BaseException | None = None
        self.learned: Learned | None = None
        """Awaited whenever the models or their terms changed, or something was refused."""

    async def begin(self) -> None:
        """Read the topic to its end.  Raises ControlError when it cannot be read."""
        async with self._reading:
            await self._feed.begin({})
            refusals = [r async for records in self._feed.to_end() for r in self._taken(records)]
            await self._settle(refusals)

    async def follow(self) -> None:
        """Look for what is new, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._whole(self._look())

    async def meet(self, names: Collection[str], *, of_panes: bool = False) -> None:
        """See whether versions (``model@version``) that somebody met were registered meanwhile.

        The first pane of a version is asked about even if an event of it was just before: it was
        counted by somebody who knows more.
        """
        now_s = asyncio.get_running_loop().time()
        asked = self._asked_s
        questions = {(name, of_panes) for name in names}
        if all(now_s - asked[each] < ASK_AGAIN_S if each in asked else False for each in questions):
            return
        if not of_panes and not self._patience.allows(now_s):
            return
        if not await self._read_on(f"{', '.join(sorted(names))} stays unknown meanwhile"):
            return
        for each in questions:
            asked.pop(each, None)
            asked[each] = asyncio.get_running_loop().time()
        while len(asked) > MAX_ASKED_NAMES:
            del asked[next(iter(asked))]

    async def catch_up(self) -> None:
        """Read what was registered up to now: partitions are about to be taken up, and whoever had
        them may have heard more."""
        await self._read_on("partitions are taken up by what was registered before")

    async def _read_on(self, otherwise: str) -> bool:
        """Take what was appended before this was asked; False where brokers do not say."""
        return await self._whole(self._read(otherwise))

    async def _whole(self, step: Coroutine[Any, Any, bool]) -> bool:
        """Do a step to its end, though who asked for it is cancelled by a rebalance: what was read
        is read once, and what it says would never be learned.  A step that fails then fails the
        next one."""
        if self._failed is not None:
            step.close()
            raise self._failed
        task = asyncio.get_running_loop().create_task(step)
        self._steps.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[bool]) -> None:
        self._steps.discard(task)
        if not task.cancelled():
            self._failed = self._failed or task.exception()

    async def _look(self) -> bool:
        async with self._reading:
            records = await self._feed.fetch()
            if records:
                await self._settle(self._taken(records))
        return True

    async def _read(self, otherwise: str) -> bool:
        async with self._reading:
            refusals: list[Refusal] = []
            count = 0
            try:
                async for records in self._feed.up_to_now():
                    count += len(records)
                    refusals += self._taken(records)
            except ControlError as error:
                ending = self._repeats.ending("unread", asyncio.get_running_loop().time())
                if ending is not None:
                    log.warning("%s; %s%s", error, otherwise, ending)
                return False
            finally:
                if count:
                    await self._settle(refusals)
        return True

    def letters(self, partitions: int, held: Collection[int]) -> list[Publish]:
        """Dead letters not sent yet of what was refused, for who holds these partitions of the
        panes topic; those of others are theirs to send."""
        told, self._letters = self._letters, []
        return [
            refusal.record.letter(f"model_{refusal.reason}")
            for refusal in told
            if panes_partition(_model_of(refusal.record), partitions) in held
        ]

    def _taken(self, records: Sequence[ControlRecord]) -> list[Refusal]:
        self.live.model_records += len(records)
        return [r for record in records if (r := self._register.take(record)) is not None]

    async def _settle(self, refusals: list[Refusal]) -> None:
        """Build what is new and tell whoever has to know."""
        refusals += await asyncio.to_thread(self._register.settle)
        for refusal in refusals:
            reasons = self.live.refused_model_records
            reasons[refusal.reason] = reasons.get(refusal.reason, 0) + 1
            record, now_s = refusal.record, asyncio.get_running_loop().time()
            ending = self._repeats.ending(refusal.reason, now_s)
            if ending is not None:
                where = f"models/{record.partition} offset {record.offset}"
                log.error("%s is not used: %s%s", where, refusal.text, ending)
        self._letters = (self._letters + refusals)[-MAX_LETTERS:]
        models, terms = self._register.models(), self._register.terms()
        new = [model for model in models if model.key not in self._known]
        if new:
            await asyncio.to_thread(self._prepare, new)
            for model in new:
                log.info("registered: %s", told(model.key, terms[model.key]))
        keys = {model.key for model in models}
        changed = keys != self._known or terms != self._terms
        self._known, self._terms = keys, terms
        if changed:
            self._core.learn(models, terms)
            serving = sum(terms[key].until_ms is None for key in keys)
            self.live.usage["models"] = lambda: serving
        if (changed or refusals) and self.learned is not None:
            await self.learned()


class _Patience:
    """How many questions may still be asked."""

    def __init__(self) -> None:
        self._left, self._at_s = float(MAX_ASKED_AT_ONCE), 0.0

    def allows(self, now_s: float) -> bool:
        """Whether one more may be asked now; it counts as asked then."""
        earned = (now_s - self._at_s) / ASK_AGAIN_S
        self._left, self._at_s = min(MAX_ASKED_AT_ONCE, self._left + earned), now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


def told(key: str, term: Term) -> str:
    """A version and when it serves, for a log line."""
    from engine.timestamps import ms_to_rfc3339  # noqa: PLC0415 - numpy

    parts = [key]
    if term.from_ms is not None:
        parts.append(f"from {ms_to_rfc3339(term.from_ms)}")
    if term.until_ms is not None:
        until = f"until {ms_to_rfc3339(term.until_ms)}"
        parts.append(f"{until}, followed by {term.successor}" if term.successor else until)
    return ", ".join(parts)


def _model_of(record: ControlRecord) -> str:
    """The model that a record is about, as far as its key says."""
    try:
        return read_key(record.key)[0]
    except ModelRecordError:
        return ""
