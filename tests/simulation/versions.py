"""Versions in the world of events: who answers when, and what is registered before which event.

Rule.  A story is made of the scenario's number and its own name, as a scenario is of its number; so
its oracle is shared by many seeds.  Rows know the phase that their event is of, and where the first
row of a phase stands in a source the registrations of that phase come before it
(:mod:`tests.simulation.registering`).  The oracle learns each where its phase begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Final, Literal

import orjson

from engine.model import MonitoredModel
from engine.profile import encode_profile
from engine.terms import Term
from streams.control import ControlRecord
from streams.model_records import encode_version
from streams.model_register import ModelRegister, build_version
from streams.starting_offsets import Source
from tests.engine.models import MINUTE, START

NAME: Final = "m"
"""The model whose versions change."""
PART_BYTES: Final = 1_500
PLAIN: Final = ("take_over", "back", "late")
LABELLED: Final = ("take_over", "promoted", "challenger", "shadow")
COMPARISON: Final = (
    "{champion: v1, looks: 1m, length: 10m, maturity: 5m, within: 20s, score_bins: 4, "
    "significance: 0.2, better_by: 0.01}"
)
LAG_ROWS: Final = 4
"""How many events after the first version's answer the second one's may come."""

Barriers = dict[Source, list[int]]
"""Where the first row of each phase but the first stands in each source."""
Mode = Literal["moment", "heard", "settled"]
"""When the rows behind a registration are there: at once; when every worker has heard of it; and
when all before was committed besides."""


@dataclass(frozen=True)
class Registration:
    """A version that is registered before the first row of a phase, or after it."""

    version: str
    effective_from_ms: int | None
    phase: int
    mode: Mode


@dataclass(frozen=True)
class Story:
    """What becomes of the versions of a model."""

    name: str
    files: tuple[str, ...]
    """Versions that workers have in files."""
    answers: dict[str, list[tuple[int, int]]]
    """Version -> when it answers, event time."""
    registrations: tuple[Registration, ...]
    phases: tuple[int, ...]
    """When each phase but the first begins, by the event times of its rows."""
    serves: dict[str, list[tuple[int, int]]]
    """Version -> when rules look at it."""
    gone: tuple[str, ...] = ()
    """Versions whose state is let go in the end."""
    compares: bool = False

    @property
    def in_time(self) -> bool:
        """Whether everything is registered before it matters, so that the oracle's is the truth."""
        return self.name != "late"

    @property
    def versions(self) -> list[str]:
        """All there ever are."""
        return sorted(self.answers)

    def answering(self, ts_ms: int) -> list[str]:
        """Who answers an event of this time."""
        found = self.answers.items()
        return [name for name, spans in found if any(a <= ts_ms < b for a, b in spans)]

    def phase_of(self, ts_ms: int) -> int:
        """The phase of an event of this time."""
        return sum(ts_ms >= at_ms for at_ms in self.phases)


@cache
def story_of(name: str, number: int, *, labels: bool) -> Story:
    """The story of this name in the scenario of this number."""
    chance = Random(f"story {name} {number}")
    end = START + 60 * MINUTE
    at = START + chance.choice([3, 4]) * MINUTE
    lead, trail = chance.choice([0, MINUTE]), chance.choice([0, MINUTE])
    first = Registration("v2", at, 1, "heard" if labels else "moment")
    if name == "shadow":
        whole = [(START - MINUTE, end)]
        return Story(
            name, ("v1", "v2"), {"v1": whole, "v2": whole}, (), (),
            {"v1": [(0, end)], "v2": [(0, end)]}, compares=True,
        )  # fmt: skip
    if name in {"challenger", "promoted"}:
        beside = Registration("v2", None, 1, "heard")
        begins = START + 2 * MINUTE
        then = START + 8 * MINUTE
        taking = Registration("v2", then, 2, "settled")
        promoted = name == "promoted"
        return Story(
            name, ("v1",),
            {"v1": [(0, then + trail if promoted else end)], "v2": [(begins, end)]},
            (beside, taking) if promoted else (beside,),
            (begins, then) if promoted else (begins,),
            {"v1": [(0, then if promoted else end)], "v2": [(0, end)]},
            gone=("v1",) if promoted else (), compares=True,
        )  # fmt: skip
    if name == "back":
        at, again = START + chance.choice([2, 3]) * MINUTE, START + chance.choice([7, 8]) * MINUTE
        first = Registration("v2", at, 1, "moment")
        back = Registration("v1", again, 2, "settled")
        return Story(
            name, ("v1",), {"v1": [(0, at), (again, end)], "v2": [(at - lead, again)]},
            (first, back), (at - lead, again),
            {"v1": [(0, at), (again, end)], "v2": [(at, again)]}, gone=("v2",),
        )  # fmt: skip
    begins = at - lead
    heard = at + chance.choice([0, 1, 2]) * MINUTE if name == "late" else begins
    return Story(
        name, ("v1",), {"v1": [(0, at + trail)], "v2": [(begins, end)]}, (first,), (heard,),
        {"v1": [(0, end if name == "late" else at)], "v2": [(at, end)]}, gone=("v1",),
    )  # fmt: skip


def version_text(text: str, version: str, story: Story) -> str:
    """The spec of one version, made of that of the first."""
    text = text.replace("version: v1", f"version: {version}").replace("idle: 30s", "idle: 10m")
    if version == "v2" and story.compares:
        text += f"comparison: {COMPARISON}\n"
    return text


def told_rows(tree: dict[str, Any], story: Story, chance: Random, truth: int | None) -> list[Any]:
    """(events after which it comes, row) of all who answer an event."""
    ts, phase = int(tree["ts"]), story.phase_of(int(tree["ts"]))
    found = []
    for version in story.answering(ts):
        said = dict(tree, version=version)
        if version != "v1":
            said["ts"] = ts + chance.randint(0, 3_000)
            drawn = chance.random()
            said["score"] = drawn if truth is None else 0.5 * drawn + 0.5 * truth
            said["latency_ms"] = 7.0
        lag = 0 if version == "v1" else chance.randint(0, LAG_ROWS)
        found.append((lag, (ts, orjson.dumps(said), phase)))
    return found


def records_of(
    registration: Registration, texts: dict[str, str], models: dict[str, MonitoredModel], first: int
) -> list[ControlRecord]:
    """The records of a registration as they stand on the topic from offset ``first`` on."""
    version = registration.version
    model = models[version]
    rows = encode_version(
        texts[version],
        encode_profile(model.profile),
        of=(NAME, version),
        hashes=(model.policy_hash, model.profile.hash),
        effective_from_ms=registration.effective_from_ms,
        part_bytes=PART_BYTES,
    )
    return [
        ControlRecord("models", 0, first + place, -1, key, value)
        for place, (key, value) in enumerate(rows)
    ]


@cache
def built_once(spec: str, profile: bytes) -> MonitoredModel:
    """:func:`streams.model_register.build_version`, remembered: every worker builds the same."""
    return build_version(spec, profile)


@dataclass(frozen=True)
class Learned:
    """What is known once a registration is."""

    registration: Registration
    records: list[ControlRecord]
    models: list[MonitoredModel]
    terms: dict[str, Term]


def lessons(
    story: Story, files: list[MonitoredModel], texts: dict[str, str], models: list[MonitoredModel]
) -> list[Learned]:
    """All registrations in their order, each with what is known behind it."""
    register, found, at = ModelRegister(files), [], 0
    named = {model.spec.version: model for model in models if model.spec.model == NAME}
    for registration in story.registrations:
        records = records_of(registration, texts, named, at)
        at += len(records)
        refused = [register.take(record) for record in records]
        assert not any(refused), refused
        assert not register.settle(), "it can be built"
        found.append(Learned(registration, records, register.models(), register.terms()))
    return found


def first_of(rows: list[tuple[Any, ...]], phases: int, beats: int) -> list[int]:
    """Where the first row of each phase stands; before the last beats where there is none."""
    end = max(0, len(rows) - beats)
    tagged = [(place, row[2]) for place, row in enumerate(rows[:end]) if len(row) > 2]
    return [
        min((place for place, of in tagged if of >= phase), default=end)
        for phase in range(1, phases + 1)
    ]
