"""What workers would have learned of a model's versions, and when, for a replay.

Rule.  The workers of a replay run with their files before anything is registered, and take each
record of the topic ``models`` when it is written, one at a time.  When that was in event time the
topic does not say, and it does not matter as long as it was before the record acts; so a record is
taken before the first event, with two exceptions, which are taken when event time comes to them:

* a version that is registered once more behind the end of its term ("back again"): what it served
  before would be forgotten.  It is taken at its new ``effective_from``;
* a version that is retired at once.  It is taken where ``audit`` says that it ended.

Where a compacted topic has nothing of a version but that it was retired at once, it served before
by the same head.

Records keep the order of the topic: what stands behind one that is taken later waits for it.

A version that the topic registers is not given in files; the model that is replayed stands for the
one of its name there, so that another policy can be tried in its term.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from engine.model import MonitoredModel
from engine.terms import Term
from streams.control import ControlRecord
from streams.model_records import (
    Head,
    ModelRecordError,
    decode_head,
    encode_head,
    encode_version,
    read_key,
)
from streams.model_register import ModelRegister, Refusal
from streams.models_file import ROLE, UNKNOWN_TIME_MS, ModelsFileError, ToldRegistrations

if TYPE_CHECKING:
    from streams.model_registration import VersionFiles


@dataclass(frozen=True, slots=True)
class Step:
    """The versions and their terms from an event time on."""

    at_ms: int | None
    """Before the first event of this time or a later one; None before all events."""
    models: Sequence[MonitoredModel]
    terms: Mapping[str, Term]


@dataclass(slots=True)
class ReplayedVersions:
    """All that is learned, in order."""

    files: list[MonitoredModel]
    """Known before anything is registered."""
    steps: list[Step] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    """Records that no worker would have used."""
    other_content: list[str] = field(default_factory=list)
    """Keys of given models that are registered with another spec or profile."""

    @property
    def models(self) -> dict[str, MonitoredModel]:
        """All that are ever known, by ``model@version``."""
        known = {model.key: model for model in self.files}
        for step in self.steps:
            known |= {model.key: model for model in step.models}
        return known


def append_version(
    told: ToldRegistrations, version: VersionFiles, effective_from_ms: int | None
) -> None:
    """Register a version behind all that was told, as ``longshore model apply`` does."""
    spec = version.model.spec
    first = told.records[-1].offset + 1 if told.records else 0
    records = encode_version(
        version.spec,
        version.profile,
        of=(spec.model, spec.version),
        hashes=(version.model.policy_hash, version.model.profile.hash),
        effective_from_ms=effective_from_ms,
    )
    told.records += [
        ControlRecord(ROLE, 0, first + number, UNKNOWN_TIME_MS, key, value)
        for number, (key, value) in enumerate(records)
    ]


def versions_of(given: Sequence[MonitoredModel], told: ToldRegistrations) -> ReplayedVersions:
    """What workers would have learned that were given these models, all of one name.

    Raises ModelsFileError where a version was retired at once and nobody says when.
    """
    on_topic = _standing(told.records)
    found = _learned([model for model in given if model.key not in on_topic], given, told)
    unused = on_topic - found.models.keys()
    if any(model.key in unused for model in given):  # the file's counts
        on_topic -= unused
        found = _learned([model for model in given if model.key not in on_topic], given, told)
    return found


def _learned(
    files: Sequence[MonitoredModel], given: Sequence[MonitoredModel], told: ToldRegistrations
) -> ReplayedVersions:
    """What workers with these files would have learned."""
    found = ReplayedVersions(list(files))
    register = ModelRegister(files)
    lateness_ms = max(model.spec.time.lateness_ms for model in given)
    ended_ms = {version: list(times) for version, times in told.ended_ms.items()}
    models: Sequence[MonitoredModel] = files
    terms = register.terms()
    at_ms: int | None = None
    for record in told.records:
        first = _first_head(record, terms)
        for each in (record,) if first is None else (first, record):
            refusal = register.take(each)
            if refusal is not None:
                found.refusals += [refusal] if each is record else []
                continue
            found.refusals += register.settle()
            before, terms = terms, register.terms()
            known, models = {model.key for model in models}, register.models()
            if terms == before and {model.key for model in models} == known:
                continue
            taken_ms = _taken_ms(each, before, ended_ms, lateness_ms)
            at_ms = max((ms for ms in (at_ms, taken_ms) if ms is not None), default=None)
            found.steps.append(Step(at_ms, _standing_in(models, given, found.other_content), terms))
    return found


def _first_head(record: ControlRecord, terms: Mapping[str, Term]) -> ControlRecord | None:
    """That by which a version served of which compaction has left alone that it was retired at
    once; None where there is no such thing to be added."""
    if record.value is None or read_key(record.key)[2]:
        return None
    with suppress(ModelRecordError):  # refused where it is taken
        head = _head(record)
        if head is not None and _is_retired_at_once(head) and head.key not in terms:
            _, value = encode_head(msgspec.structs.replace(head, status="active"))
            return replace(record, value=value)
    return None


def _is_retired_at_once(head: Head) -> bool:
    return head.status == "retired" and head.retired_at is None


def _standing(records: Sequence[ControlRecord]) -> set[str]:
    """``model@version`` of those whose newest head was not deleted."""
    standing: dict[str, bool] = {}
    for record in records:
        model, version, is_part = read_key(record.key)
        if not is_part:
            standing[f"{model}@{version}"] = record.value is not None
    return {key for key, stands in standing.items() if stands}


def _standing_in(
    models: Sequence[MonitoredModel], given: Sequence[MonitoredModel], others: list[str]
) -> list[MonitoredModel]:
    """The models, those given in the places of their names."""
    own = {model.key: model for model in given}
    for model in models:
        mine = own.get(model.key, model)
        differs = (mine.policy_hash, mine.profile.hash) != (model.policy_hash, model.profile.hash)
        if differs and model.key not in others:
            others.append(model.key)
    return [own.get(model.key, model) for model in models]


def _taken_ms(
    record: ControlRecord,
    terms: Mapping[str, Term],
    ended_ms: Mapping[str, list[int]],
    lateness_ms: int,
) -> int | None:
    """When in event time a record of a head is taken; None before all events."""
    head = _head(record)
    term = None if head is None else terms.get(head.key)
    if head is None or term is None:
        return None
    if _is_retired_at_once(head):
        if term.until_ms == 0:
            return None  # said once more: it changes nothing
        times = ended_ms.get(head.version)
        if not times:
            raise ModelsFileError(
                f"{head.key} is retired at once, and nothing says when in event time: add the line "
                f"of audit that tells of its end, or give `retired_at` to the head (offset "
                f"{record.offset})"
            )
        return times.pop(0) + lateness_ms
    from_ms = head.effective_from_ms
    is_back = term.until_ms is not None and from_ms is not None and from_ms >= term.until_ms
    return from_ms if is_back else None


def _head(record: ControlRecord) -> Head | None:
    if record.value is None:
        return None
    model, version, _ = read_key(record.key)
    return decode_head(model, version, record.value)
