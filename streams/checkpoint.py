"""The order of a checkpoint: effects, then the snapshot, then the offset.

Rule.  What a snapshot says was done must be done before it: effects are delivered first.  What an
offset says is covered must be covered before it: the snapshot is durable first.  A crash between
any two steps repeats work whose repetition changes nothing (stamps and deterministic ids), and
never loses any.  No Kafka transactions.

An effect that was handed over and did not arrive is never forgotten: what waits for it keeps it,
and after one that failed for good nothing is saved any more until the state was restored, whoever
it was that learned of the failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from engine.dead_letters import with_origin
from engine.effects import Publish
from streams.core import Effects
from streams.live import LiveState

MAX_UNSETTLED: Final = 5_000
"""Effects on their way per owner before it waits for them."""

Send = Callable[..., Awaitable[Awaitable[Any]]]
"""``producer.send(topic, key, value, partition, timestamp, headers)`` of Faust's producer."""


class UndeliveredError(RuntimeError):
    """The state holds what its readers were never told."""


class Outbox:
    """Carries effects to the output topics."""

    def __init__(
        self,
        send: Send,
        topic_name: Callable[[str], str],
        read: Callable[[bytes], tuple[str, bool]],
        live: LiveState,
    ) -> None:
        self._send = send
        self._topic_name = topic_name
        self._read = read
        self._live = live
        self._failure: BaseException | None = None

    def begin_anew(self) -> None:
        """The state was dropped: what it had said and was not delivered will be said again."""
        self._failure = None

    def refuse_undelivered(self) -> None:
        """UndeliveredError when something was lost on its way since the state was restored."""
        if self._failure is not None:
            raise UndeliveredError("nothing is saved after a lost effect") from self._failure

    @contextmanager
    def _noting_failures(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._failure = self._failure or error
            raise

    async def settle(self, sent: list[Awaitable[Any]]) -> None:
        """Wait for all that was begun, and take it off the list once it has arrived."""
        waited = len(sent)
        await settle(sent[:waited])
        del sent[:waited]

    async def begin(self, effects: Iterable[Publish]) -> list[Awaitable[Any]]:
        """Hand effects to the producer, in order; the result settles each of them."""
        with self._noting_failures():
            return await self._begin(effects)

    async def _begin(self, effects: Iterable[Publish]) -> list[Awaitable[Any]]:
        sent = []
        now_s = asyncio.get_running_loop().time()
        for effect in self._live.dead_letters.admitted(effects, now_s):
            headers = list(with_origin(effect.headers, self._topic_name)) or None
            name = self._topic_name(effect.topic)
            sent.append(await self._send(name, effect.key, effect.value, None, None, headers))
            published = self._live.published
            published[effect.topic] = published.get(effect.topic, 0) + 1
        return sent

    async def deliver(self, effects: Effects) -> None:
        """Hand effects over and wait until the brokers have them.

        Marks go in a second wave: a mark that arrived while a pane before it was lost would close
        windows over the hole.  So would the mark of a later flush: UndeliveredError when anything
        was lost since the state was restored.
        """
        waves: tuple[list[Publish], list[Publish]] = ([], [])
        for effect in effects:
            value = effect.value
            is_mark = effect.topic == "panes" and value is not None and self._read(value)[1]
            waves[is_mark].append(effect)
        with self._noting_failures():
            for wave in waves:
                self.refuse_undelivered()
                await settle(await self._begin(wave))


async def settle(sent: Sequence[Awaitable[Any]]) -> None:
    """Wait for all; raises the first failure.  Who stops waiting cancels none of them."""
    if sent:
        waited = [asyncio.ensure_future(one) for one in sent]
        await asyncio.wait(waited, return_when=asyncio.FIRST_EXCEPTION)
        for one in waited:
            if one.done():
                one.result()
