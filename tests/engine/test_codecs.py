"""Snapshots and pane records: they come back as they were, or are refused with a reason."""

from __future__ import annotations

import hashlib
from functools import cache
from zlib import crc32

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine.snapshot
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.panes import (
    Counts,
    Mark,
    PaneError,
    PaneRecord,
    decode,
    encode,
    pack,
    panes_target,
    unpack,
)
from engine.snapshot import FORMAT, Snapshot, SnapshotError, seal, unseal
from engine.tally import Tally
from tests.engine.models import HOUR, START, ended, logs_of, model_of, run, stream
from tests.thoroughness import examples

QUICK = settings(max_examples=examples(40), deadline=None, database=None)
HEAD = 4 + 1 + 32


@cache
def model() -> MonitoredModel:
    """The usual model."""
    return model_of()


@cache
def states() -> dict[str, Snapshot]:
    """A tally's and a judge's snapshot with something in them."""
    _, pipeline = run([model()], 1, ended(logs_of(stream(4, 300, shift=2.0), 1), START + HOUR))
    return {"tally": pipeline.tallies[0].snapshot(), "judge": pipeline.judges["m@v1"].snapshot()}


def resume(kind: str, data: Snapshot) -> Tally | Judge:
    """Continue from a snapshot."""
    if kind == "tally":
        return Tally(0, 1, [model()], resume=data)
    return Judge(model(), 1, resume=data)


def sealed(body: bytes, version: int = FORMAT) -> bytes:
    """An envelope with a right checksum around anything."""
    return b"LSHR" + bytes([version]) + hashlib.sha256(body).digest() + body


class Small(msgspec.Struct, array_like=True):
    """A state of the size that a test can spoil at every place."""

    counts: dict[str, int]
    panes: dict[int, bytes]


SMALL = Small({"b": 1, "a": 2}, {7: b"x" * 9, -3: b""})


@pytest.mark.parametrize("kind", ["tally", "judge"])
def test_a_snapshot_comes_back(kind: str) -> None:
    """What is restored says of itself what was saved; a tally's epoch has gone up by one."""
    again = resume(kind, states()[kind])
    if kind == "judge":
        assert again.snapshot() == states()["judge"]
    else:
        assert again.snapshot() == resume(kind, states()[kind]).snapshot()


def test_equal_states_give_equal_bytes() -> None:
    """The order in which a dictionary was filled is no part of the state."""
    other = Small({"a": 2, "b": 1}, {-3: b"", 7: b"x" * 9})
    assert seal("small", other) == seal("small", SMALL)
    assert unseal("small", seal("small", SMALL), Small) == SMALL


def test_cut_short_at_every_byte() -> None:
    """No beginning of a snapshot is a snapshot, and neither is one with more behind it."""
    data = seal("small", SMALL)
    for end in range(len(data)):
        with pytest.raises(SnapshotError):
            unseal("small", data[:end], Small)
    with pytest.raises(SnapshotError):
        unseal("small", data + b"\x00", Small)


def test_every_flipped_bit_is_noticed() -> None:
    """A snapshot with any one bit changed is refused."""
    data = seal("small", SMALL)
    for bit in range(len(data) * 8):
        spoiled = bytearray(data)
        spoiled[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SnapshotError):
            unseal("small", bytes(spoiled), Small)


@QUICK
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
@pytest.mark.parametrize("kind", ["tally", "judge"])
def test_a_damaged_real_snapshot_is_refused(kind: str, at: float, bit: int, *, cut: bool) -> None:
    """The same for a tally's and a judge's own, anywhere in them."""
    data = bytearray(states()[kind].state)
    place = int(at * len(data))
    if cut:
        del data[place:]
    else:
        data[place] ^= 1 << bit
    with pytest.raises(SnapshotError):
        resume(kind, Snapshot(bytes(data), states()[kind].pieces))


def test_other_kinds_and_versions_are_refused() -> None:
    """A snapshot of the other kind, of a future format, or of something else says what it is."""
    with pytest.raises(SnapshotError, match="judge"):
        resume("judge", states()["tally"])
    with pytest.raises(SnapshotError, match="tally"):
        resume("tally", states()["judge"])
    with pytest.raises(SnapshotError, match=f"format {FORMAT + 1}, this version reads {FORMAT}"):
        unseal("small", sealed(seal("small", SMALL)[HEAD:], FORMAT + 1), Small)
    with pytest.raises(SnapshotError, match="a small snapshot where a large one was wanted"):
        unseal("large", seal("small", SMALL), Small)
    for body in (b"", b"not msgpack", b"\xc1", b"\x92\xa5small"):
        with pytest.raises(SnapshotError):
            unseal("small", sealed(body), Small)


def test_a_huge_snapshot_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is larger than the bound is refused unread."""
    monkeypatch.setattr(engine.snapshot, "MAX_SNAPSHOT_BYTES", 10_000)
    with pytest.raises(SnapshotError, match="larger than 10000 bytes"):
        unseal("small", sealed(b"\x00" * 10_000), Small)


@QUICK
@given(values=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50))
def test_counts_come_back(values: list[int]) -> None:
    """Packed counts are the same counts and the same bytes."""
    counts: Counts = np.array(values, dtype=np.int64)
    data = pack(counts)
    assert unpack(data, len(values)).tolist() == values
    assert pack(counts.copy()) == data
    for size in (len(values) - 1, len(values) + 1):
        with pytest.raises(PaneError):
            unpack(data, size)


def test_damaged_counts_are_refused() -> None:
    """Cut anywhere or with any bit changed, packed counts are refused or the very same counts."""
    counts = np.arange(20, dtype=np.int64)
    data = pack(counts)
    for end in range(len(data)):
        with pytest.raises(PaneError):
            unpack(data[:end], 20)
    for bit in range(len(data) * 8):
        spoiled = bytearray(data)
        spoiled[bit // 8] ^= 1 << bit % 8
        try:
            found = unpack(bytes(spoiled), 20)
        except PaneError:
            continue
        assert found.tolist() == counts.tolist()


def test_counts_of_another_size_are_refused() -> None:
    """Also where they only differ in zeros, which take no bytes."""
    with pytest.raises(PaneError):
        unpack(pack(np.zeros(50_000_000, np.int64)), 10)
    with pytest.raises(PaneError):
        unpack(b"", 0)


@pytest.mark.parametrize(
    "runs",
    [
        [11, 1, 2],
        [0, 11, *[2] * 11],
        [0, 1],
        [0, 1, 0],
        [0, 1, 2, 0, 1, 2],
        [0, 0],
        [5],
        [0x80, 0],
        [0, 1, 0x82, 0],
        [0, 1, *[0x80] * 9, 2],
        [0, 1, *[0xFF] * 10, 1],
        [*[0xFF] * 9, 1, 1, 2],
    ],
    ids=str,
)
def test_runs_that_nobody_writes_are_refused(runs: list[int]) -> None:
    """Too long, cut off, empty, of zeros, touching, padded, or beyond 64 bits: there is one way to
    write counts, and it ends within the cells."""
    with pytest.raises(PaneError, match="not runs"):
        unpack(bytes(runs) + crc32(bytes(runs), 10).to_bytes(4, "little"), 10)


def records() -> list[PaneRecord | Mark]:
    """One of each kind."""
    hash_ = model().layout.hash
    counts = pack(np.arange(model().layout.size, dtype=np.int64))
    return [
        PaneRecord("m@v1", hash_, 0, (1, 2, 3), START, counts, counts),
        PaneRecord("m@v1", hash_, 0, (1, 2, 4), START, counts, None),
        Mark("m@v1", hash_, 0, (1, 2, 5), {"predictions": START}, (), {"predictions": 7}, -1),
        Mark("m@v1", hash_, 0, (1, 2, 6), {"predictions": None}, ("predictions",), {}, 5),
    ]


def test_pane_records_come_back() -> None:
    """Equal records give equal bytes, and the target can be read without the counts."""
    for record in records():
        assert decode(encode(record)) == record
        assert encode(decode(encode(record))) == encode(record)
        assert panes_target(encode(record)) == "m@v1"


def test_a_damaged_pane_record_never_crashes_the_judge() -> None:
    """Cut at every byte, or with any bit changed: refused with PaneError, or it is a record that
    some tally could have written (Kafka's own checksum guards what stands in between)."""
    for record in records():
        data = encode(record)
        for end in range(len(data)):
            with pytest.raises(PaneError):
                decode(data[:end])
        refused = 0
        for bit in range(0, len(data) * 8, 1 if isinstance(record, Mark) else 5):
            spoiled = bytearray(data)
            spoiled[bit // 8] ^= 1 << bit % 8
            try:
                Judge(model(), 1).accept(bytes(spoiled))
            except PaneError:
                refused += 1
        assert refused > 0


@pytest.mark.parametrize(
    "change", [{"partition": 9}, {"partition": -1}, {"start_ms": START + 1}, {"on_time": b""}]
)
def test_a_pane_record_of_no_tally_is_refused(change: dict[str, object]) -> None:
    """A partition that does not exist, a start inside a pane, counts that are none."""
    record = msgspec.structs.replace(records()[0], **change)
    with pytest.raises(PaneError):
        Judge(model(), 1).accept(encode(record))


@pytest.mark.parametrize("value", [b"", b"{}", b"\x90", msgspec.msgpack.encode(["x", 1]), b"\xff"])
def test_what_is_no_pane_record_is_refused(value: bytes) -> None:
    """The panes topic is internal: anything else in it is somebody's mistake and is said so."""
    with pytest.raises(PaneError):
        decode(value)
