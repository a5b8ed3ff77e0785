"""BLAKE2b of many texts at once, the first 128 bits: what stands for an event_id.

Formulas.  RFC 7693 without a key, 16 bytes long.  A block of 128 bytes is 16 words ``m``, lowest
byte first; twelve rounds mix them into 16 words ``v`` in the order of SIGMA, and the state takes
``v[i] ^ v[i + 8]``.  The last block is filled up with zeros and marked.

Theory.  The standard library takes longer to make its hash object than to hash a text of this
length.  All arithmetic is on uint64, for mixing signs makes numba fall back to floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.jit import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    from detectors.contract import IntArray

    ByteArray = npt.NDArray[np.uint8]
    UnsignedArray = npt.NDArray[np.uint64]

BLOCK_BYTES = 128
WORDS = 16
ROUNDS = 12
IV = np.array(
    [
        *(0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1),
        *(0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179),
    ],
    dtype=np.uint64,
)
LENGTH_AND_TREE = np.uint64(0x01010010)
"""16 bytes out, no key, one node."""
SIGMA = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    ],
    dtype=np.uint64,
)
ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)
BY_32, BY_24, BY_16, BY_63 = np.uint64(32), np.uint64(24), np.uint64(16), np.uint64(63)
BY_40, BY_48, BY_1 = np.uint64(40), np.uint64(48), np.uint64(1)


@kernel
def mix(
    a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64, x: np.uint64, y: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """The function G."""
    a = a + b + x
    d ^= a
    d = (d >> BY_32) | (d << BY_32)
    c = c + d
    b ^= c
    b = (b >> BY_24) | (b << BY_40)
    a = a + b + y
    d ^= a
    d = (d >> BY_16) | (d << BY_48)
    c = c + d
    b ^= c
    b = (b >> BY_63) | (b << BY_1)
    return a, b, c, d


@kernel
def compress(state: UnsignedArray, m: UnsignedArray, taken: np.uint64, final: np.uint64) -> None:
    """Take a block ``m``, shape (16,), into ``state``, shape (8,); ``taken`` are the bytes so far,
    its own included, and ``final`` is ALL_BITS for the last block, else 0."""
    v0, v1, v2, v3 = state[0], state[1], state[2], state[3]
    v4, v5, v6, v7 = state[4], state[5], state[6], state[7]
    v8, v9, v10, v11 = IV[0], IV[1], IV[2], IV[3]
    v12, v13, v14, v15 = IV[4] ^ taken, IV[5], IV[6] ^ final, IV[7]
    for r in range(ROUNDS):
        s = SIGMA[r]
        v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[s[0]], m[s[1]])
        v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[s[2]], m[s[3]])
        v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[s[4]], m[s[5]])
        v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[s[6]], m[s[7]])
        v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[s[8]], m[s[9]])
        v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[s[10]], m[s[11]])
        v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[s[12]], m[s[13]])
        v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[s[14]], m[s[15]])
    state[0] ^= v0 ^ v8
    state[1] ^= v1 ^ v9
    state[2] ^= v2 ^ v10
    state[3] ^= v3 ^ v11
    state[4] ^= v4 ^ v12
    state[5] ^= v5 ^ v13
    state[6] ^= v6 ^ v14
    state[7] ^= v7 ^ v15


@kernel
def digest_texts(data: ByteArray, ends: IntArray, digests: UnsignedArray) -> None:
    """The first 16 bytes of each text's BLAKE2b-128 as two words, lowest byte first.

    Args:
        data: all texts one after the other, shape (bytes,).
        ends: where each text ends, shape (texts,); a text starts where the one before it ends.
        digests: written to, shape (texts, 2).

    """
    state = np.empty(8, np.uint64)
    block = np.empty(WORDS, np.uint64)
    start = 0
    for text in range(ends.shape[0]):
        stop = ends[text]
        for i in range(8):
            state[i] = IV[i]
        state[0] ^= LENGTH_AND_TREE
        at = start
        while True:
            size = min(stop - at, BLOCK_BYTES)
            for word in range(WORDS):
                block[word] = np.uint64(0)
            for byte in range(size):
                block[byte >> 3] |= np.uint64(data[at + byte]) << np.uint64((byte & 7) * 8)
            at += size
            last = at >= stop
            compress(state, block, np.uint64(at - start), ALL_BITS if last else np.uint64(0))
            if last:
                break
        digests[text, 0] = state[0]
        digests[text, 1] = state[1]
        start = stop
