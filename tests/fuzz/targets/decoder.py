"""Any bytes on an input topic end as the one verdict that a plain, slow decoder gives them.

The fast way has three readings (strict types, untyped features, diagnosis) and changes over from
the first to the second within a batch; a batch of several records, some of them repeated until it
does, must say of each what is said of it alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.decode import LENIENT_AFTER, Decoder
from engine.decoded import Decoded, Events
from engine.records import RecordBatch
from engine.spec import Topic
from tests.engine.bad_records import REJECTED
from tests.engine.models import START, beat, raw
from tests.fuzz.draw import Draw, chunk
from tests.fuzz.event_grammar import TOPICS, Made, draw_record, record_times
from tests.fuzz.models_under_fuzz import inline, separate
from tests.fuzz.plain_decoder import UNSOUND, Verdict, allowed_verdicts
from tests.fuzz.target import holds

RUNS: Final = 500_000
MAX_BYTES: Final = 700
INSTRUMENTED: Final = ("engine",)
SMALL: Final = 400
WORDS: Final = (
    b'"heartbeat":true',
    b'"features":{',
    b'"event_id":"e"',
    b'"model":"m"',
    b'"version":"v2"',
    b'"ts":1357552800000',
    b'"2013-01-07T10:00:00Z"',
    b"null",
    b"1e999",
    b"\\u0000",
)


def prepare() -> Callable[[bytes], None]:
    """The decoders live on: they have no state."""
    models = {m.key: m for m in (inline(), separate())}
    decoders = {topic: Decoder(list(models.values()), topic) for topic in TOPICS}

    def execute(data: bytes) -> None:
        draw = Draw(data)
        topic = draw.pick(TOPICS)
        made = [draw_record(draw, topic) for _ in range(1 + draw.below(3))]
        if draw.below(16) == 15:
            made += made[-1:] * LENIENT_AFTER + made[:1]
        times = list(record_times(draw, len(made)))
        batch = batch_of(topic, made, times)
        found = verdicts(decoders[topic].decode(batch), len(made))
        for row, record in enumerate(made):
            allowed = allowed_verdicts(record.value, record.headers, times[row], topic, models)
            sound = any(same(found[row], expected) for expected in allowed)
            holds(sound, f"row {row}: {found[row]}, not {allowed}")

    return execute


def seeds() -> Mapping[str, bytes]:
    """Good and bad records as they stand, and one choice of every kind."""
    one = b"\x00\x00\x00"
    found = {name: one + chunk(value) for name, value in plain_records().items()}
    found |= {f"shape {n}": bytes([n % 3, 0, n, 2, n, 1, n + 1, 0x81 + n]) for n in range(8)}
    return found


def plain_records() -> dict[str, bytes]:
    """Good and bad records, as far as they are small."""
    found = {"good": raw(1, START), "beat": beat(START)}
    found |= {f"bad {name}": value for name, (value, _) in REJECTED.items() if value is not None}
    return {name: value for name, value in found.items() if len(value) < SMALL}


def batch_of(topic: Topic, made: list[Made], times_ms: list[int]) -> RecordBatch:
    """Records without keys from offset 0."""
    rows = len(made)
    headers = [record.headers for record in made]
    return RecordBatch(
        topic,
        0,
        list(range(rows)),
        times_ms,
        [None] * rows,
        [record.value for record in made],
        headers if any(headers) else None,
    )


def verdicts(decoded: Decoded, rows: int) -> list[Verdict]:
    """The verdict of each row; BrokenRuleError when a row has none or two."""
    found: dict[int, Verdict] = {}

    def put(row: int, *items: Any) -> None:  # noqa: ANN401 - a verdict's items
        holds(row not in found, f"row {row} ended twice")
        found[row] = items

    for row, reason in decoded.rejected:
        put(row, "rejected", reason)
    for row, name in decoded.shadows:
        put(row, "shadow", name)
    for row, name, ts_ms in decoded.heartbeats:
        put(row, "heartbeat", name, ts_ms)
    for row in decoded.offline:
        put(row, "offline")
    for events in (events for events in decoded.events if events.ends_records):
        for place, row in enumerate(events.rows.tolist()):
            put(row, "event", *event_items(events, place))
    holds(len(found) == rows, "a row ended nowhere")
    return [found[row] for row in range(rows)]


def event_items(events: Events, place: int) -> list[Any]:
    """Everything that is known of one event."""
    items: list[Any] = [events.model.key, int(events.ts_ms[place]), events.ids[place]]
    if events.outcome is not None:
        items += [None if math.isnan(n) else n for n in events.outcome[:, place].tolist()]
        assert events.positive is not None
        assert events.errors is not None
        items += [int(events.positive[place]), bool(events.errors[place])]
    if events.numeric is not None:
        items += [None if math.isnan(n) else n for n in events.numeric[:, place].tolist()]
    if events.codes is not None:
        items += events.codes[:, place].tolist()
    return items


def same(found: Verdict, expected: Verdict) -> bool:
    """Whether two verdicts are one; reals to the last bit but for the sign of zero.

    A record that is malformed in one place and has a number out of range in another may be told
    either.
    """
    if found in UNSOUND and expected in UNSOUND:
        return True
    return len(found) == len(expected) and all(
        a == b and (type(a) is not bool) is (type(b) is not bool)
        for a, b in zip(found, expected, strict=True)
    )
