"""Which rounds are run, in which order, and what is said while they run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from load_tests.chaos.contract import Fault
from load_tests.chaos.proxied_broker import ProxiedBroker
from load_tests.chaos.proxy import Proxy
from load_tests.chaos.recording import Studio
from load_tests.chaos.results import Results
from load_tests.chaos.rounds import Figures, Ground, run_round
from tests.kafka.libraries import POM

KAFKA: Final = re.compile(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([^<]+)<")


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for."""

    rounds: int
    events: int
    seed: int


@contextmanager
def ground(directory: Path) -> Iterator[Ground]:
    """A private broker behind a proxy, for all rounds."""
    with Proxy.bound() as proxy, ProxiedBroker(proxy) as broker:
        yield Ground(broker, proxy, Studio(directory / "streams"), directory)


def run(
    place: Ground,
    plan: Plan,
    faults: Sequence[Fault],
    results: Results,
    say: Callable[[str], None],
) -> None:
    """The rounds that ``results`` does not have yet, round by round over all faults."""
    for number in range(1, plan.rounds + 1):
        for fault in faults:
            if not results.finished(fault.name, number, plan.seed, plan.events):
                figures = run_round(place, fault, number, plan.seed, plan.events)
                results.add(figures)
                say(line(figures))


def kafka_version() -> str:
    """The broker's, as the tests fetch it."""
    found = KAFKA.search(POM.read_text(encoding="utf-8"))
    return "unknown" if found is None else found[1]


def line(figures: Figures) -> str:
    """One round in one line of the terminal."""
    start = f"{figures['fault']:<20} round {figures['round']}  {figures['seconds']:5.1f} s  "
    if "error" in figures:
        return f"{start}ERROR {figures['error']}"
    recovery = ", ".join("never" if s is None else f"{s:.1f}" for s in figures["recovery_s"])
    equal = "equal" if figures["equal"] else f"UNEQUAL ({figures['first_difference']})"
    return (
        f"{start}lost {figures['lost']}, doubled {figures['doubled']}, {equal}, "
        f"triggers {figures['triggers']} (lost {figures['triggers_lost']}), "
        f"repeats {figures['duplicate_deliveries']}, recovery {recovery or '-'} s"
        f"{', SILENT' if figures['silent'] else ''}"
    )


def sound(figures: Figures) -> bool:
    """Whether a round shows what is promised."""
    return not (
        "error" in figures
        or figures["lost"]
        or figures["doubled"]
        or not figures["equal"]
        or not figures["readers_agree"]
        or figures["triggers_lost"]
        or figures["unequal_repeats"]
        or figures["silent"]
        or None in figures["recovery_s"]
    )
