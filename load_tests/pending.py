"""``python -m load_tests.pending``: millions of predictions that wait for labels on a disk.

Rule.  The join, the overlay, the rows and RocksDB are the worker's own, driven in its order:
batches, then a checkpoint that saves the overlay and writes it to the disk.  Brokers are left out:
what the topic would be sent is counted, and what would be read back from it is taken from the disk.
Event_ids are a counter, their keys are digests and so in random order, which is the worst for a
disk.  Times are this machine's.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

from engine.event_keys import keys_of
from engine.join import Batch, Join
from engine.join_batches import LabelColumns, PredictionColumns
from engine.join_entry import JoinRules, Label, PlaneRule, Prediction
from engine.pending_rows import encode_row
from engine.pending_store import PendingStore
from engine.pieces import PieceWriter
from load_tests.sections import write_section
from streams.pending_disk import ModelDisk, PartitionDisk, Written, model_of
from streams.pending_records import Refill, change_records, row_key
from streams.rocks import Rocks
from streams.snapshots import Record

PAGE: Final = Path("docs/pending.md")
ENTRIES: Final = 10_000_000
LABELS: Final = 200_000
ENDING: Final = 200_000
REFILLED: Final = 500_000
BATCH: Final = 4_000
CHECKPOINT_BATCHES: Final = 10
DAY_MS: Final = 86_400_000
START_MS: Final = 1_700_000_000_000
STEP_MS: Final = 250
ON_TIME: Final = True
NUMBER: Final = 65_536
RULES: Final = JoinRules(
    ttl_ms=90 * DAY_MS,
    negative_after_ms=None,
    prediction_amend_ms=600_000,
    label_amend_ms=7 * DAY_MS,
    repeat_ms=630_000,
    planes=(PlaneRule(1, DAY_MS, 7 * DAY_MS, None),),
)


@dataclass
class Machine:
    """The join of one partition with its disk."""

    directory: Path
    topic_bytes: int = 0
    topic_records: int = 0
    snapshot_bytes: int = 0
    confirm_s: float = 0.0
    disk: PartitionDisk = field(init=False)
    store: PendingStore = field(init=False)
    join: Join = field(init=False)

    def __post_init__(self) -> None:
        self.disk = PartitionDisk(Rocks(self.directory), "load test")
        entries = ModelDisk(model_of("load@1", "layout"))
        entries.disk = self.disk
        self.store = PendingStore(entries, NUMBER)
        self.store.is_filled = True
        self.join = Join(RULES, self.store, 1 << 40, 1)
        self.model = entries.model

    def checkpoint(self) -> None:
        """Save the overlay, count what the topic is sent, write the disk."""
        pieces = PieceWriter()
        self.store.save(pieces)
        self.snapshot_bytes += sum(map(len, pieces.pieces.values()))
        self.store.cut_now()
        began = time.process_time()
        rows = []
        for key, change in self.store.cut.items():
            rows.append(
                (self.model, bytes.fromhex(key), change.row and Written(NUMBER, change.row))
            )
            for name, value in change_records(NUMBER, self.model, key, change):
                self.topic_records += 1
                self.topic_bytes += len(name) + len(value or b"")
        self.disk.write(rows, b"")
        self.store.confirmed()
        self.confirm_s += time.process_time() - began


def name_of(number: int) -> str:
    """An event_id."""
    return f"payment-{number:012d}"


def predictions(count: int) -> Iterator[tuple[int, Batch]]:
    """Time of the newest and batch, one prediction each STEP_MS."""
    for first in range(0, count, BATCH):
        numbers = range(first, min(count, first + BATCH))
        made = [
            Prediction(n, START_MS + n * STEP_MS, ON_TIME, 0.031, 0, 12.5, (3,)) for n in numbers
        ]
        yield made[-1].ts_ms, (keys_of(list(map(name_of, numbers))), PredictionColumns.of(made, 1))


def rss_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def fill(machine: Machine, entries: int) -> tuple[float, float]:
    """CPU and wall seconds of taking that many predictions in."""
    began, cpu = time.monotonic(), time.process_time()
    for number, (newest_ms, batch) in enumerate(predictions(entries), start=1):
        machine.join.take(batch, {"predictions": newest_ms, "labels": None}, {})
        if number % CHECKPOINT_BATCHES == 0:
            machine.checkpoint()
        if number % 250 == 0:
            done = number * BATCH
            rate = done / (time.monotonic() - began)
            print(f"{done:,} waiting, {rate:,.0f} a second, {rss_mb():,.0f} MB", flush=True)
    machine.checkpoint()
    return time.process_time() - cpu, time.monotonic() - began


def match(machine: Machine, entries: int, labels: int) -> tuple[float, float]:
    """CPU and wall seconds of joining labels with predictions anywhere among them."""
    chance, end_ms = Random(1), START_MS + entries * STEP_MS
    began, cpu = time.monotonic(), time.process_time()
    for first in range(0, labels, BATCH):
        chosen = [chance.randrange(entries) for _ in range(BATCH)]
        known = [Label(first + at, end_ms, START_MS, ON_TIME, 1.0) for at in range(BATCH)]
        batch = keys_of(list(map(name_of, chosen))), LabelColumns.of(known)
        machine.join.take(batch, {"predictions": end_ms, "labels": START_MS}, {})
        if (first // BATCH + 1) % CHECKPOINT_BATCHES == 0:
            machine.checkpoint()
    machine.checkpoint()
    return time.process_time() - cpu, time.monotonic() - began


def end(machine: Machine, ending: int) -> tuple[int, float]:
    """Let the oldest leave by their ttl: how many left, and CPU seconds."""
    before, cpu = len(machine.store), time.process_time()
    reached_ms = START_MS + ending * STEP_MS + RULES.ttl_ms + RULES.label_amend_ms
    machine.join.take(None, {"predictions": reached_ms, "labels": reached_ms}, {})
    machine.checkpoint()
    return before - len(machine.store), time.process_time() - cpu


def refill(machine: Machine, directory: Path, rows: int) -> float:
    """CPU seconds of filling another disk with that many rows of the topic."""
    keys = list(islice(machine.disk.keys(machine.model), rows))
    records: list[Record] = []
    for at in range(0, len(keys), BATCH):
        some = keys[at : at + BATCH]
        for key, held in zip(some, machine.disk.get_many(machine.model, some), strict=True):
            assert held is not None, "it was listed"
            records.append((row_key(NUMBER, machine.model, key), encode_row(held.row)))
    other = PartitionDisk(Rocks(directory), "load test")
    filled, cpu = Refill(other), time.process_time()
    for at in range(0, len(records), BATCH):
        for _ in filled.take(records[at : at + BATCH]):
            pass
    used_s = time.process_time() - cpu
    assert other.count(machine.model) == len(records), "every row is there"
    other.close()
    return used_s


def measure(directory: Path, entries: int) -> str:
    """Everything, as the section of the page."""
    machine = Machine(directory / "disk")
    empty_mb = rss_mb()
    cpu_s, wall_s = fill(machine, entries)
    full_mb, written = rss_mb(), machine.topic_records
    topic_bytes, saved_bytes = machine.topic_bytes, machine.snapshot_bytes
    confirm_s = machine.confirm_s
    used = machine.disk.bytes_used()
    label_cpu_s, label_wall_s = match(machine, entries, LABELS)
    refill_s = refill(machine, directory / "other", REFILLED)
    gone, end_s = end(machine, ENDING)
    rows = [
        ("predictions waiting", f"{entries:,}"),
        ("bytes on the disk, each", f"{used / entries:.0f} ({used / 1e9:.2f} GB)"),
        (
            "bytes sent to the topic, each (key, value; before lz4 and framing)",
            f"{topic_bytes / written:.0f}",
        ),
        ("bytes of overlay in snapshots, each", f"{saved_bytes / entries:.0f}"),
        ("resident memory, before and after", f"{empty_mb:,.0f} MB, {full_mb:,.0f} MB"),
        (
            "predictions taken in, join and disk",
            f"{entries / wall_s:,.0f} a second, {1e6 * cpu_s / entries:.1f} us CPU each",
        ),
        ("of that rows, topic records and RocksDB", f"{1e6 * confirm_s / entries:.1f} us CPU each"),
        (
            "labels joined, anywhere among them",
            f"{LABELS / label_wall_s:,.0f} a second, {1e6 * label_cpu_s / LABELS:.1f} us CPU each",
        ),
        ("entries that left by `ttl`", f"{gone:,}, {1e6 * end_s / max(1, gone):.1f} us CPU each"),
        (
            "rows of the topic put on an empty disk",
            f"{REFILLED / refill_s:,.0f} a second of CPU",
        ),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    cpus = os.cpu_count()
    return (
        f"`make pending` on a machine of {cpus} cores ({os.getloadavg()[0]:.1f} tasks ran at the "
        f"end), RocksDB on its local disk:\n\n| what | measured |\n|---|---|\n{table}\n"
    )


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser(prog="python -m load_tests.pending", description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES, help="predictions that wait")
    parser.add_argument("--print", action="store_true", help="print, and leave the page alone")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="longshore-pending-") as directory:
        text = measure(Path(directory), arguments.entries)
    print(text)
    if not arguments.print:
        write_section(PAGE, "Measured", text)


if __name__ == "__main__":
    main()
