"""Slow, plain twins of every kernel and statistic: loops that can be checked by eye.

Rule.  A twin shares no code with what it checks and no trick: one value at a time, Python numbers.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detectors.contract import Sample

NAN = math.nan


def clipped(value: float, center: float, step: float, limit: int) -> int:
    """Fixed point of one value."""
    steps = (value - center) / step
    if steps >= limit:
        return limit
    if steps <= -limit:
        return -limit
    return round(steps)


def tally_one(
    value: float,
    edges: Sequence[float],
    center: float,
    step: float,
    low: float,
    high: float,
) -> list[int]:
    """The cells of a numeric feature after one value: value cells, then missing, invalid, out of
    range, sum, lower and upper half of the squares, sum below, sum above."""
    cells = [0] * (len(edges) + 1)
    extra = [0] * 8
    if math.isnan(value):
        extra[0] = 1
    elif math.isinf(value):
        extra[1] = 1
    else:
        cell = sum(1 for edge in edges if edge <= value)
        cells[cell] = 1
        extra[2] = int(value < low or value > high)
        scaled = clipped(value, center, step, 2**31)
        extra[3] = scaled
        extra[4], extra[5] = scaled**2 % 2**31, scaled**2 // 2**31
        extra[6] = scaled if cell == 0 else 0
        extra[7] = scaled if cell == len(edges) else 0
    return cells + extra


def murmur2(key: bytes) -> int:
    """Kafka's murmur2, from its Java client's definition."""
    word, factor = 2**32, 0x5BD1E995
    state = 0x9747B28C ^ len(key)
    for start in range(0, len(key) - len(key) % 4, 4):
        part = int.from_bytes(key[start : start + 4], "little") * factor % word
        part = (part ^ (part >> 24)) * factor % word
        state = (state * factor % word) ^ part
    tail = key[len(key) - len(key) % 4 :]
    if tail:
        state = (state ^ int.from_bytes(tail, "little")) * factor % word
    state = (state ^ (state >> 13)) * factor % word
    return state ^ (state >> 15)


class Adwin:
    """ADWIN with lists: ``rows[i]`` holds (sum, squares) of 2**i values, oldest first."""

    def __init__(
        self, delta: float, clock: int, max_buckets: int, least: int, grace: int, rows_max: int = 64
    ) -> None:
        """Take the parameters; no value seen yet."""
        self.parameters = (delta, clock, max_buckets, least, grace)
        self.rows_max = rows_max
        self.alarmed = False
        self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self.rows: list[list[tuple[float, float]]] = [[]]
        self.total = self.variance = self.width = 0.0
        self.tick = 0

    def update(self, value: float) -> bool:
        """Take a finite value; True when the window was cut."""
        _delta, clock, max_buckets, _least, grace = self.parameters
        if self.alarmed:
            self.restart()
        self.rows[0].append((value, 0.0))
        self.width += 1.0
        if self.width > 1.0:
            gap = value - self.total / (self.width - 1.0)
            self.variance += (self.width - 1.0) * gap * gap / self.width
        self.total += value
        row = 0
        while len(self.rows[row]) == max_buckets + 1:
            if row + 1 == self.rows_max:
                self.forget_oldest()
                break
            if row + 1 == len(self.rows):
                self.rows.append([])
            (first, spread), (second, other) = self.rows[row].pop(0), self.rows[row].pop(0)
            gap = first / 2.0**row - second / 2.0**row
            merged = (first + second, spread + other + 2.0**row * 0.5 * gap * gap)
            self.rows[row + 1].append(merged)
            row += 1
        self.tick += 1
        self.alarmed = False
        if self.tick % clock == 0 and self.width > grace:
            while self.cut():
                self.alarmed = True
                self.forget_oldest()
        return self.alarmed

    def forget_oldest(self) -> None:
        """Drop the oldest bucket."""
        size = 2.0 ** (len(self.rows) - 1)
        total, variance = self.rows[-1].pop(0)
        self.width -= size
        self.total -= total
        gap = total / size - self.total / self.width
        self.variance -= variance + size * self.width * gap * gap / (size + self.width)
        if not self.rows[-1]:
            self.rows.pop()

    def cut(self) -> bool:
        """Whether some boundary between buckets parts two different means."""
        delta, _clock, _max_buckets, least, _grace = self.parameters
        old, new, old_total, new_total = 0.0, self.width, 0.0, self.total
        if self.width < 2 * least:
            return False
        level = math.log(2.0 * math.log(self.width) / delta)
        spread = self.variance / self.width
        buckets = [
            (2.0**row, bucket[0])
            for row in reversed(range(len(self.rows)))
            for bucket in self.rows[row]
        ]
        for size, total in buckets[:-1]:
            old, new = old + size, new - size
            old_total, new_total = old_total + total, new_total - total
            if old < least or new < least:
                continue
            weight = 1.0 / (old - least + 1.0) + 1.0 / (new - least + 1.0)
            inside = 2.0 * weight * spread * level
            root = math.sqrt(inside) if inside >= 0.0 else NAN
            epsilon = root + 2.0 / 3.0 * level * weight
            if abs(old_total / old - new_total / new) > epsilon:
                return True
        return False


def coarse_pairs(sample: Sample) -> list[tuple[float, int]]:
    """(reference, current) count of every coarse bin that is not empty on both sides."""
    bins: dict[int, tuple[float, int]] = {}
    for coarse, expected, actual in zip(
        sample.coarse.tolist(), sample.expected.tolist(), sample.actual.tolist(), strict=True
    ):
        before = bins.get(coarse, (0.0, 0))
        bins[coarse] = (before[0] + expected, before[1] + actual)
    return [bins[coarse] for coarse in sorted(bins) if sum(bins[coarse]) > 0]


def psi(sample: Sample, pseudo_count: float) -> float:
    """PSI with the same pseudo-count on both sides of every bin kept."""
    pairs = coarse_pairs(sample)
    size = sum(expected for expected, _ in pairs), sum(actual for _, actual in pairs)
    if not all(size):
        return NAN
    value = 0.0
    for expected, actual in pairs:
        e = (expected + pseudo_count) / (size[0] + pseudo_count * len(pairs))
        a = (actual + pseudo_count) / (size[1] + pseudo_count * len(pairs))
        value += (a - e) * math.log(a / e)
    return value


def chi_square(sample: Sample, _pseudo_count: float = 0.0) -> float:
    """Pearson's X2 of the 2 x B table, by the textbook: sum of (seen - due)^2 / due."""
    pairs = coarse_pairs(sample)
    size = sum(expected for expected, _ in pairs), sum(actual for _, actual in pairs)
    if not all(size):
        return NAN
    value = 0.0
    for pair in pairs:
        for seen, own in zip(pair, size, strict=True):
            due = sum(pair) * own / sum(size)
            value += (seen - due) ** 2 / due
    return value


def running_shares(counts: Sequence[float]) -> list[float]:
    """Distribution function at the upper end of each cell."""
    return [share / sum(counts) for share in itertools.accumulate(counts)]


def ks(sample: Sample, _pseudo_count: float = 0.0) -> float:
    """Largest difference of the distribution functions at the edges."""
    if not (sum(sample.expected) and sum(sample.actual)):
        return NAN
    reference = running_shares(sample.expected.tolist())
    current = running_shares(sample.actual.tolist())
    return max(abs(f - g) for f, g in zip(reference, current, strict=True))


def jensen_shannon(sample: Sample, _pseudo_count: float = 0.0) -> float:
    """Root of the Jensen-Shannon divergence, base 2."""
    if not (sum(sample.expected) and sum(sample.actual)):
        return NAN
    value = 0.0
    for expected, actual in zip(sample.expected.tolist(), sample.actual.tolist(), strict=True):
        p, q = expected / sum(sample.expected), actual / sum(sample.actual)
        for share in (p, q):
            if share > 0:
                value += share * math.log2(share / ((p + q) / 2)) / 2
    return math.sqrt(max(value, 0.0))


def wasserstein(sample: Sample, _pseudo_count: float = 0.0) -> float:
    """Area between two distribution functions that are straight in each cell, by fine slices."""
    if not (sum(sample.expected) and sum(sample.actual)):
        return NAN
    reference = running_shares(sample.expected.tolist())
    current = running_shares(sample.actual.tolist())
    edges = sample.edges.tolist()
    slices = 500
    area = 0.0
    for cell in range(len(edges) - 1):
        left = current[cell] - reference[cell]
        right = current[cell + 1] - reference[cell + 1]
        for part in range(slices):
            gap = left + (right - left) * (part + 0.5) / slices
            area += abs(gap) * (edges[cell + 1] - edges[cell]) / slices
    for share, means, edge, sign in (
        ((reference[0], current[0]), sample.below_mean, edges[0], -1),
        ((1 - reference[-2], 1 - current[-2]), sample.above_mean, edges[-1], 1),
    ):
        areas = [
            part * max(sign * (mean - edge), 0.0) if not math.isnan(mean) else 0.0
            for part, mean in zip(share, means, strict=True)
        ]
        area += abs(areas[0] - areas[1])
    return area / sample.spread


def merge_cost(counts: Sequence[int], starts: Sequence[int], bins: int) -> float:
    """Cost of dividing ``counts`` into groups that begin at ``starts``."""
    cost = 0.0
    for start, stop in itertools.pairwise([*starts, len(counts)]):
        group = [count for count in counts[start:stop] if count]
        excess = sum(group) * bins / max(sum(counts), 1) - 1
        cost += 0.0 if len(group) == 1 and excess > 0 else excess**2
    return cost


def cheapest_merge(counts: Sequence[int], bins: int) -> float:
    """Least cost over all divisions into at most ``bins`` groups, by trying them all."""
    return min(
        merge_cost(counts, (0, *starts), bins)
        for groups in range(min(bins, len(counts)))
        for starts in itertools.combinations(range(1, len(counts)), groups)
    )


def histogram(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    """Counts per cell of the finite values."""
    counts = [0] * (len(edges) + 1)
    for value in values:
        if math.isfinite(value):
            counts[int(np.sum(np.asarray(edges) <= value))] += 1
    return counts
