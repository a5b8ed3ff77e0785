"""Runs of thirty days: drawn as counts, or put together of real days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.judgement import Judged
from engine.layout import PREDICTIONS
from engine.model import MonitoredModel
from engine.window_judging import WindowJudging
from load_tests.false_pages.deciding import CALM, Due, Month, decide_month, in_order
from load_tests.false_pages.drawn import DrawnModel, IntArray, drawn_month
from load_tests.false_pages.policies import DAY_MS, WINDOW_MS, policies
from load_tests.false_pages.real_tables import RealDays
from load_tests.false_pages.screening import Screen, Screened
from load_tests.quality.measured import START_MS

REAL: Final = 4
"""The sequence of random numbers of real days."""
BLOCK_DAYS: Final = 3
MAX_KEPT: Final = 2_000
"""Judged windows kept for the next month that they stand in."""
NO_SLICES: Final = np.zeros(1, np.int64)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of thirty days told."""

    pages: dict[str, list[str]]
    """Policy -> the rule of each page."""
    fixed: int
    """Pages of fixed thresholds: a feature's PSI over 0.20 in any window."""
    unlikely: int
    """Pages of p < 0.05 of any feature in any window."""
    windows: int
    judged: int
    """Windows that were judged whole."""


def episodes(held: np.ndarray) -> int:
    """Alerts of windows in a row that held, each ended by CALM quiet ones: what is beside us has
    our patience."""
    places = np.flatnonzero(held)
    return int(np.count_nonzero(np.diff(places) > CALM)) + bool(len(places))


class DrawnRuns:
    """Runs of a made-up model."""

    def __init__(self, drawn: DrawnModel, days: int) -> None:
        self._drawn, self._days = drawn, days
        self._policies = self.policies = policies(drawn.spec, drawn.model)
        first = first_policy(self._policies)
        self._screen, self._judging = Screen(first), WindowJudging(first)

    def run(self, seed: int) -> Run:
        """The run of a seed."""
        values, events = drawn_month(self._drawn, self._days, seed)
        counts = _summed(values, events)
        screened = {window: self._screened(window, *found) for window, found in counts.items()}
        month = decide_month(self._policies, self._due(counts, screened))
        return _told(month, list(self._policies), screened)

    def decided(self, values: IntArray, events: IntArray) -> Month:
        """What is told of a month's values."""
        counts = _summed(values, events)
        screened = {window: self._screened(window, *found) for window, found in counts.items()}
        return decide_month(self._policies, self._due(counts, screened), exact=True)

    def due(self, values: IntArray, events: IntArray) -> Iterator[Due]:
        """The windows of a month's values, in order."""
        counts = _summed(values, events)
        screened = {window: self._screened(window, *found) for window, found in counts.items()}
        return self._due(counts, screened)

    def _screened(self, window: str, values: IntArray, events: IntArray) -> Screened:
        """A day at a time, for the memory."""
        at_once = max(1, DAY_MS // WINDOW_MS[window])
        parts = []
        for first in range(0, len(events), at_once):
            of_day = slice(first, first + at_once)
            found = self._drawn.counts(values[of_day], events[of_day])
            slices = np.zeros((len(found), 1), np.int64)
            parts.append(self._screen.screen(window, found, slices))
        return joined(parts)

    def _due(
        self, counts: dict[str, tuple[IntArray, IntArray]], screened: dict[str, Screened]
    ) -> Iterator[Due]:
        for end_ms, window, number in in_order(ends_ms(self._days)):
            values, events = counts[window]

            def judge(
                window: str = window,
                end_ms: int = end_ms,
                values: IntArray = values[number : number + 1],
                events: IntArray = events[number : number + 1],
            ) -> Judged:
                rule = first_policy(self._policies).spec.window(window)
                found = self._drawn.counts(values, events)[0]
                return self._judging.judge(rule, end_ms, 0, found, NO_SLICES, {}, START_MS)

            yield Due(window, end_ms, not screened[window].may_page[number], judge)


def _summed(values: IntArray, events: IntArray) -> dict[str, tuple[IntArray, IntArray]]:
    """Values and events by length of window."""
    found = {}
    for window, length_ms in WINDOW_MS.items():
        panes = length_ms // WINDOW_MS["5m"]
        found[window] = (
            values.reshape(-1, panes, *values.shape[1:]).sum(axis=1),
            events.reshape(-1, panes).sum(axis=1),
        )
    return found


def _told(month: Month, names: list[str], screened: dict[str, Screened]) -> Run:
    return Run(
        {name: month.pages(name) for name in names},
        sum(episodes(each.over) for each in screened.values()),
        sum(episodes(each.unlikely) for each in screened.values()),
        sum(len(each.may_page) for each in screened.values()),
        month.judged,
    )


def joined(parts: list[Screened]) -> Screened:
    """Windows one after another."""
    return Screened(
        np.concatenate([part.may_page for part in parts]),
        np.concatenate([part.over for part in parts]),
        np.concatenate([part.unlikely for part in parts]),
    )


def ends_ms(days: int) -> dict[str, IntArray]:
    """Ends of all windows of so many days."""
    return {
        window: START_MS + length_ms * np.arange(1, days * DAY_MS // length_ms + 1)
        for window, length_ms in WINDOW_MS.items()
    }


def first_policy(found: dict[str, MonitoredModel]) -> MonitoredModel:
    """The one that windows are judged under before they are decided on under each."""
    return next(iter(found.values()))


class RealRuns:
    """Runs put together of blocks of real days."""

    def __init__(self, real: RealDays, days: int) -> None:
        self._real, self._days = real, days
        self._policies = policies(real.spec, real.model)
        first = first_policy(self._policies)
        screen, self._judging = Screen(first), WindowJudging(first)
        self._windows = [
            {window: self._summed(day, window) for window in WINDOW_MS}
            for day in range(len(real.days))
        ]
        self._screened = [
            {window: screen.screen(window, *found) for window, found in of_day.items()}
            for of_day in self._windows
        ]
        self._judged: dict[tuple[int, str, int], Judged] = {}

    def _summed(self, day: int, window: str) -> tuple[IntArray, IntArray]:
        panes = WINDOW_MS[window] // WINDOW_MS["5m"]
        counts, slices = self._real.counts[day], self._real.slices[day]
        return (
            counts.reshape(-1, panes, counts.shape[1]).sum(axis=1),
            slices.reshape(-1, panes, slices.shape[1]).sum(axis=1),
        )

    @property
    def flagged(self) -> dict[str, int]:
        """Windows of all the days that can page, by length."""
        return {
            window: sum(int(day[window].may_page.sum()) for day in self._screened)
            for window in WINDOW_MS
        }

    def run(self, seed: int) -> Run:
        """The run of a seed."""
        random = np.random.default_rng([REAL, seed])
        drawn = blocks_of_days(random, self._real.days, self._days)
        screened = {
            window: joined([self._screened[day][window] for day in drawn]) for window in WINDOW_MS
        }
        month = decide_month(self._policies, self._due(drawn, screened))
        return _told(month, list(self._policies), screened)

    def _due(self, drawn: list[int], screened: dict[str, Screened]) -> Iterator[Due]:
        for end_ms, window, number in in_order(ends_ms(self._days)):
            a_day = DAY_MS // WINDOW_MS[window]
            day, place = drawn[number // a_day], number % a_day
            if not self._windows[day][window][0][place, : PREDICTIONS + 1].any():
                continue  # An empty window says nothing to any rule but of volume.

            def judge(
                window: str = window, end_ms: int = end_ms, day: int = day, place: int = place
            ) -> Judged:
                return replace(self._judge(day, window, place), end_ms=end_ms)

            yield Due(window, end_ms, not screened[window].may_page[number], judge)

    def _judge(self, day: int, window: str, place: int) -> Judged:
        """The window as it is, wherever in a month its day stands."""
        known = self._judged.get((day, window, place))
        if known is None:
            counts, slices = (each[place] for each in self._windows[day][window])
            rule = first_policy(self._policies).spec.window(window)
            known = self._judging.judge(rule, START_MS, 0, counts, slices, {}, START_MS)
            if len(self._judged) < MAX_KEPT:
                self._judged[day, window, place] = known
        return known


def blocks_of_days(random: np.random.Generator, days: list[int], wanted: int) -> list[int]:
    """Places of ``wanted`` days, in blocks of BLOCK_DAYS that adjoin (fewer at the end of a
    week's days), drawn with replacement."""
    drawn: list[int] = []
    while len(drawn) < wanted:
        first = int(random.integers(len(days)))
        block = [first]
        while len(block) < BLOCK_DAYS and block[-1] + 1 < len(days):
            if days[block[-1] + 1] != days[block[-1]] + 1:
                break
            block.append(block[-1] + 1)
        drawn += block
    return drawn[:wanted]
