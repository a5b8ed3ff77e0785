"""How a bank's state becomes bytes that refuse to be read wrongly.

Rule.  A sealed snapshot is the msgpack array [fingerprint, checksum, body].  The fingerprint is
made from the estimator's name, the version of its state, all parameters and the number of streams;
the checksum covers fingerprint and body.  Whatever does not match is refused with
:class:`~detectors.contract.ForeignSnapshotError`.  Same state, same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from detectors.contract import ForeignSnapshotError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DIGEST_BYTES: Final = 16
SEAL_BYTES_MAX: Final = 64
"""What sealing adds to a body at most."""


def fingerprint(estimator: str, version: int, params: DataclassInstance, streams: int) -> bytes:
    """The identity of the state that these parameters make, DIGEST_BYTES long."""
    identity = [estimator, version, streams, sorted(dataclasses.asdict(params).items())]
    return hashlib.blake2b(msgspec.msgpack.encode(identity), digest_size=DIGEST_BYTES).digest()


def seal(owner: bytes, body: bytes) -> bytes:
    """The snapshot of the state ``body`` under the fingerprint ``owner``."""
    return msgspec.msgpack.encode([owner, checksum(owner, body), body])


def unseal(owner: bytes, snapshot: bytes) -> bytes:
    """The body of a snapshot that was sealed under the fingerprint ``owner``.

    Raises ForeignSnapshotError when it was sealed under another one or is damaged.
    """
    try:
        maker, check, body = msgspec.msgpack.decode(snapshot, type=tuple[bytes, bytes, bytes])
    except msgspec.DecodeError as error:
        raise ForeignSnapshotError(f"not a snapshot of an estimator: {error}") from error
    if check != checksum(maker, body):
        raise ForeignSnapshotError("the snapshot is damaged: its checksum does not match")
    if maker != owner:
        raise ForeignSnapshotError(
            "the snapshot was made with other parameters, streams or another version"
        )
    return body


def checksum(owner: bytes, body: bytes) -> bytes:
    """Checksum over a fingerprint and the body that it owns."""
    return hashlib.blake2b(owner + body, digest_size=DIGEST_BYTES).digest()
