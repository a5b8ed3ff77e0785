"""Slow, plain twins of the kernels over losses: they keep all values and compute from them.

Rule.  A twin shares no code with what it checks: one value at a time, Python numbers, means as sums
over lists.  ``update`` returns None, or whether the change was a rise and the means before and
after it.
"""

from __future__ import annotations

import math
import random
import warnings
from statistics import fmean, stdev

from scipy.stats import ks_2samp

Change = tuple[bool, float, float] | None


class Ddm:
    """DDM from the list of values since the last alarm."""

    def __init__(self, warm: int = 30, drift: float = 3.0) -> None:
        """Take the parameters; no value seen yet."""
        self.warm, self.drift = warm, drift
        self.values: list[float] = []
        self.best: tuple[float, float, int] | None = None

    def update(self, value: float) -> Change:
        """Take a finite value."""
        self.values.append(value)
        n = len(self.values)
        p = fmean(self.values)
        s = math.sqrt(p * (1 - p) / n)
        if n <= self.warm:
            return None
        if self.best is None or p + s <= self.best[0] + self.best[1]:
            self.best = (p, s, n)
        p_min, s_min, cut = self.best
        if p + s <= p_min + self.drift * s_min:
            return None
        after = fmean(self.values[cut:] or self.values)
        self.values, self.best = [], None
        return after > p_min, p_min, after


class Eddm:
    """EDDM from the list of distances between errors since the last alarm."""

    def __init__(self, warm: int = 30, beta: float = 0.9) -> None:
        """Take the parameters; no value seen yet."""
        self.warm, self.beta = warm, beta
        self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self.n = self.last = 0
        self.distances: list[int] = []
        self.best: tuple[float, int] | None = None

    def update(self, value: float) -> Change:
        """Take a finite value."""
        self.n += 1
        if value != 1:
            return None
        self.distances.append(self.n - self.last)
        self.last = self.n
        if self.n <= self.warm:
            return None
        errors = len(self.distances)
        level = fmean(self.distances) + 2 * (stdev(self.distances) if errors > 1 else 0.0)
        if self.best is None or level > self.best[0]:
            self.best = (level, errors)
        elif errors > self.warm and level / self.best[0] < self.beta:
            cut = self.best[1]
            before, since = fmean(self.distances[:cut]), fmean(self.distances[cut:])
            self.restart()
            return since < before, 1 / before, 1 / since
        return None


class HddmA:
    """HDDM_A from the list of values since the last alarm."""

    def __init__(self, confidence: float = 0.001, *, two_sided: bool = False) -> None:
        """Take the parameters; no value seen yet."""
        self.confidence, self.two_sided = confidence, two_sided
        self.values: list[float] = []
        self.low_n = self.high_n = 1

    def reach(self, n: int) -> float:
        """Hoeffding's bound on a mean of n values."""
        return math.sqrt(math.log(1 / self.confidence) / (2 * n))

    def update(self, value: float) -> Change:
        """Take a finite value."""
        self.values.append(value)
        n, whole = len(self.values), fmean(self.values)
        low, high = fmean(self.values[: self.low_n]), fmean(self.values[: self.high_n])
        if low + self.reach(self.low_n) >= whole + self.reach(n):
            self.low_n, low = n, whole
        if high - self.reach(self.high_n) <= whole - self.reach(n):
            self.high_n, high = n, whole
        for rise, cut, gap in ((True, self.low_n, whole - low), (False, self.high_n, high - whole)):
            if cut == n or not (rise or self.two_sided):
                continue
            if gap >= math.sqrt((n - cut) / (2 * cut * n) * math.log(2 / self.confidence)):
                before, after = fmean(self.values[:cut]), fmean(self.values[cut:])
                self.values, self.low_n, self.high_n = [], 1, 1
                return rise, before, after
        return None


class HddmW:
    """HDDM_W: weighted means computed anew from the lists up to and since each cut."""

    def __init__(
        self, confidence: float = 0.001, share: float = 0.05, *, two_sided: bool = False
    ) -> None:
        """Take the parameters; no value seen yet."""
        self.confidence, self.share, self.two_sided = confidence, share, two_sided
        self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self.values: list[float] = []
        self.cuts = {True: 0, False: 0}
        self.points = {True: math.inf, False: -math.inf}

    def weighted(self, values: list[float]) -> tuple[float, float]:
        """Weighted mean and bound condition of some values."""
        mean, condition = values[0], 1.0
        for at, value in enumerate(values):
            mean = value if at == 0 else self.share * value + (1 - self.share) * mean
            condition = self.share**2 + (1 - self.share) ** 2 * condition
        return mean, condition

    def update(self, value: float) -> Change:
        """Take a finite value."""
        self.values.append(value)
        mean, condition = self.weighted(self.values)
        reach = math.sqrt(condition * math.log(1 / self.confidence) / 2)
        if mean + reach < self.points[True]:
            self.points[True], self.cuts[True] = mean + reach, len(self.values)
        if mean - reach > self.points[False]:
            self.points[False], self.cuts[False] = mean - reach, len(self.values)
        for rise in (True, False) if self.two_sided else (True,):
            cut = self.cuts[rise]
            if cut == len(self.values):
                continue
            before, one = self.weighted(self.values[:cut])
            after, other = self.weighted(self.values[cut:])
            gap = after - before if rise else before - after
            if gap > math.sqrt((one + other) * math.log(1 / self.confidence) / 2):
                self.restart()
                return rise, before, after
        return None


class PageHinkley:
    """Page-Hinkley with the list of values since the last alarm."""

    def __init__(
        self, least: int = 30, delta: float = 0.005, threshold: float = 50.0, alpha: float = 0.9999
    ) -> None:
        """Take the parameters; no value seen yet."""
        self.least, self.delta, self.threshold, self.alpha = least, delta, threshold, alpha
        self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self.values: list[float] = []
        self.rising = self.falling = 0.0
        self.low, self.high, self.cut = math.inf, -1.0, 0

    def update(self, value: float) -> Change:
        """Take a finite value."""
        self.values.append(value)
        deviation = value - fmean(self.values)
        self.rising = self.alpha * self.rising + deviation - self.delta
        self.falling = self.alpha * self.falling + deviation + self.delta
        if self.rising < self.low:
            self.low, self.cut = self.rising, len(self.values)
        self.high = max(self.high, self.falling)
        if len(self.values) < self.least:
            return None
        rise = self.rising - self.low > self.threshold
        if not rise and self.high - self.falling <= self.threshold:
            return None
        before, after = fmean(self.values[: self.cut]), fmean(self.values[self.cut :] or [math.nan])
        self.restart()
        return rise, before, after


class Kswin:
    """KSWIN with Python's own generator and SciPy's own test."""

    def __init__(
        self, alpha: float = 0.005, size: int = 100, recent: int = 30, seed: int = 0
    ) -> None:
        """Take the parameters; no value seen yet."""
        self.alpha, self.size, self.recent, self.seed = alpha, size, recent, seed
        self.restart()

    def restart(self) -> None:
        """Forget everything, and begin the draws again."""
        self.values: list[float] = []
        self.draws = random.Random(self.seed)

    def update(self, value: float) -> Change:
        """Take a finite value."""
        self.values = [*self.values, value][-self.size :]
        if len(self.values) < self.size:
            return None
        older, newest = self.values[: -self.recent], self.values[-self.recent :]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=RuntimeWarning)
            test = ks_2samp(self.draws.sample(older, self.recent), newest)
        if not (test.pvalue <= self.alpha and test.statistic > 0.1):
            return None
        self.restart()
        return fmean(newest) > fmean(older), fmean(older), fmean(newest)
