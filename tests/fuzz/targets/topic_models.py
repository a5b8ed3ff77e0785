"""Any records on the topic ``models``: what is taken was registered so, the rest is a refusal.

Keys and values of heads and parts are changed, left out, exchanged, written again or joined by
foreign ones; a head is also changed inside and encoded again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import orjson

from engine.terms import Registered, terms_of
from streams.control import ControlRecord
from streams.model_records import (
    REASONS,
    Head,
    decode_head,
    encode_head,
    encode_version,
    part_keys,
    read_key,
    retired,
)
from streams.model_register import ModelRegister
from streams.snapshots import Record
from tests.fuzz.draw import Draw, chunk
from tests.fuzz.target import holds
from tests.fuzz.tree_edits import edited

RUNS: Final = 500_000
MAX_BYTES: Final = 200
INSTRUMENTED: Final = ("streams.model_records", "streams.model_register", "engine.terms")
WORDS: Final = (b"m/v1", b"m/v2/", b"%2F", b"retired", b"2026-12-01T00:00:00Z", b"9" * 19)
_PART_BYTES: Final = 40
_TEXTS: Final = {"v1": "a spec", "v2": "another spec, in several parts" * 3}
_PROFILE: Final = bytes(range(100))


def written(version: str) -> list[Record]:
    """The records of a version, the head last."""
    return encode_version(
        _TEXTS[version],
        _PROFILE,
        of=("m", version),
        effective_from_ms=1_700_000_000_000,
        part_bytes=_PART_BYTES,
    )


def prepare() -> Callable[[bytes], None]:
    """Two versions, one of which is retired again."""
    sound = [*written("v1"), *written("v2")]
    head = decode_head("m", "v1", sound[len(written("v1")) - 1][1] or b"")
    sound.append(encode_head(retired(head, 1_700_000_600_000)))

    def execute(data: bytes) -> None:
        draw = Draw(data)
        records = list(sound)
        for _ in range(1 + draw.below(3)):
            change(records, draw)
        register = ModelRegister(builds=False)
        whole: set[str] = set()
        parts: dict[bytes | None, bytes] = {}
        for offset, (key, value) in enumerate(records):
            refusal = register.take(ControlRecord("models", 0, offset, -1, key, value))
            if refusal is None:
                taken(key, value, parts, whole)
            else:
                holds(refusal.reason in REASONS, "a reason of its own")
                holds(refusal.text, "a refusal without words")
            parts[key] = value or b""
        register.settle()
        holds(register.parts_held >= 0, "more parts used than held")
        heads = register.heads()
        holds({head.content.sha256 for head in heads} <= whole, "a version of no content")
        terms_hold(heads)

    return execute


def taken(
    key: bytes | None, value: bytes | None, parts: Mapping[bytes | None, bytes], whole: set[str]
) -> None:
    """A head that was taken names content that was all there, then or before."""
    model, version, is_part = read_key(key)
    if is_part or value is None:
        return
    head = decode_head(model, version, value)
    content = b"".join(parts.get(name, b"") for name in part_keys(head))
    digest = head.content.sha256
    holds(digest in whole or hashlib.sha256(content).hexdigest() == digest, "a torn version")
    whole.add(digest)


def terms_hold(heads: Sequence[Head]) -> None:
    """Every version has a term, and no two that take over from each other overlap."""
    told = [
        Registered(
            version=f"{head.model} {head.version}",
            stamp=number + 1,
            effective_from_ms=head.effective_from_ms,
            retired_ms=head.retired_ms,
        )
        for number, head in enumerate(heads)
    ]
    terms = terms_of(told)
    holds(len(terms) == len(heads), "a version without a term")
    for one in told:
        term = terms[one.version]
        if one.takes_over and term.until_ms is not None and term.from_ms is not None:
            holds(term.until_ms >= term.from_ms, "a term that ends before it begins")


def change(records: list[Record], draw: Draw) -> None:
    """Do one thing to the records."""
    if not records:
        return
    at, how = draw.below(len(records)), draw.below(7)
    key, value = records[at]
    if how == 0:
        del records[at]
    elif how == 1:
        records[at] = key, draw.chunk()
    elif how == 2:
        records[at] = draw_key(draw, key), value
    elif how == 3:
        records.append((key, value if draw.below(2) else None))
    elif how == 4:
        other = draw.below(len(records))
        records[at], records[other] = records[other], records[at]
    elif how == 5:
        records.insert(at, (draw.chunk(), draw.chunk()))
    else:
        records[at] = key, spoiled(value or b"", draw)


def draw_key(draw: Draw, key: bytes | None) -> bytes:
    """Another key: of any bytes, or one that is nearly the same."""
    if draw.below(2):
        return draw.chunk()
    pieces = (key or b"").split(b"/")
    pieces[draw.below(len(pieces))] = draw.chunk()
    return b"/".join(pieces)


def spoiled(head: bytes, draw: Draw) -> bytes:
    """A head changed inside; as it is when it is none."""
    try:
        tree = orjson.loads(head)
    except orjson.JSONDecodeError:
        return head
    try:
        return msgspec.json.encode(edited(tree, draw, 1))
    except (TypeError, ValueError):
        return head


def seeds() -> Mapping[str, bytes]:
    """One change of every kind, and keys that are none."""
    found = {
        f"change {how} of {n}": bytes([0, n, how, 2, 3, 1, 0]) for how in range(7) for n in range(9)
    }
    for number, text in enumerate((b"m", b"m/v3", b"m//v1", b"m/v1/x/1", b"\xff/1", b"m%2Fv1")):
        found[f"key {number}"] = bytes([0, 8, 2, 1]) + chunk(text)
    return found
