"""The keys under which the join keeps events: digests of their event_ids, a batch at a time.

Rule.  A key is the first 128 bits of the event_id's BLAKE2b, as two words, lowest byte first; its
text is those 16 bytes in hexadecimal (:func:`engine.pending_rows.key_of`).  No id stands in a
snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detectors.kernels import murmur2_partitions
from engine.pending_rows import digest_of

Keys = npt.NDArray[np.uint64]
"""Shape (n, 2)."""
WORDS_OF_KEY = 2
TEXT_CHARS = 32
"""Hexadecimal digits of a key."""


def joined_texts(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """UTF-8 of all texts end to end, and where each ends, shape (texts,)."""
    data = "".join(texts).encode()
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    ends = np.cumsum(lengths)
    if len(ends) and ends[-1] != len(data):
        ends = np.cumsum([len(text.encode()) for text in texts], dtype=np.int64)
    return np.frombuffer(data, dtype=np.uint8), ends


def keys_of(event_ids: Sequence[str]) -> Keys:
    """The keys of event_ids."""
    return _words(b"".join(map(digest_of, event_ids)))


def texts_of(keys: Keys) -> list[str]:
    """The texts of keys."""
    text = keys.astype("<u8").tobytes().hex()
    return [text[at : at + TEXT_CHARS] for at in range(0, len(text), TEXT_CHARS)]


def keys_from(texts: Sequence[str]) -> Keys:
    """The keys that have these texts."""
    return _words(bytes.fromhex("".join(texts)))


def _words(digests: bytes) -> Keys:
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64).reshape(-1, WORDS_OF_KEY)


def misrouted(event_ids: Sequence[str], partition: int, partitions: int) -> int:
    """How many records belong to another partition by their event_id: their labels would not find
    them."""
    data, ends = joined_texts(event_ids)
    return int((murmur2_partitions(data, ends, partitions) != partition).sum())
