"""Any text as a time: read alone or among many, it is what the standard library makes of it.

Many texts of one width are read column by column, the rest one by one; both must agree with
``datetime``, and refuse what it refuses, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from engine.timestamps import (
    AT_ONCE,
    NEWEST_MS,
    OLDEST_MS,
    TimestampError,
    ms_to_rfc3339,
    rfc3339_to_ms,
    texts_to_ms,
)
from tests.fuzz.draw import Draw
from tests.fuzz.plain_decoder import RefusedError, plain_time
from tests.fuzz.target import holds

MANY: Final = 0x60
"""These two bits of the first byte ask for the reading of many."""
RUNS: Final = 1_000_000
MAX_BYTES: Final = 64
INSTRUMENTED: Final = ("engine",)
WORDS: Final = (
    b"2013-02-29",
    b"T24:00:00",
    b"+24:00",
    b"-00:00",
    b"0000-",
    b"\xd9\xa0",
    b".999999999Z",
)
USUAL: Final = (
    "2013-01-07T10:00:00Z",
    "2013-01-07T10:00:00.123Z",
    "2013-01-07T10:00:00+00:00",
    "2013-01-07T10:00:00.123456Z",
    "2013-01-07T10:00:00.123+00:00",
    "2013-01-07T10:00:00.123456+00:00",
)


def prepare() -> Callable[[bytes], None]:
    """Nothing outlives an execution."""
    return execute


def execute(data: bytes) -> None:
    """Read one text alone and among many of its width, and a number as text and back."""
    draw = Draw(data)
    how = draw.byte()
    text = draw_text(draw, how)
    expected = read_plainly(text)
    try:
        found: int | str = rfc3339_to_ms(text)
    except TimestampError as error:
        found = str(error)
    holds(found == expected, f"{text!r} is {found}, not {expected}")
    if how & MANY == MANY:
        texts = [text, *[USUAL[how % len(USUAL)]] * AT_ONCE, text]
        ms, reasons = texts_to_ms(texts)
        for row in (0, len(texts) - 1):
            many = reasons.get(row, int(ms[row]))
            holds(many == expected, f"{text!r} among many is {many}, not {expected}")
    if isinstance(found, int) and OLDEST_MS <= found <= NEWEST_MS:
        holds(rfc3339_to_ms(ms_to_rfc3339(found)) == found, f"{found} does not come back")


def draw_text(draw: Draw, how: int) -> str:
    """Raw text, or a usual one with a few characters put in others' places."""
    if how & 0x80:
        return draw.rest().decode("utf-8", "replace")
    text = list(USUAL[how % len(USUAL)])
    while not draw.exhausted:
        text[draw.byte() % len(text)] = chr(draw.byte())
    return "".join(text)


def read_plainly(text: str) -> int | str:
    """Milliseconds, or the reason."""
    try:
        return plain_time(text)
    except RefusedError as error:
        return str(error)


def seeds() -> Mapping[str, bytes]:
    """The usual forms, alone and among many, and the usual mistakes."""
    mistakes = (
        "2013-01-07T10:00:00",
        "07/01/2013 10:00",
        "2013-02-29T10:00:00Z",
        "2012-02-29t23:59:59z",
        "2013-01-07T10:00:60Z",
        "2013-01-07T10:00:00+24:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2013-01-07T10:00:00.1234567891Z",
    )
    found = {f"text {n}": b"\x80" + text.encode() for n, text in enumerate((*USUAL, *mistakes))}
    found |= {f"many {n}": b"\xe0" + text.encode() for n, text in enumerate((*USUAL, *mistakes))}
    return found | {f"edit {n}": bytes([0x60 | n, 5, 0x39, 8, 0x33]) for n in range(len(USUAL))}
