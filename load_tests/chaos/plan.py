"""Which rounds are run, in which order, and what is said while they run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from load_tests.chaos.contract import Fault
from load_tests.chaos.peers.rounds import PEER_FAULTS, PeerFault, run_peer_round
from load_tests.chaos.peers.systems import SYSTEMS, System
from load_tests.chaos.proxied_broker import ProxiedBroker
from load_tests.chaos.proxy import Proxy
from load_tests.chaos.recording import Studio
from load_tests.chaos.results import Results
from load_tests.chaos.rounds import Figures, Ground, run_round
from load_tests.chaos.verdict import line
from tests.kafka.libraries import POM

KAFKA: Final = re.compile(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([^<]+)<")


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for."""

    faults: Sequence[Fault]
    peers: bool
    rounds: int
    events: int
    seed: int


@contextmanager
def ground(directory: Path) -> Iterator[Ground]:
    """A private broker behind a proxy, for all rounds."""
    with Proxy.bound() as proxy, ProxiedBroker(proxy) as broker:
        yield Ground(broker, proxy, Studio(directory / "streams"), directory)


Runner = Callable[[int], Figures]


def run(place: Ground, plan: Plan, results: Results, say: Callable[[str], None]) -> None:
    """The rounds that ``results`` does not have yet, round by round over all faults."""
    runners = _runners(place, plan)
    for number in range(1, plan.rounds + 1):
        for subject, runner in runners.items():
            if not results.finished(subject, number, plan.seed, plan.events):
                figures = runner(number)
                results.add(figures)
                say(line(figures))


def _runners(place: Ground, plan: Plan) -> dict[str, Runner]:
    runners: dict[str, Runner] = {
        fault.name: partial(_fault_round, place, plan, fault) for fault in plan.faults
    }
    wanted = {fault.name for fault in plan.faults}
    for system in SYSTEMS if plan.peers else ():
        for fault in PEER_FAULTS:
            if fault.name in wanted:
                name = f"{system.name}/{fault.name}"
                runners[name] = partial(_peer_round, place, plan, system, fault)
    return runners


def _fault_round(place: Ground, plan: Plan, fault: Fault, number: int) -> Figures:
    return run_round(place, fault, number, plan.seed, plan.events)


def _peer_round(
    place: Ground, plan: Plan, system: System, fault: PeerFault, number: int
) -> Figures:
    return run_peer_round(place, system, fault, number, plan.seed, plan.events)


def kafka_version() -> str:
    """The broker's, as the tests fetch it."""
    found = KAFKA.search(POM.read_text(encoding="utf-8"))
    return "unknown" if found is None else found[1]
