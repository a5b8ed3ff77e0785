"""When data were bad: spells of faults that outlive the window that told of them.

Rule.  A fault is found where a window shows it.  Of a longer window it may be a part too small to
be told there and still enough to pass for drift, and labels of events with bad data come later.  So
each disjoint window of the data with a fault is noted, neighbours of one length as one spell, by
feature (RECORDS for faults of the records themselves).  Of a later question, a window or the time
that labels are about, a feature is bad where spells of one length cover MIN_SHARE of it; of a
window also where one of the AFTERMATH before it had the fault.

A time of maintenance says nothing of the model, so a fault of a window in it has no aftermath; what
was predicted then is still about bad data when its labels come.

Only times are compared, so the answer about a time is the same however much later it is asked, as
long as there are no more than MAX_SPELLS since.  A spell of a fault that the spec checks no more
says nothing: what was declared to be the new normal holds nothing back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Final

import msgspec

from engine.durations import UNITS_MS

if TYPE_CHECKING:
    from engine.judgement import Judged
    from engine.spec import Spec, WindowRule

MAX_SPELLS: Final = 400
"""Spells of one feature and length of window that are kept; the oldest goes.  A fault of every
night is remembered as long as any: its labels may come months later."""
REMEMBERED_MS: Final = 400 * UNITS_MS["d"]
"""By the data's own time, which may be ahead of the labels' by as much as there is to read."""
MIN_SHARE: Final = 0.02
"""A time with less bad in it is as good as sound."""
AFTERMATH: Final = 2
"""Windows after one with a fault in which what the feature shows is not believed: another unit is
told in one week and not in the next, as the weather happens to be."""
ABSENCES: Final = frozenset({"missing", "invalid"})
"""Faults that leave the other values as they were."""
RECORDS: Final = ""
"""In the place of a feature: the records themselves, of all features therefore."""


class Spell(msgspec.Struct, array_like=True):
    """Windows in a row that a fault was in."""

    from_ms: int
    until_ms: int
    kinds: list[str]


BadSpells = dict[str, dict[str, list[Spell]]]
"""Feature -> window -> spells, oldest first."""


def checked(spells: BadSpells, spec: Spec) -> BadSpells:
    """The spells of features and faults that the spec checks."""
    if not spells or spec.quality is None:
        return {}
    without = () if spec.quality.freshness_ms is not None else ("freshness",)
    unchecked: dict[str, frozenset[str]] = {RECORDS: frozenset(without)}
    unchecked |= {feature.name: frozenset(feature.unchecked) for feature in spec.features}
    found: BadSpells = {}
    for name in spells.keys() & unchecked.keys():
        found[name] = spells[name]
        if unchecked[name]:
            found[name] = {
                window: [
                    Spell(spell.from_ms, spell.until_ms, kinds)
                    for spell in known
                    if (kinds := [kind for kind in spell.kinds if kind not in unchecked[name]])
                ]
                for window, known in spells[name].items()
            }
    return found


def note(spells: BadSpells, judged: Judged) -> None:
    """Note the faults of a disjoint window of the data, and forget what is too old to matter."""
    quality = judged.quality
    if quality is None or not judged.is_disjoint:
        return
    kinds = {name: [f.kind for f in faults] for name, faults in quality.faults.items()}
    if quality.records:
        kinds[RECORDS] = [fault.kind for fault in quality.records]
    window, start_ms, end_ms = judged.window.name, judged.start_ms, judged.end_ms
    for name, found in kinds.items():
        known = spells.setdefault(name, {}).setdefault(window, [])
        if known and known[-1].until_ms >= end_ms:
            continue  # judged once before, by counts that began anew
        if known and known[-1].until_ms == start_ms:
            known[-1].until_ms = end_ms
            known[-1].kinds = sorted({*known[-1].kinds, *found})
        else:
            known.append(Spell(start_ms, end_ms, sorted(found)))
            del known[:-MAX_SPELLS]
    if spells:
        _forget(spells, end_ms - REMEMBERED_MS)


def _forget(spells: BadSpells, oldest_ms: int) -> None:
    for name, windows in list(spells.items()):
        for window, known in list(windows.items()):
            del known[: bisect_right(known, oldest_ms, key=_until_ms)]
            if not known:
                del windows[window]
        if not windows:
            del spells[name]


def earlier_faults(
    spells: BadSpells,
    rules: Iterable[WindowRule],
    window: WindowRule,
    end_ms: int,
    is_maintained: Callable[[int, int], bool],
) -> dict[str, tuple[str, ...]]:
    """Feature -> faults of valid values that shorter windows found in MIN_SHARE of a window, or
    that one of the AFTERMATH windows before it had, unless ``is_maintained`` (start, end)."""
    start_ms, length_ms = end_ms - window.length_ms, window.length_ms
    shorter = {rule.name: rule.length_ms for rule in rules if rule.length_ms < length_ms}
    inside = bad_within(spells, shorter, end_ms, [(start_ms, end_ms)])
    ends = (start_ms - number * length_ms for number in range(AFTERMATH))
    before = [(e - length_ms, e) for e in ends if not is_maintained(e - length_ms, e)]
    after = bad_within(spells, {window.name: length_ms}, start_ms, before)
    after.pop(RECORDS, None)
    found = {}
    for name in sorted({*inside, *after}):
        kinds = {*inside.get(name, ()), *after.get(name, ())} - ABSENCES
        if kinds:
            found[name] = tuple(sorted(kinds))
    return found


def bad_within(
    spells: BadSpells,
    lengths_ms: Mapping[str, int],
    asked_ms: int,
    spans_ms: Iterable[tuple[int, int]],
) -> dict[str, tuple[str, ...]]:
    """Feature -> kinds of fault that windows of these names found in MIN_SHARE of any of these
    times (start, end), as far as they had ended at ``asked_ms``."""
    spans = [(start, end) for start, end in spans_ms if end > start]
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(spells):
        kinds: set[str] = set()
        for window, length_ms in lengths_ms.items():
            known, ended_ms = spells[name].get(window, ()), asked_ms // length_ms * length_ms
            for start, end in spans:
                for spell in _covering(known, start, min(end, ended_ms), end - start):
                    kinds.update(spell.kinds)
        if kinds:
            found[name] = tuple(sorted(kinds))
    return found


def bad_times(
    spells: BadSpells, lengths_ms: Mapping[str, int], asked_ms: int, from_ms: int
) -> dict[str, list[tuple[int, int]]]:
    """Feature -> times (start, end), in order and apart, that windows of these names found a fault
    in, as far as they had ended at ``asked_ms``; without what ended by ``from_ms``."""
    found: dict[str, list[tuple[int, int]]] = {}
    for name in sorted(spells):
        times: list[tuple[int, int]] = []
        for window, length_ms in lengths_ms.items():
            known, ended_ms = spells[name].get(window, ()), asked_ms // length_ms * length_ms
            times += [
                (spell.from_ms, min(spell.until_ms, ended_ms))
                for spell in known[bisect_right(known, from_ms, key=_until_ms) :]
                if spell.from_ms < ended_ms
            ]
        if times:
            found[name] = united(times)
    return found


def united(times: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same times in order and apart."""
    found: list[tuple[int, int]] = []
    for start_ms, end_ms in sorted(times):
        if found and start_ms <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end_ms)
        else:
            found.append((start_ms, end_ms))
    return found


def _covering(
    known: Sequence[Spell], start_ms: int, end_ms: int, length_ms: int
) -> Iterator[Spell]:
    """The spells in a time, where they are enough of the length."""
    first = bisect_right(known, start_ms, key=_until_ms)
    inside = list(takewhile(lambda spell: spell.from_ms < end_ms, known[first:]))
    bad_ms = sum(min(s.until_ms, end_ms) - max(s.from_ms, start_ms) for s in inside)
    if bad_ms >= MIN_SHARE * length_ms:
        yield from inside


def _until_ms(spell: Spell) -> int:
    return spell.until_ms
