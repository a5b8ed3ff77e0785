"""What is remembered of the users of a split and of its stages."""

from __future__ import annotations

import math

import msgspec

from engine.champion.cells import ARMS_SIZE
from engine.champion.users import MAX_SPLIT_USERS, unpack_users
from engine.decide.episodes import Episode
from engine.panes import PaneError, unpack
from engine.pieces import Packed, PieceReader, PieceWriter, is_stored
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
    alone: bytes = b""
    """Users of the one version that was there before both were; empty of none."""
    alone_ms: Whole | None = None
    """Since when they were counted."""
    seen_ms: dict[Whole, Whole] = msgspec.field(default_factory=dict)
    """By stage: the end of its first look that knew a user."""
    told: str = ""
    """The last decision on a stage, with its reasons."""
    promoted: Whole = 0
    """Records told on ``promotions`` so far."""
    episodes: dict[str, Episode] = msgspec.field(default_factory=dict)
    newest: bytes = b""
    """The newest judgement of the split as it was told, for /metrics."""

    def frozen(self, pieces: PieceWriter) -> SplitState:
        """As it is saved: users that do not change any more are written once."""
        waiting = {end: (arms, _put(users, pieces)) for end, (arms, users) in self.waiting.items()}
        users, alone = _put(self.users, pieces), _put(self.alone, pieces)
        return msgspec.structs.replace(self, waiting=waiting, users=users, alone=alone)

    def thaw(self, pieces: PieceReader) -> None:
        """Undo that; engine.snapshot.SnapshotError for a piece that is missing or damaged."""
        self.users, self.alone = _got(self.users, pieces), _got(self.alone, pieces)
        self.waiting = {at: (arms, _got(held, pieces)) for at, (arms, held) in self.waiting.items()}

    def refuse_damage(self) -> None:
        """engine.panes.PaneError for counts, users or evidence that are damaged."""
        if not 0.0 <= self.log_e < math.inf or (self.opened_ms is not None and not self.starts_ms):
            raise PaneError("a split without a beginning, or with evidence that no look gives")
        held = [(self.arms, self.users), (b"", self.alone), *self.waiting.values()]
        for arms, users in held:
            if arms:
                unpack(arms, ARMS_SIZE)
            if users:
                unpack_users(users, MAX_SPLIT_USERS)


def _put(users: bytes, pieces: PieceWriter) -> bytes:
    return pieces.put(Packed(users)) if users else b""


def _got(stored: bytes, pieces: PieceReader) -> bytes:
    """Sets of users that an earlier version saved stand there as they are."""
    return pieces.get(stored).content if is_stored(stored) else stored
