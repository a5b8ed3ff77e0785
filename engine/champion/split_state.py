"""What is remembered of the users of a split and of its stages."""

from __future__ import annotations

import math

import msgspec

from engine.champion.cells import ARMS_SIZE
from engine.champion.users import MAX_SPLIT_USERS, unpack_users
from engine.decide.episodes import Episode
from engine.panes import PaneError, unpack
from engine.snapshot import Whole


class SplitState(msgspec.Struct):
    """Survives restarts; a new comparison begins with a new one."""

    opened_ms: Whole | None = None
    """Start of the first look."""
    ends_ms: Whole | None = None
    """Nothing is looked at beyond; None while there is no final decision."""
    decided_ms: Whole = 0
    """End of the newest look at labels."""
    waiting: dict[Whole, tuple[bytes, bytes]] = msgspec.field(default_factory=dict)
    """Counts of the arms and users of looks that are not due yet, by their end."""
    starts_ms: list[Whole] = msgspec.field(default_factory=list)
    """When each stage began or begins, the first one at the beginning."""
    arms: bytes = b""
    """Counts of the arms since the stage began; empty of none."""
    users: bytes = b""
    """Those since the stage began; empty of none."""
    log_e: float = 0.0
    """Logarithm of the stage's highest evidence against its share."""
    mismatch_ms: Whole | None = None
    """End of the look that found its share to be another one."""
    seen_ms: dict[Whole, Whole] = msgspec.field(default_factory=dict)
    """By stage: the end of its first look that knew a user."""
    told: str = ""
    """The last decision on a stage, with its reasons."""
    promoted: Whole = 0
    """Records told on ``promotions`` so far."""
    episodes: dict[str, Episode] = msgspec.field(default_factory=dict)
    newest: bytes = b""
    """The newest judgement of the split as it was told, for /metrics."""

    def refuse_damage(self) -> None:
        """engine.panes.PaneError for counts, users or evidence that are damaged."""
        if not 0.0 <= self.log_e < math.inf or (self.opened_ms is not None and not self.starts_ms):
            raise PaneError("a split without a beginning, or with evidence that no look gives")
        held = [(self.arms, self.users), *self.waiting.values()]
        for arms, users in held:
            if arms:
                unpack(arms, ARMS_SIZE)
            if users:
                unpack_users(users, MAX_SPLIT_USERS)
