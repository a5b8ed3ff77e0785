"""The order of a benchmark run: load, interleaved rounds, latency, checks.

Rule.  A contender that fails once is not tried again and never stops the others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from rich.progress import Progress

from load_tests.contender_runs import (
    NAIVE,
    PEERS,
    QUIX,
    Contender,
    ContenderFailedError,
    run_contender,
)
from load_tests.contenders.protocol import Assignment
from load_tests.event import MODELS
from load_tests.generator import histogram_edges, reference_columns, stream
from load_tests.latency import SPEC_OVERRIDES, WARM_UP_S, SteadyRate, measure_latency
from load_tests.outcomes import Latency, Outcome, Round, check_alarms
from load_tests.peers import PeersError, peers_python
from load_tests.topics import LoadError, create_topics, delete_topics, load
from load_tests.worker_runs import (
    EVENT_RATE,
    LABEL,
    REFERENCE_ROWS,
    ModelUnderTest,
    make_model,
    run_worker,
)

WORKER: Final = "worker"
LATENCY: Final = "latency"
PARTS: Final = (*(peer.name for peer in PEERS), WORKER, LATENCY)
LATENCY_OVERHEAD_S: Final = 40.0
"""Start-up, making the events and the grace at the end, beside the stream itself."""

BUSY_SHARE: Final = 0.4
"""Load a core from which a note says that the machine is not ours alone."""

Runner = Callable[[int], Round]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    events: int
    naive_events: int
    rounds: int
    only: tuple[str, ...]
    seed: int
    latency_rate: float
    latency_seconds: float
    """0 for no latency part."""
    deadline: float
    """``time.monotonic()`` that no further round may pass."""


@dataclass(slots=True)
class Bench:
    """One run: its plan, where it works, and what it has found so far."""

    plan: Plan
    bootstrap: str
    directory: Path
    progress: Progress
    prefix: str = field(default_factory=lambda: f"bench-{time.time_ns():x}-")
    outcomes: list[Outcome] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    latency: Latency | None = None
    event_bytes: float = 0.0
    failed: bool = False

    def run(self) -> None:
        """Everything; failures are kept in the outcomes and in ``failed``.

        Raises LoadError when the broker does not take the events.
        """
        busy, cores = os.getloadavg()[0], os.cpu_count() or 1
        if busy > BUSY_SHARE * cores:
            self.notes.append(
                f"load average {busy:.1f} on {cores} cores before the run began: other work shares "
                "this machine, so read CPU before events/s"
            )
        try:
            runners = self._prepare()
            if runners:
                self._load()
                self._rounds(runners)
            if self.plan.latency_seconds > 0:
                self._latency()
        finally:
            delete_topics(self.bootstrap, self.prefix)
        for line, equal in check_alarms(self.outcomes):
            self.notes.append(line)
            self.failed |= not equal
        self.failed |= any(outcome.failure for outcome in self.outcomes)

    def _prepare(self) -> dict[str, Runner]:
        """A runner for each contender asked for, in the order in which they run in a round."""
        edges = histogram_edges(reference_columns(self.plan.seed, REFERENCE_ROWS))
        runners: dict[str, Runner] = {}
        for peer in PEERS:
            if peer.name in self.plan.only:
                self.outcomes.append(Outcome(peer.name, peer.label))
                runners[peer.name] = partial(self._run_peer, peer, edges)
        if QUIX.name in runners:
            self._try(self._outcome(QUIX.name), "installing quixstreams", peers_python)
        if WORKER in self.plan.only:
            outcome = Outcome(WORKER, LABEL)
            self.outcomes.append(outcome)
            model = self._try(
                outcome,
                "building the reference profile",
                lambda: make_model(self.directory / "model", self.plan.seed),
            )
            if model is not None:
                runners[WORKER] = partial(self._run_worker, model)
        return runners

    def _outcome(self, name: str) -> Outcome:
        return next(outcome for outcome in self.outcomes if outcome.name == name)

    def _try(self, outcome: Outcome, doing: str, action: Callable[[], Value]) -> Value | None:
        """Do it with its name on the terminal; a failure is the outcome's and gives None."""
        task = self.progress.add_task(doing, total=None)
        try:
            return action()
        except (ContenderFailedError, PeersError, LoadError) as error:
            outcome.failure = str(error)
            return None
        finally:
            self.progress.remove_task(task)

    def _topic_prefix(self, number: int) -> str:
        return f"{self.prefix}{number}."

    def _load(self) -> None:
        plan = self.plan
        task = self.progress.add_task("loading the topics", total=plan.events)
        topics = [f"{self._topic_prefix(n)}predictions" for n in range(plan.rounds)]
        create_topics(self.bootstrap, topics)
        value_bytes = load(
            self.bootstrap,
            topics,
            plan.seed,
            stream(plan.seed, plan.events, EVENT_RATE),
            lambda count: self.progress.advance(task, count),
        )
        self.event_bytes = value_bytes / plan.events
        self.progress.remove_task(task)

    def _run_peer(self, peer: Contender, edges: dict[str, list[float]], number: int) -> Round:
        assignment = Assignment(
            bootstrap=self.bootstrap,
            topic=f"{self._topic_prefix(number)}predictions",
            group=f"{self.prefix}{peer.name}-{number}",
            events=self.plan.naive_events if peer is NAIVE else self.plan.events,
            edges=edges,
        )
        return run_contender(peer, assignment, number, self.directory)

    def _run_worker(self, model: ModelUnderTest, number: int) -> Round:
        prefix = self._topic_prefix(number)
        return run_worker(self.bootstrap, prefix, self.plan.events, model, self.directory, number)

    def _rounds(self, runners: dict[str, Runner]) -> None:
        plan = self.plan
        reserve_s = 0.0
        if plan.latency_seconds:
            reserve_s = plan.latency_seconds + WARM_UP_S + LATENCY_OVERHEAD_S
        task = self.progress.add_task("rounds", total=plan.rounds * len(runners))
        longest_s = 0.0
        for number in range(plan.rounds):
            started = time.monotonic()
            if number and started + longest_s + reserve_s > plan.deadline:
                self.notes.append(f"{number} of {plan.rounds} rounds: the time was up")
                break
            for name, runner in runners.items():
                outcome = self._outcome(name)
                if not outcome.failure:
                    doing = f"round {number + 1} of {plan.rounds}: {outcome.label}"
                    done = self._try(outcome, doing, partial(runner, number))
                    outcome.rounds += [] if done is None else [done]
                self.progress.advance(task)
            longest_s = max(longest_s, time.monotonic() - started)
        self.progress.remove_task(task)

    def _latency(self) -> None:
        plan = self.plan
        task = self.progress.add_task(
            "event-to-metric latency", total=plan.latency_seconds + WARM_UP_S
        )
        try:
            self.latency = measure_latency(
                self.bootstrap,
                f"{self.prefix}latency.",
                [
                    make_model(self.directory / name, plan.seed, name, SPEC_OVERRIDES)
                    for name in MODELS
                ],
                self.directory,
                SteadyRate(plan.latency_rate, plan.latency_seconds, plan.seed),
                progress=lambda seconds: self.progress.update(task, completed=seconds),
            )
            self.failed |= self.latency.missed > 0
        except ContenderFailedError as error:
            self.notes.append(f"event-to-metric latency failed: {error}")
            self.failed = True
        self.progress.remove_task(task)
