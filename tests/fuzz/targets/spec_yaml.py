"""Any text as a spec: a spec, or SpecError with at least one fault; and a sound spec has a hash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from engine.spec_faults import SpecError
from engine.spec_reading import read_spec, spec_hash
from tests.engine.good_spec import DOCUMENTED, FULL, LEAST
from tests.fuzz.draw import Draw
from tests.fuzz.target import holds

RUNS: Final = 20_000
MAX_BYTES: Final = 1_536
INSTRUMENTED: Final = ("engine",)
WORDS: Final = (
    b"!!python/object:",
    b"&a ",
    b"*a",
    b"<<: ",
    b"0x1F",
    b"1_000",
    b"190:20:30",
    b".inf",
    b".nan",
    b"9e999",
    b"99999999999999999999d",
    b"2026-13-45",
    b"\xe2\x80\xa8",
    b"? [",
    b"---\n",
    b"%YAML 9.9\n",
)
_RAW: Final = 0x80


def prepare() -> Callable[[bytes], None]:
    """Nothing outlives an execution."""
    return execute


def execute(data: bytes) -> None:
    """Read a text: the bytes themselves, or the smallest spec with a line more."""
    draw = Draw(data)
    how = draw.byte()
    text = draw.rest().decode("utf-8", "replace" if how & 1 else "surrogateescape")
    try:
        spec = read_spec(text if how & _RAW else LEAST + text)
    except SpecError as error:
        holds(error.faults and str(error), "a refusal without a fault")
    else:
        holds(spec_hash(spec).startswith("sha256:"), "no hash")


def seeds() -> Mapping[str, bytes]:
    """The specs of the documentation, and each of their top-level sections behind the smallest."""
    found = {
        name: b"\x80" + text.encode()
        for name, text in (("documented", DOCUMENTED), ("least", LEAST), ("full", FULL))
    }
    for number, section in enumerate(sections(FULL)):
        found[f"section {number}"] = b"\x00" + section.encode()
    return found


def sections(text: str) -> list[str]:
    """A spec's top-level keys, each with what belongs to it."""
    found: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.startswith(" ") and found:
            found[-1] += line
        else:
            found.append(line)
    return found
