"""KSWIN over whole columns: River 0.26.1's windows and draws, its test as a comparison of counts.

Rule.  Alarm for alarm the same as ``river.drift.KSWIN`` with the same seed, fed with the finite
values of the column.  The draw is Python's ``random.sample``: Mersenne Twister, and the same choice
between a pool and a set.  The test needs no p-value: both samples have ``recent`` values, so the
largest distance of their distribution functions is a whole number h of ``recent``-ths, and the
caller says for which h River alarms.

Theory (Raab, Heusinger and Schleif, Neurocomputing 2020; Matsumoto and Nishimura, ACM TOMACS 1998).
Of a sliding window the last ``recent`` values are compared with as many drawn from those before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.jit import kernel
from detectors.loss_kernels import IMPROVED, MARKS, RESTART, SEEN

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray

WORDS: Final = 624
"""Words of the generator's state."""
FILLED: Final = MARKS
PLACE: Final = MARKS + 1
OWN_MARKS: Final = 2
"""Further columns of ``marks``: values in the window, words of the state that were used."""


@kernel
def next_word(words: IntArray, place: int) -> int:
    """The word at ``place`` (below WORDS) of the generator; all are made anew at place 0."""
    if place == 0:
        for at in range(WORDS):
            joined = (words[at] & 0x80000000) | (words[(at + 1) % WORDS] & 0x7FFFFFFF)
            turned = words[(at + 397) % WORDS] ^ (joined >> 1)
            words[at] = turned ^ 0x9908B0DF if joined & 1 else turned
    word = int(words[place])
    word ^= word >> 11
    word ^= (word << 7) & 0x9D2C5680
    word ^= (word << 15) & 0xEFC60000
    return word ^ (word >> 18)


@kernel
def draw_below(words: IntArray, place: IntArray, limit: int) -> int:
    """A number from 0 to limit - 1, limit below 2**31; moves ``place``, shape (1,), on."""
    bits = 0
    while limit >> bits:
        bits += 1
    while True:
        drawn = next_word(words, place[0] % WORDS) >> (32 - bits)
        place[0] = place[0] % WORDS + 1
        if drawn < limit:
            return drawn


@kernel
def draw_sample(
    window: FloatArray, words: IntArray, place: IntArray, by_pool: int, pool: IntArray,
    drawn: FloatArray,
) -> None:  # fmt: skip
    """Fill ``drawn`` from the start of the window, len(pool) values of it, without repetition."""
    if by_pool:
        pool[:] = np.arange(pool.size)
    else:
        pool[:] = 0
    for at in range(drawn.size):
        if by_pool:
            left = pool.size - at
            chosen = draw_below(words, place, left)
            drawn[at] = window[pool[chosen]]
            pool[chosen] = pool[left - 1]
            continue
        chosen = draw_below(words, place, pool.size)
        while pool[chosen]:
            chosen = draw_below(words, place, pool.size)
        pool[chosen] = 1
        drawn[at] = window[chosen]


@kernel
def largest_distance(one: FloatArray, other: FloatArray) -> int:
    """Largest difference of the counts at or below a value; both sorted, of one length."""
    at = beside = most = 0
    while at < one.size and beside < one.size:
        value = min(one[at], other[beside])
        while at < one.size and one[at] == value:
            at += 1
        while beside < one.size and other[beside] == value:
            beside += 1
        most = max(most, abs(at - beside))
    return most


@kernel
def mean_of(values: FloatArray) -> float:
    """Sum in order over number."""
    total = 0.0
    for at in range(values.size):
        total += values[at]
    return total / values.size


@kernel
def advance_kswin(
    columns: FloatArray, windows: FloatArray, words: IntArray, marks: IntArray, recent: int,
    by_pool: int, seeded: IntArray, alarming: IntArray, rows: IntArray, positions: IntArray,
    means: FloatArray, counts: IntArray,
) -> None:  # fmt: skip
    """Feed every column to its stream, in place.

    Args:
        columns: losses, shape (streams, rows); values that are not finite are skipped.
        windows: the last values, oldest first, shape (streams, window).
        words: state of each generator, shape (streams, WORDS).
        marks: shape (streams, MARKS + OWN_MARKS).
        recent: values on each side of the test, at most half a window.
        by_pool: 1 where ``random.sample`` draws these from a pool, 0 where from a set.
        seeded: state of a new generator, shape (WORDS,).
        alarming: 1 for each distance that is a change, shape (recent + 1,).
        rows: out, rows of the alarms of each stream, shape (streams, rows).
        positions: out, like ``rows``.
        means: out, shape (streams, rows, 2): of the window without its recent values, and of those.
        counts: out, alarms of each stream, shape (streams,).

    """
    size = windows.shape[1]
    pool, drawn = np.zeros(size - recent, np.int64), np.zeros(recent)
    for stream in range(columns.shape[0]):
        window, mark, found = windows[stream], marks[stream], 0
        place = mark[PLACE : PLACE + 1]
        for at in range(columns.shape[1]):
            x = columns[stream, at]
            if not np.isfinite(x):
                continue
            if mark[RESTART]:
                words[stream] = seeded
                mark[RESTART], mark[FILLED], mark[PLACE] = 0, 0, WORDS
            mark[SEEN] += 1
            if mark[FILLED] < size:
                window[mark[FILLED]] = x
                mark[FILLED] += 1
            else:
                for older in range(1, size):
                    window[older - 1] = window[older]
                window[size - 1] = x
            if mark[FILLED] < size:
                continue
            draw_sample(window, words[stream], place, by_pool, pool, drawn)
            newest = window[size - recent :]
            if not alarming[largest_distance(np.sort(drawn), np.sort(newest))]:
                continue
            mark[RESTART] = 1
            before, after = mean_of(window[: size - recent]), mean_of(newest)
            if after <= before:
                mark[IMPROVED] += 1
                continue
            rows[stream, found], positions[stream, found] = at, mark[SEEN]
            means[stream, found, 0], means[stream, found, 1] = before, after
            found += 1
        counts[stream] = found
