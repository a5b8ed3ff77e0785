"""``python -m load_tests.label_cost``: what a label costs, in one process and without a broker.

Rule.  One tally of one partition reads the same predictions twice: as a model without labels, and
as one that joins a label with each, half a minute of event time later.  Cost is CPU time, and only
batches after WARM_UP_EVENTS count, when as many events leave the join as come in.  Decoding is
measured by itself, and the rest is what counting and joining take.  The garbage collector is set as
in a worker, for it is half of the cost of a process that leaves it alone.  What a whole
worker takes on a broker measures ``load_tests.worker_label_cost``.
"""

from __future__ import annotations

import cProfile
import gc
import pstats
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import click

from engine.decode import Decoder
from engine.model import MonitoredModel
from engine.records import RecordBatch
from engine.spec import Topic
from engine.tally import Tally
from load_tests.labelled import DELAY_MS, LABELLED, MATURE, UNLABELLED, labels, make_labelled
from load_tests.labelled import predictions as stream
from streams.model_files import load_model
from streams.worker import COLLECT_AFTER

BATCH: Final = 4_000
RATE: Final = 5_000.0
"""Events per second of event time."""
WARM_UP_EVENTS: Final = 400_000
"""Labels come after 30 s and a match leaves 45 s after that."""
FLUSH_EVERY: Final = 10
"""Batches between two flushes."""
GOAL: Final = 2.5
WAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "without labels": UNLABELLED,
    "labels": LABELLED,
    "labels, two maturities": MATURE,
}


@dataclass(slots=True)
class Cost:
    """CPU us a prediction, of each part."""

    decode_predictions: float = 0.0
    decode_labels: float = 0.0
    predictions: float = 0.0
    """Counting, and looking for the label."""
    labels: float = 0.0
    flush: float = 0.0
    snapshot_ms: float = 0.0
    """CPU ms of the one at the end."""

    @property
    def total(self) -> float:
        """All of a prediction, snapshots apart."""
        parts = (self.decode_predictions, self.decode_labels, self.predictions, self.labels)
        return sum(parts) + self.flush


def batches(topic: Topic, values: Iterable[bytes]) -> Iterator[RecordBatch]:
    """The records in batches of BATCH, each at the Kafka time -1 of a file."""
    held: list[bytes] = []
    first = 0
    for value in values:
        held.append(value)
        if len(held) == BATCH:
            offsets = list(range(first, first + BATCH))
            yield RecordBatch(topic, 0, offsets, [-1] * BATCH, [None] * BATCH, list(held))
            first += BATCH
            held.clear()


def measure(
    model: MonitoredModel,
    made: list[RecordBatch],
    known: list[RecordBatch],
    profile: cProfile.Profile | None = None,
) -> Cost:
    """One way over all batches; ``known`` is empty for a model without labels."""
    tally = Tally(0, 1, [model])
    lag = round(DELAY_MS / 1000 * RATE / BATCH)
    skip = WARM_UP_EVENTS // BATCH
    cost = Cost()
    for number, batch in enumerate(made):
        counted = number >= skip
        if counted and profile is not None:
            profile.enable()
        started = time.process_time()
        tally.accept(batch)
        between = time.process_time()
        if known and number >= lag:
            tally.accept(known[number - lag])
        ended = time.process_time()
        if number % FLUSH_EVERY == 0:
            tally.flush()
        flushed = time.process_time()
        if profile is not None:
            profile.disable()
        if counted:
            cost.predictions += between - started
            cost.labels += ended - between
            cost.flush += flushed - ended
    events = (len(made) - skip) * BATCH
    started = time.process_time()
    tally.snapshot()
    cost.snapshot_ms = (time.process_time() - started) * 1e3
    for name in ("predictions", "labels", "flush"):
        setattr(cost, name, getattr(cost, name) / events * 1e6)
    cost.decode_predictions = decoding(model, made[skip:])
    cost.decode_labels = decoding(model, known[: len(made) - skip])
    cost.predictions -= cost.decode_predictions
    cost.labels -= cost.decode_labels
    return cost


def decoding(model: MonitoredModel, wanted: list[RecordBatch]) -> float:
    """CPU us a record of decoding these batches; 0 for none."""
    if not wanted:
        return 0.0
    decoder = Decoder([model], wanted[0].topic)
    decoder.decode(wanted[0])
    started = time.process_time()
    for batch in wanted:
        decoder.decode(batch)
    return (time.process_time() - started) / (len(wanted) * BATCH) * 1e6


def report(found: Mapping[str, list[Cost]]) -> str:
    """The table: medians of the rounds, us a prediction."""
    base = median(cost.total for cost in found["without labels"])
    lines = [
        (
            "| CPU us a prediction | decode it | count, join | decode label | join label | flush "
            "| all | ratio | snapshot ms |"
        ),
        "|---" * 9 + "|",
    ]
    for name, costs in found.items():
        parts = ("decode_predictions", "predictions", "decode_labels", "labels", "flush", "total")
        cells = [f"{median(getattr(cost, part) for cost in costs):.2f}" for part in parts]
        ratio = median(cost.total for cost in costs) / base
        snapshot_ms = median(cost.snapshot_ms for cost in costs)
        lines.append(f"| {name} | {' | '.join(cells)} | {ratio:.2f} | {snapshot_ms:.0f} |")
    lines += ["", f"The goal is a ratio of {GOAL:g} with labels."]
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option("--events", default=600_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--seed", default=7, show_default=True)
@click.option("--profile", type=click.Choice(list(WAYS)), help="Also tell where this way's CPU is.")
def main(events: int, rounds: int, seed: int, profile: str | None) -> None:
    """Measure the ways in turn and print the table."""
    if events <= WARM_UP_EVENTS:
        raise click.BadParameter(f"more than {WARM_UP_EVENTS}", param_hint="--events")
    with tempfile.TemporaryDirectory(prefix="label-cost-") as directory:
        models = {}
        for number, (name, overrides) in enumerate(WAYS.items()):
            files = make_labelled(Path(directory) / str(number), seed, overrides)
            models[name] = load_model(files.spec, files.profile)
    made = list(
        batches("predictions", (e for _, block in stream(seed, events, RATE) for e in block))
    )
    known = list(
        batches("labels", (label for _, block in labels(seed, events, RATE) for _, label in block))
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    found: dict[str, list[Cost]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, model in models.items():
            found[name].append(measure(model, made, known if "labels" in model.spec.inputs else []))
    click.echo(report(found))
    if profile is not None:
        watch = cProfile.Profile(time.process_time)
        model = models[profile]
        measure(model, made, known if "labels" in model.spec.inputs else [], watch)
        pstats.Stats(watch).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
