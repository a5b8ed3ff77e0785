"""The one door to estimators over losses: only a rise of the loss is an alarm.

Rule.  What watches losses only tells rises by itself.  What watches features too tells changes both
ways; here those whose mean did not rise are taken out and counted.  Where the means say nothing
(beyond the range of doubles) the change stays an alarm.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final, cast

import msgspec
import numpy as np

from detectors.adwin_state import whole_numbers
from detectors.contract import Alarms, Bank, FloatArray, ForeignSnapshotError, IntArray, LossBank
from detectors.sealing import SEAL_BYTES_MAX, fingerprint, seal, unseal

VERSION: Final = 1
"""Of the counts around a bank; a snapshot of another version is refused."""
HEAD_BYTES: Final = 32
"""What the lengths of the two parts take at most."""


def build_for_losses(
    module: ModuleType,
    params: Any,  # noqa: ANN401 - each module's own
    streams: int,
    resume: bytes | None = None,
) -> LossBank:
    """A bank of an estimator over losses, new or continuing from a snapshot of such a bank.

    Raises ValueError for an estimator that does not watch losses, and ForeignSnapshotError when
    ``resume`` was made with other parameters, another number of streams or version, or is damaged.
    """
    if "losses" not in module.WATCHES:
        raise ValueError(f"{_name(module)} watches {', '.join(module.WATCHES)}, not losses")
    if "features" not in module.WATCHES:
        return cast("LossBank", module.build(params, streams, resume))
    owner = fingerprint(f"rising {_name(module)}", VERSION, params, streams)
    if resume is None:
        return RisingBank(module.build(params, streams), np.zeros(streams, np.int64), owner)
    inner, improved = _read(unseal(owner, resume))
    counts = whole_numbers(improved, streams)
    if np.any(counts < 0):
        raise ForeignSnapshotError("fewer than no improvements")
    return RisingBank(module.build(params, streams, inner), counts, owner)


def loss_bank_bytes_max(module: ModuleType, params: Any, streams: int) -> int:  # noqa: ANN401
    """What a snapshot of such a bank takes at most, in bytes."""
    inner: int = module.snapshot_bytes_max(params, streams)
    if "features" not in module.WATCHES:
        return inner
    return inner + SEAL_BYTES_MAX + HEAD_BYTES + 8 * streams


class RisingBank:
    """A bank that tells both ways, of which only the rises are told on; a ``LossBank``."""

    def __init__(self, bank: Bank, improved: IntArray, owner: bytes) -> None:
        """Wrap ``bank``, of which ``improved``, shape (streams,), falls were counted so far."""
        self._bank = bank
        self._improved = improved
        self._owner = owner

    @property
    def improvements(self) -> IntArray:
        """Changes downwards of each stream, which were not told as alarms, shape (streams,)."""
        return self._improved.copy()

    def advance(self, columns: FloatArray) -> Alarms:
        """Feed losses, shape (streams, rows); see :class:`detectors.contract.Bank`."""
        found = self._bank.advance(columns)
        fell = found.after <= found.before
        np.add.at(self._improved, found.streams[fell], 1)
        rose = ~fell
        return Alarms(
            found.streams[rose],
            found.rows[rose],
            found.positions[rose],
            found.before[rose],
            found.after[rose],
        )

    def snapshot(self) -> bytes:
        """The whole state: the wrapped bank's and the counts."""
        counts = self._improved.astype("<i8", copy=False).tobytes()
        return seal(self._owner, msgspec.msgpack.encode([self._bank.snapshot(), counts]))


def _read(body: bytes) -> tuple[bytes, bytes]:
    try:
        return msgspec.msgpack.decode(body, type=tuple[bytes, bytes])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ForeignSnapshotError(f"not the state of a bank of losses: {error}") from error


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]
