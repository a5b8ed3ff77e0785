"""How slow and how unreliable the broker is at a moment, decided by the seed beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

SLOWEST_S = 0.06


@dataclass
class Weather:
    """Delays and losses on the way to the broker."""

    pace: float = 1.0
    """Factor on every delay."""
    stuck: list[tuple[str, float, float]] = field(default_factory=list)
    """(topic, from, to): nothing written to the topic is acknowledged or appended meanwhile."""
    lost_acks: float = 0.0
    failing_sends: float = 0.0
    until_s: float = 0.0
    """When losses and failures end."""

    def delay_s(self, topic: str, now_s: float, chance: Random) -> float:
        """How long the next step of a write takes."""
        delay_s = chance.random() ** 2 * SLOWEST_S * self.pace
        for name, start_s, end_s in self.stuck:
            if name == topic and start_s <= now_s < end_s:
                delay_s += end_s - now_s
        return delay_s

    def clear_up(self) -> None:
        """The faults stop."""
        self.pace = 1.0
        self.stuck.clear()
        self.lost_acks = self.failing_sends = 0.0
