"""What must be true of a run, all along and at its end.

Rule.  What workers say is compared with the oracle to the bit: the set of different records of each
model, and the order in which they first appeared.  A repeat must be equal and needs an accident to
explain it.  Nothing is committed that the snapshots on the topic, as they are at that moment, do
not cover; that is what a worker would find that started now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NoReturn

import orjson

from engine.dead_letters import with_origin
from engine.decide.rules import reads_performance, rules
from engine.effects import Publish
from engine.timestamps import ms_to_rfc3339, rfc3339_to_ms
from streams.live import LiveState
from streams.starting_offsets import Source
from tests.simulation.answers import Answers, is_about_requests, is_of_results
from tests.simulation.broker import PANES, Broker
from tests.simulation.group import Group
from tests.simulation.saved_state import (
    durable,
    judge_state,
    saved_tally_state,
    tally_state,
    without_requests,
)
from tests.simulation.scenarios import COOLDOWN_MS, Scenario
from tests.simulation.version_invariants import check_versions, is_of_terms, learned_names

IN_ORDER: Final = ("judgements", "alerts", "retraining-triggers", "promotions")
LONGEST_BATCH: Final = 100
"""Effects that one batch can make in these scenarios, beyond the bound on those under way."""

Said = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]


class Violation(AssertionError):  # noqa: N818 - the word for it
    """A promise was broken."""


class Invariants:
    """The promises over one run."""

    def __init__(
        self, case: Scenario, broker: Broker, group: Group, answers: Answers | None = None
    ) -> None:
        self._case = case
        self._broker = broker
        self._group = group
        self._answers = answers
        self._learned = learned_names(case)
        self._problems: list[str] = []
        self.coverage: Counter[str] = Counter()
        group.on_commit = self._committed

    def fail(self, text: str) -> NoReturn:
        """Stop here."""
        raise Violation("; ".join([*self._problems, text]))

    def note(self, text: str) -> None:
        """Stop at the next look: for places whose exceptions would go elsewhere."""
        self._problems.append(text)

    def still_good(self) -> None:
        """Violation when anything was noted."""
        if self._problems:
            self.fail("that is all")

    # -- all along ----------------------------------------------------------------------------

    def _committed(self, offsets: Mapping[Source, int]) -> None:
        for (role, partition), offset in offsets.items():
            name = f"panes/{partition}" if role == PANES else f"tally/{partition}"
            restored = durable(self._broker.snapshots[partition].latest, name)
            covered = 0 if restored is None else restored.covered.get(role, 0)
            if offset > covered:
                self.note(f"{role}/{partition}: {offset} committed, {covered} durable")
            if offset > self._broker.ends[role, partition]:
                self.note(f"{role}/{partition}: {offset} committed beyond the end of the log")

    def is_torn(self) -> bool:
        """Whether a snapshot was begun whose head is not on the topic yet."""
        logs = [log.records for log in self._broker.snapshots if log.records]
        return any(records[-1][1].count(b"/") > 2 for records in logs)

    def unsettled(self, most: int, limit: int) -> None:
        """The bound on effects under way held; each tally and bench of a worker has its own."""
        owners = 2 * self._case.partitions
        flushed = 60 * self._case.partitions * len(self._case.versions or self._case.models)
        if most > owners * (limit + LONGEST_BATCH) + flushed:
            self.note(f"{most} effects under way, the bound is {limit} per owner")

    # -- at the end ---------------------------------------------------------------------------

    def is_complete(self) -> bool:
        """Whether as much was judged as the oracle judged."""
        if self._case.story is not None and not self._case.story.in_time:
            return True
        judged = {sent.value for sent in self._broker.outputs.get("judgements", [])}
        return len(judged) >= len(self._case.said.get("judgements", []))

    def finish(self, lives: Sequence[LiveState], *, repeats: bool) -> None:
        """Everything that must be true once nothing is left to do."""
        self.still_good()
        story = self._case.story
        if story is None or story.in_time:
            for topic in (*IN_ORDER, "late", "dead-letters"):
                self._compare(topic, repeats=repeats)
            self._compare_tallies(lives)
            self._compare_judges(lives)
        if story is not None:
            told = check_versions(self._case, story, self._broker, lives, self.fail)
            self.coverage.update(told)
        audited = self._answers is not None or story is not None
        known = {*IN_ORDER, "late", "dead-letters", *(["audit"] if audited else [])}
        unknown = set(self._broker.outputs) - known
        if unknown:
            self.fail(f"records on topics that the oracle does not know: {unknown}")
        self._check_triggers()
        self._check_answers(lives)

    def _check_answers(self, lives: Sequence[LiveState]) -> None:
        if self._answers is not None:
            held = {key: judge for live in lives for key, judge in live.judges.items()}
            outputs = self._broker.outputs
            self._answers.check(self._case.models, held, outputs, self.fail)
            alerts = [one for one in outputs.get("alerts", []) if is_about_requests(one.value)]
            self.coverage["alerts about requests"] += len(alerts)
            taken = [one for one in outputs.get("audit", []) if not is_of_terms(one.value)]
            self.coverage["results taken up"] += len(taken)

    def _compare(self, topic: str, *, repeats: bool) -> None:
        truth = [_said_by_oracle(effect) for effect in self._case.said.get(topic, [])]
        found = [
            (sent.key, sent.value, tuple(sent.headers or ()))
            for sent in self._broker.outputs.get(topic, [])
            if not (is_about_requests(sent.value) or is_of_results(sent))
        ]
        first = list(dict.fromkeys(found))
        self.coverage[topic] += len(first)
        self.coverage[f"{topic} repeated"] += len(found) - len(first)
        self.coverage[f"{topic} revised"] += sum(b'"revision":1' in (v or b"") for _, v, _ in first)
        self.coverage[f"{topic} of losses"] += sum(b'"places":[' in (v or b"") for _, v, _ in first)
        wrong, missing = set(first) - set(truth), set(truth) - set(first)
        if wrong or missing:
            self.fail(
                f"{topic}: {len(missing)} of {len(truth)} are missing, {len(wrong)} are wrong: "
                f"{_shown(missing)} instead {_shown(wrong)}"
            )
        if not repeats and len(found) != len(first):
            self.fail(f"{topic}: {len(found) - len(first)} repeats without an accident")
        if topic in IN_ORDER and (topic, 0) not in self._broker.failures:
            for model in self._case.models:
                key = model.spec.model.encode()
                if _by_clock(first, key) != _by_clock(truth, key):
                    self.fail(f"{topic}: not in the order of event time")

    def _check_triggers(self) -> None:
        known: dict[str, bytes | None] = {}
        ends: dict[str, list[str]] = {}
        for sent in self._broker.outputs.get("retraining-triggers", []):
            tree = orjson.loads(sent.value or b"")
            if known.setdefault(tree["trigger_id"], sent.value) != sent.value:
                self.fail("two triggers have one id")
            ends.setdefault(f"{tree['model']}@{tree['version']}", []).append(tree["window"]["end"])
        if len(set(known.values())) != len(known):
            self.fail("one trigger has two ids")
        for model, found in ends.items():
            for before, after in pairwise(sorted(set(found))):
                if after < ms_to_rfc3339(rfc3339_to_ms(before) + COOLDOWN_MS):
                    self.fail(f"{model}: triggers at {before} and {after}, within the cool-down")

    def _compare_tallies(self, lives: Sequence[LiveState]) -> None:
        held = {p: tally for live in lives for p, tally in live.tallies.items()}
        for tally in self._case.pipeline.tallies:
            truth = tally_state(tally, self._learned)
            if tally.partition not in held:
                self.fail(f"nobody holds partition {tally.partition}")
            if tally_state(held[tally.partition], self._learned) != truth:
                self.fail(f"the tally of partition {tally.partition} is not the oracle's")
            saved = saved_tally_state(self._broker, tally.partition, self._learned)
            if saved is None and tally.covered:
                self.fail(f"no snapshot of partition {tally.partition}")
            if saved is not None and saved != truth:
                self.fail(f"the snapshot of partition {tally.partition} is not the oracle's")

    def _compare_judges(self, lives: Sequence[LiveState]) -> None:
        held = {key: judge for live in lives for key, judge in live.judges.items()}
        pipeline = self._case.pipeline
        for key, judge in (pipeline.judges | pipeline.comparisons).items():
            if key not in held:
                self.fail(f"nobody judges {key}")
            found, truth = judge_state(held[key]), judge_state(judge)
            if self._answers is not None:
                found, truth = without_requests(found), without_requests(truth)
            different = [name for name in truth if found[name] != truth[name]]
            if different:
                self.fail(f"the judge of {key} differs from the oracle's in {different}")


def _said_by_oracle(effect: Publish) -> Said:
    return (effect.key, effect.value, with_origin(effect.headers, str))


def _by_clock(records: Sequence[Said], key: bytes) -> dict[str, list[Said]]:
    """A model's records in order, those of each clock apart: planes do not wait for each other."""
    found: dict[str, list[Said]] = {}
    for record in records:
        if record[0] == key:
            tree = orjson.loads(record[1] or b"{}")
            rule = rules().get(tree.get("rule", ""))
            of_labels = rule is not None and reads_performance(rule)
            clock = tree["rule"] if of_labels else tree.get("section", "data")
            version = f"{tree.get('champion', '')} {tree.get('version', '')}"
            found.setdefault(f"{version} {clock}", []).append(record)
    return found


def _shown(records: set[Said]) -> str:
    texts = sorted((value or b"").decode(errors="replace")[:160] for _, value, _ in records)
    return texts[0] if texts else "none"
