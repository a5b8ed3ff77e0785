"""What goes wrong, when and to whom: everything that a seed decides beforehand.

Rule.  One generator, drawn from in a fixed order, so that a seed names one run.  A fault strikes at
a time, or at the moment when a worker has handed over (``send``) or got rid of (``arrived``) its
n-th record to a topic: that is how a kill comes between the parts and the head of a snapshot, or
between panes and their mark.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

from streams.settings import Settings
from tests.simulation.broker import PANES, PENDING, SNAPSHOTS
from tests.simulation.group import HEARTBEAT_S, REBALANCE_S, SESSION_S
from tests.simulation.scenarios import SCENARIOS, has_labels, is_silent
from tests.simulation.versions import LABELLED, PLAIN
from tests.simulation.weather import Weather

WITH_STORIES: Final = (4, 7, 10)
FAULTS_END_S: Final = 24.0
OUTPUTS: Final = ("judgements", "alerts", "retraining-triggers", "late", "dead-letters")

Action = Literal["kill", "freeze", "stop"]


@dataclass
class Fault:
    """One thing that goes wrong with one worker."""

    action: Action
    slot: int
    at_s: float
    """Not before this time since the start."""
    when: str | None = None
    """``send`` or ``arrived``: the moment is the next record to ``topic``, from ``at_s`` on."""
    topic: str = ""
    nth: int = 1
    lasts_s: float = 0.0
    """Of a freeze, until it is thawed; of the others, until it is started again."""


@dataclass
class Plan:
    """A run as the seed has it."""

    seed: int
    scenario: int
    settings: Settings
    starts_s: list[float]
    """When each worker is started."""
    produced_s: float
    """How long the producers of events take."""
    pause_at: float
    """After which share of their events the producers pause; what is open then stays open."""
    pause_s: float
    weather: Weather
    faults: list[Fault] = field(default_factory=list)
    compactions_s: list[float] = field(default_factory=list)
    static: bool = False
    part_bytes: int = 900_000
    piece_bytes: int = 2_048
    unsettled: int = 5_000
    on_disk: bool = False
    """Whether predictions wait for labels on disks."""
    overlay: int = 200_000
    story: str = ""
    """What becomes of the versions of a model; empty where they do not change."""
    answered: bool = False
    """Whether a retraining job answers the triggers."""
    longest_pause_s: float = 0.0
    """What a worker may be busy with before each flush; how long is drawn anew every time."""


def plan_of(seed: int) -> Plan:
    """Everything that the seed decides beforehand."""
    chance = Random(seed)
    calm = seed % 16 == 0
    workers = chance.choice([1, 2, 2, 3])
    settings = Settings(
        flush_interval_s=chance.choice([0.3, 1.0, 1.0, 2.0]),
        snapshot_interval_s=chance.choice([0.6, 1.5, 3.0, 5.0]),
        batch_size=chance.choice([10, 60, 200]),
        session_timeout_s=SESSION_S,
        heartbeat_interval_s=HEARTBEAT_S,
        rebalance_timeout_s=REBALANCE_S,
    )
    plan = Plan(
        seed=seed,
        scenario=chance.randrange(SCENARIOS),
        settings=settings,
        starts_s=[0.0] + [chance.choice([0.0, 15.0 * chance.random()]) for _ in range(workers - 1)],
        produced_s=chance.uniform(3.0, 18.0),
        pause_at=chance.uniform(0.2, 0.9),
        pause_s=chance.choice([0.0, chance.uniform(8.0, 15.0)]),
        weather=Weather(),
        part_bytes=chance.choice([300, 900, 900_000]),
        piece_bytes=chance.choice([70, 110, 2_048]),
        unsettled=chance.choice([3, 20, 5_000]),
    )
    # A generator of its own: what was decided before there were disks stays as it is.
    disk_chance = Random(f"disks {seed}")
    plan.on_disk = has_labels(plan.scenario) and disk_chance.random() < 0.7
    plan.answered = seed % 8 == 0
    plan.story = _story(seed, plan.scenario)
    plan.overlay = disk_chance.choice([5, 40, 200_000])
    if seed % 5 == 0:
        plan.longest_pause_s = Random(f"pauses {seed}").choice([0.05, 0.05, 0.3, 1.5])
    if calm:
        return plan
    if plan.on_disk and disk_chance.random() < 0.7:
        plan.faults.append(_pending_fault(disk_chance, workers))
    plan.static = chance.random() < 0.25
    plan.weather = _weather(chance)
    for _ in range(chance.choice([1, 2, 3, 4])):
        fault = _fault(chance, workers)
        plan.faults.append(fault)
        if fault.action == "kill" and chance.random() < 0.4:
            plan.faults.append(_again(chance, fault))
    plan.compactions_s = sorted(
        chance.uniform(1.0, FAULTS_END_S) for _ in range(chance.choice([0, 3, 12]))
    )
    return plan


def _story(seed: int, scenario: int) -> str:
    """Three of eleven seeds have one; none of those in which something was found before there
    were any has."""
    if seed % 11 not in WITH_STORIES or seed % 8 == 0 or is_silent(scenario):
        return ""
    return Random(f"story {seed}").choice(LABELLED if has_labels(scenario) else PLAIN)


def _weather(chance: Random) -> Weather:
    stuck = []
    for _ in range(chance.choice([0, 0, 1, 2])):
        start_s = chance.uniform(1.0, FAULTS_END_S - 6.0)
        topic = chance.choice([PANES, SNAPSHOTS, "judgements", "dead-letters"])
        stuck.append((topic, start_s, start_s + chance.uniform(0.5, 8.0)))
    return Weather(
        pace=chance.choice([0.2, 1.0, 1.0, 6.0]),
        stuck=stuck,
        lost_acks=chance.choice([0.0, 0.0, 0.05]),
        failing_sends=chance.choice([0.0, 0.0, 0.0, 0.002]),
    )


def _pending_fault(chance: Random, workers: int) -> Fault:
    """One that strikes while what waits for labels is written."""
    action: Action = chance.choice(["kill", "freeze", "freeze", "stop"])
    at_s = chance.uniform(0.5, FAULTS_END_S - 6.0)
    lasts_s = chance.uniform(6.5, 16.0) if action == "freeze" else chance.uniform(0.2, 8.0)
    when, nth = chance.choice(["send", "arrived"]), chance.choice([1, 2, 5, 12, 30])
    return Fault(action, chance.randrange(workers), at_s, when, PENDING, nth, lasts_s)


def _again(chance: Random, before: Fault) -> Fault:
    """The next life ends as well, while it tells what the one before had told already."""
    nth = chance.choice([1, 2, 3, 5, 8, 13])
    when = chance.choice(["send", "arrived"])
    lasts_s = chance.choice([0.2, chance.uniform(0.5, 8.0)])
    return Fault("kill", before.slot, before.at_s + 0.01, when, PANES, nth, lasts_s)


def _fault(chance: Random, workers: int) -> Fault:
    action: Action = chance.choice(["kill", "kill", "freeze", "freeze", "stop"])
    fault = Fault(action, chance.randrange(workers), chance.uniform(0.5, FAULTS_END_S - 6.0))
    if chance.random() < 0.6:
        fault.when = chance.choice(["send", "arrived"])
        fault.topic = chance.choice([PANES, PANES, SNAPSHOTS, SNAPSHOTS, *OUTPUTS[:2]])
        fault.nth = chance.choice([1, 1, 2, 3, 5, 9])
    if action == "freeze":
        fault.lasts_s = chance.choice([chance.uniform(0.3, 4.0), chance.uniform(6.5, 16.0)])
    else:
        fault.lasts_s = chance.choice([0.2, chance.uniform(0.5, 8.0)])
    return fault
