"""Runs one round of a fault and gives its figures.

Rule.  A round ends when every record that the replay wrote has come and every record of the log
was counted, or at a limit; then nothing is waited for any more and the difference is the result.
Whatever goes wrong in running it is an error of the round, never silence.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any, Final

from load_tests.chaos.accounting import Account, account, counted_records, since, start_ms
from load_tests.chaos.arena import STREAM_LIMIT_S, Arena, Mark, arena
from load_tests.chaos.contract import Fault
from load_tests.chaos.proxied_broker import ProxiedBroker
from load_tests.chaos.proxy import Proxy
from load_tests.chaos.reading import log_sizes, read_after
from load_tests.chaos.recording import Studio
from load_tests.event import PARTITIONS
from load_tests.topics import delete_topics
from tests.kafka.longshore_run import Records, Scraped, total

CATCH_UP_LIMIT_S: Final = 120.0
QUIET_S: Final = 75.0
"""So long without a new judgement and with nothing left to count, a round is over: longer than a
request waits on a connection that is half open (40 s), and a session and a restore behind it."""
LOOK_S: Final = 0.25
ERROR_CHARACTERS: Final = 700
METRIC: Final = re.compile(r"^(\w+)(?:\{(.*)\})?$")

Figures = dict[str, Any]
"""What is kept of a round, as JSON."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What rounds share: a broker, a proxy before it, streams with their truth, a directory."""

    broker: ProxiedBroker
    proxy: Proxy
    studio: Studio
    directory: Path


def run_round(ground: Ground, fault: Fault, number: int, seed: int, events: int) -> Figures:
    """Round ``number`` of a fault; an ``error`` in the figures when it could not be run."""
    began = monotonic()
    figures: Figures = {"fault": fault.name, "round": number, "seed": seed, "asked": events}
    prefix = f"{fault.name.replace('_', '-')}-{number}-{int(began * 1_000):x}."
    try:
        recording = ground.studio.recording(fault.recipe, seed + number, events)
        figures["events"] = recording.events
        random = Random(f"{fault.name}/{number}/{seed}")
        directory = ground.directory / prefix.strip(".")
        parts = (fault, recording, ground.broker, ground.proxy, directory, prefix, random)
        with arena(*parts) as place:
            figures |= _play(place)
    except Exception as error:  # noqa: BLE001 - one round must not cost the others
        where = traceback.extract_tb(error.__traceback__)[-1]
        words = " ".join(str(error).split())[:ERROR_CHARACTERS]
        figures["error"] = f"{type(error).__name__} in {where.name}: {words}"
    finally:
        ground.proxy.mend()
        _restore(ground, prefix)
    figures["seconds"] = round(monotonic() - began, 1)
    return figures


def _restore(ground: Ground, prefix: str) -> None:
    if ground.broker.pid is None:
        ground.broker.start()
    delete_topics(ground.broker.bootstrap, prefix)


def _play(place: Arena) -> Figures:
    place.stream.start()
    place.fault.inject(place)
    if place.fault.ends:
        return _ended(place)
    place.stream.finish(STREAM_LIMIT_S)
    expected = _comparable(place, place.recording.expected)
    in_log = [end - first for first, end in log_sizes(place.bootstrap, place.topic("predictions"))]
    metrics = _caught_up(place, expected, in_log)
    found, during = _settled(place)
    counted = counted_records(metrics, PARTITIONS)
    if place.cut_ms is not None:
        # What a snapshot holds of records that are gone stands in no log.
        in_log, counted = [], []
    result = account(expected, _comparable(place, found), in_log, counted)
    if not result.equal:
        _keep(place, expected, _comparable(place, found))
    return _told_of(place, result, metrics, in_log=sum(in_log), agree=found == during)


def _keep(place: Arena, expected: Records, found: Records) -> None:
    """What differs, beside the workers' logs."""
    for kind, records in (("expected", expected), ("found", found)):
        for name, values in records.items():
            path = place.fleet.directory / f"{kind}-{name}.ndjson"
            path.write_bytes(b"".join(value + b"\n" for value in values))


def _ended(place: Arena) -> Figures:
    """After a refusal for good: what came must be what the replay says up to there."""
    place.stream.stop()
    found, during = _settled(place)
    known = {n: [r for r in place.recording.expected[n] if r in set(found[n])] for n in found}
    return _told_of(place, account(known, found, [], []), [], in_log=0, agree=found == during)


def _told_of(
    place: Arena, result: Account, metrics: Scraped, *, in_log: int, agree: bool
) -> Figures:
    """The figures of a round."""
    pending = [mark for mark in place.marks if not _all_was_judged(place, mark)]
    recoveries = [_recovery_s(place, mark) for mark in pending]
    told, silent = _told(place, metrics)
    return _figures(result) | {
        "sent": len(place.recording.records),
        "in_log": in_log,
        "readers_agree": agree,
        "recovery_s": [s if s is None else round(s, 2) for s in recoveries],
        "told": told,
        "silent": silent,
        "refusals": place.refusals,
    }


def _comparable(place: Arena, records: Records) -> Records:
    return records if place.cut_ms is None else since(records, place.cut_ms, start_ms)


def _caught_up(place: Arena, expected: Records, in_log: list[int]) -> Scraped:
    """The metrics of all workers once all is judged and counted, or when nothing happens."""
    end, heard, judged = monotonic() + CATCH_UP_LIMIT_S, monotonic(), -1
    while True:
        metrics = [series for worker in place.fleet.running for series in worker.metrics()]
        counted = counted_records(metrics, PARTITIONS)
        missing = any(set(records) - set(place.reading.found[n]) for n, records in expected.items())
        now = monotonic()
        if len(place.reading.judged) != judged:
            judged, heard = len(place.reading.judged), now
        complete = counted == in_log or place.cut_ms is not None
        done = complete and not missing
        stuck = complete and now - heard > QUIET_S
        if done or stuck or now > end or not place.fleet.running:
            return metrics
        sleep(LOOK_S)


def _settled(place: Arena) -> tuple[Records, Records]:
    """What the reader after the faults finds, and what the one during them saw."""
    found = read_after(place.bootstrap, place.prefix)
    end = monotonic() + QUIET_S
    while any(len(place.reading.found[n]) < len(r) for n, r in found.items()):
        if monotonic() > end:
            break
        sleep(LOOK_S)
    during = {name: sorted(records) for name, records in place.reading.found.items()}
    assert during.keys() == found.keys()
    after = {name: sorted(records) for name, records in found.items()}
    return found, found if during == after else during


def _all_was_judged(place: Arena, mark: Mark) -> bool:
    """Whether the stream had ended, and its last window had been judged, before the mark."""
    last_ms = max((end_ms for _, end_ms in place.reading.judged), default=0)
    return any(at < mark.at_s and end_ms == last_ms for at, end_ms in place.reading.judged)


def _recovery_s(place: Arena, mark: Mark) -> float | None:
    """Seconds from the mark until a window that ends after it was judged, or the last one of the
    stream; None: never."""
    last_ms = max((end_ms for _, end_ms in place.reading.judged), default=0)
    after_ms = min(mark.published_ms, last_ms - 1)
    times = [at for at, end_ms in place.reading.judged if end_ms > after_ms and at >= mark.at_s]
    return min(times) - mark.at_s if times else None


def _told(place: Arena, metrics: Scraped) -> tuple[list[str], bool]:
    """The signs that were seen, and whether none was though the fault says there must be one."""
    said = {"log": place.fleet.said(), "log since": place.fleet.said(place.said_before)}
    seen = [sign for sign in place.fault.signs if _seen(sign, said, metrics)]
    seen += [f"refused: {line}" for line in place.refusals]
    return seen, bool(place.fault.signs or place.fault.refuses) and not seen


def _seen(sign: str, said: Mapping[str, str], metrics: Scraped) -> bool:
    kind, _, text = sign.partition(": ")
    if kind in said:
        return re.search(text, said[kind]) is not None
    found = METRIC.match(sign)
    assert found is not None, f"{sign!r} is neither a log line nor a metric"
    labels = dict(pair.split("=", 1) for pair in (found[2] or "").split(",") if pair)
    return total(metrics, found[1], **{k: v.strip('"') for k, v in labels.items()}) > 0


def _figures(result: Account) -> Figures:
    return {name: getattr(result, name) for name in result.__slots__}
