"""The target ``records`` over a decoder that was broken on purpose: a fuzzer must find it.

A record whose first byte is BROKEN_ON crashes the diagnosis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine import decode
from engine.diagnose import Diagnosis
from tests.fuzz.targets import records

RUNS: Final = 0
MAX_BYTES: Final = records.MAX_BYTES
INSTRUMENTED: Final = records.INSTRUMENTED
WORDS: Final = ()
BROKEN_ON: Final = 0x07
seeds = records.seeds


def prepare() -> Callable[[bytes], None]:
    """Break the decoder of this process."""
    sound = decode.diagnose

    def diagnose(value: bytes | None, known: frozenset[str], needed: tuple[str, ...]) -> Diagnosis:
        if value is not None and value[:1] == bytes([BROKEN_ON]):
            raise IndexError("broken on purpose")
        return sound(value, known, needed)

    decode.diagnose = diagnose
    return records.prepare()
