"""Holds what came out of a round against the replay of its stream.

Rule.  Lost and double-counted records are counted where they cannot cancel: apart for every
partition (records in the log against ``longshore_records_total``) and for every window (events of
the judgement against the replay's); the larger of the two sums is reported.  State is equal when
every judgement, alert and trigger that the replay wrote came, byte for byte, nothing else did, and
those of a model came in the replay's order; judgements of the data, of performance and of each
cohort do not wait for each other, so of each of them by itself.  A record that came again, equal,
is a duplicate delivery; one of the same identity with other bytes is an unequal repeat.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from detectors.discovery import estimators
from load_tests.chaos.reading import instant_ms
from tests.kafka.longshore_run import DECIDED, Records, Scraped, by_clock, clock_of, total

IDENTITY: Final[dict[str, tuple[str, ...]]] = {
    "judgements": ("model", "version", "window", "end", "revision"),
    "alerts": ("alert_id",),
    "retraining-triggers": ("trigger_id",),
    "promotions": ("promotion_id",),
}

ESTIMATORS: Final = frozenset(estimators())
"""Watch a whole stream in its order; everything else of a judgement is of its window alone."""


@dataclass(frozen=True, slots=True)
class Account:
    """What one round shows."""

    lost: int
    doubled: int
    equal: bool
    missing: int
    """Output records that the replay wrote and nobody saw."""
    strange: int
    """Output records that the replay did not write."""
    triggers: int
    triggers_lost: int
    unequal_repeats: int
    duplicate_deliveries: int
    first_difference: str
    """For a message; empty when all is equal."""


def account(
    expected: Records, found: Records, in_log: Sequence[int], counted: Sequence[int]
) -> Account:
    """Compare; ``in_log`` and ``counted`` are records per partition."""
    lost, doubled = differences(in_log, counted)
    windows_lost, windows_doubled = _window_differences(expected, found)
    missing = {name: set(expected[name]) - set(found[name]) for name in DECIDED}
    strange = {name: set(found[name]) - set(expected[name]) for name in DECIDED}
    wanted, came = (_ids(records["retraining-triggers"]) for records in (expected, found))
    in_order = all(
        by_clock(dict.fromkeys(found[name])) == by_clock(expected[name]) for name in DECIDED
    )
    return Account(
        lost=max(lost, windows_lost),
        doubled=max(doubled, windows_doubled),
        equal=in_order and not any(missing.values()) and not any(strange.values()),
        missing=sum(map(len, missing.values())),
        strange=sum(map(len, strange.values())),
        triggers=len(wanted),
        triggers_lost=len(wanted - came),
        unequal_repeats=sum(_unequal_repeats(name, found[name]) for name in DECIDED),
        duplicate_deliveries=sum(len(found[n]) - len(set(found[n])) for n in DECIDED),
        first_difference=_first_difference(missing, strange, in_order=in_order),
    )


def differences(expected: Iterable[int], found: Iterable[int]) -> tuple[int, int]:
    """(too few, too many), summed apart over the pairs."""
    pairs = list(zip(expected, found, strict=True))
    return sum(max(0, e - f) for e, f in pairs), sum(max(0, f - e) for e, f in pairs)


def counted_records(metrics: Scraped, partitions: int) -> list[int]:
    """Records of the predictions that the tallies counted, per partition."""
    return [
        int(total(metrics, "longshore_records_total", topic="predictions", partition=str(p)))
        for p in range(partitions)
    ]


def since(records: Records, cut_ms: int, reach_ms: Callable[[dict[str, Any]], int]) -> Records:
    """The judgements of windows that begin at or after ``cut_ms``, without what looks back over
    the events before it: the estimators, and the decisions."""
    judged = map(orjson.loads, records["judgements"])
    kept = [orjson.dumps(_windowed(each)) for each in judged if reach_ms(each) >= cut_ms]
    return {name: kept if name == "judgements" else [] for name in DECIDED}


def _windowed(tree: dict[str, Any]) -> dict[str, Any]:
    """Without the estimators' fields, at any depth."""
    return {
        name: _windowed(value) if isinstance(value, dict) else value
        for name, value in tree.items()
        if name not in ESTIMATORS
    }


def start_ms(judged: dict[str, Any]) -> int:
    """Where a judgement's window begins."""
    return instant_ms(judged["start"])


def _window_differences(expected: Records, found: Records) -> tuple[int, int]:
    """Over the windows of one length that follow one another without overlap."""
    wanted, came = _window_events(expected["judgements"]), _window_events(found["judgements"])
    disjoint = _disjoint(wanted)
    return differences((wanted[key] for key in disjoint), (came.get(key, 0) for key in disjoint))


Window = tuple[str, str, str]
"""model@version and what was judged of it, start, end."""


def _window_events(judgements: Iterable[bytes]) -> dict[Window, int]:
    """Events of each window at its last revision."""
    newest: dict[Window, tuple[int, int]] = {}
    for judged in map(orjson.loads, judgements):
        of = f"{judged['model']}@{judged['version']} {clock_of(judged)}"
        key = (of, judged["start"], judged["end"])
        newest[key] = max(newest.get(key, (-1, 0)), (judged["revision"], judged["events"]))
    return {key: events for key, (_, events) in newest.items()}


def _disjoint(windows: Iterable[Window]) -> list[Window]:
    chosen: list[Window] = []
    ends: dict[str, str] = {}
    for key in sorted(windows, key=lambda window: (window[0], window[2], window[1])):
        if key[1] >= ends.get(key[0], ""):
            chosen.append(key)
            ends[key[0]] = key[2]
    return chosen


def _ids(triggers: Iterable[bytes]) -> set[str]:
    return {orjson.loads(trigger)["trigger_id"] for trigger in triggers}


def _unequal_repeats(name: str, records: Iterable[bytes]) -> int:
    contents: defaultdict[tuple[object, ...], set[bytes]] = defaultdict(set)
    for record in records:
        fields = orjson.loads(record)
        identity = (*(fields.get(field) for field in IDENTITY[name]), clock_of(fields))
        contents[identity].add(record)
    return sum(len(each) - 1 for each in contents.values())


def _first_difference(
    missing: dict[str, set[bytes]], strange: dict[str, set[bytes]], *, in_order: bool
) -> str:
    counts = Counter(
        {f"{len(rest)} {name} missing": len(rest) for name, rest in missing.items() if rest}
        | {f"{len(rest)} {name} unlike": len(rest) for name, rest in strange.items() if rest}
    )
    if counts:
        first = min(min(rest) for rest in (*missing.values(), *strange.values()) if rest)
        return f"{', '.join(counts)}; first: {first[:160].decode(errors='replace')}"
    return "" if in_order else "in another order than the replay's"
