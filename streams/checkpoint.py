"""The order of a checkpoint: effects, then the snapshot, then the offset.

Rule.  What a snapshot says was done must be done before it: effects are delivered first.  What an
offset says is covered must be covered before it: the snapshot is durable first.  A crash between
any two steps repeats work whose repetition changes nothing (stamps and deterministic ids), and
never loses any.  No Kafka transactions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from engine.dead_letters import with_origin
from engine.effects import Publish
from streams.core import Effects
from streams.live import LiveState

MAX_UNSETTLED: Final = 5_000
"""Effects on their way per owner before it waits for them."""

Send = Callable[..., Awaitable[Awaitable[Any]]]
"""``producer.send(topic, key, value, partition, timestamp, headers)`` of Faust's producer."""


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

    async def begin(self, effects: Iterable[Publish]) -> list[Awaitable[Any]]:
        """Hand effects to the producer, in order; the result settles each of them."""
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
        windows over the hole.
        """
        waves: tuple[list[Publish], list[Publish]] = ([], [])
        for effect in effects:
            value = effect.value
            is_mark = effect.topic == "panes" and value is not None and self._read(value)[1]
            waves[is_mark].append(effect)
        for wave in waves:
            await settle(await self.begin(wave))


async def settle(sent: list[Awaitable[Any]]) -> None:
    """Wait for all; raises the first failure."""
    if sent:
        await asyncio.gather(*sent)
