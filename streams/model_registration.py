"""Registering versions of models on the topic ``models``, and retiring them.

Rule.  What workers would refuse is refused here first, with every fault: a spec or a profile that
cannot be used, a version that is registered with other content, a take-over that would come before
one that is registered already.  Nothing is written before all of it is sound.  Whoever registers
needs no worker to run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from engine.model import MonitoredModel
from engine.spec_yaml import MAX_SPEC_BYTES
from engine.timestamps import ms_to_rfc3339
from streams.bounded_file import read_bounded
from streams.control import ControlRecord
from streams.model_files import MAX_PROFILE_BYTES, load_model
from streams.model_records import (
    Head,
    decode_head,
    encode_head,
    encode_version,
    head_key,
    part_keys,
    retired,
)
from streams.model_register import ModelRegister
from streams.models_log import ModelsReader, write_version
from streams.settings import Settings
from streams.snapshots import Record


class RegistrationError(ValueError):
    """A version cannot be registered as asked; the message says why."""


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """A version as its files have it; the model is sound."""

    model: MonitoredModel
    spec: str
    profile: bytes


def read_version(spec: Path, profile: Path) -> VersionFiles:
    """Read both files; streams.model_files.ModelFilesError has every fault of both."""
    model = load_model(spec, profile)
    text = read_bounded(spec, MAX_SPEC_BYTES).decode()
    return VersionFiles(model, text, read_bounded(profile, MAX_PROFILE_BYTES))


def registered(settings: Settings) -> list[Head]:
    """What stands on the topic now, by key; streams.control.ControlError when it cannot be read."""
    register = ModelRegister(builds=False)

    async def read() -> None:
        async for records in _whole_topic(settings):
            for record in records:
                register.take(record)

    asyncio.run(read())
    register.settle()
    return register.heads()


def topic_records(settings: Settings) -> list[ControlRecord]:
    """All that the topic holds, model by model in its order; raises as :func:`registered` does."""

    async def read() -> list[ControlRecord]:
        return [one async for records in _whole_topic(settings) for one in records]

    # Of a model all records lie in one partition.
    return sorted(asyncio.run(read()), key=lambda record: (record.partition, record.offset))


async def _whole_topic(settings: Settings) -> AsyncIterator[list[ControlRecord]]:
    reader = ModelsReader(settings)
    try:
        await reader.begin({})
        async for records in reader.to_end():
            yield records
    finally:
        await reader.close()


def register(settings: Settings, version: VersionFiles, effective_from_ms: int | None) -> Head:
    """Write a version that takes over then, event time; with None it is watched beside the others.

    Raises RegistrationError where it contradicts what is registered, streams.control.ControlError
    and streams.models_log.ModelsWriteError where the brokers do not do what they should.
    """
    spec, profile = version.model.spec, version.model.profile
    records = encode_version(
        version.spec,
        version.profile,
        of=(spec.model, spec.version),
        hashes=(version.model.policy_hash, profile.hash),
        effective_from_ms=effective_from_ms,
    )
    head = _head_of(records[-1], spec.model, spec.version)
    _refuse_contradictions(head, registered(settings))
    write_version(settings, spec.model, records)
    return head


def retire(settings: Settings, model: str, version: str, at_ms: int | None) -> Head:
    """End a version from then on, event time; None is at once.  Raises as :func:`register` does."""
    key = f"{model}@{version}"
    known = next((head for head in registered(settings) if head.key == key), None)
    if known is None:
        raise RegistrationError(f"{key} is not registered")
    head = retired(known, at_ms)
    write_version(settings, model, [encode_head(head)])
    return head


def forget(settings: Settings, model: str, version: str) -> None:
    """Take a version off the topic, as if it had never been there.  Raises as :func:`register`."""
    known = next((h for h in registered(settings) if h.key == f"{model}@{version}"), None)
    if known is None:
        raise RegistrationError(f"{model}@{version} is not registered")
    write_version(settings, model, [(head_key(model, version), None)])
    # The head first: one that stands while its parts go would be torn.
    write_version(settings, model, [(key, None) for key in part_keys(known)])


def _head_of(record: Record, model: str, version: str) -> Head:
    return decode_head(model, version, record[1] or b"")


def _refuse_contradictions(head: Head, known: list[Head]) -> None:
    at_ms = head.effective_from_ms
    for other in known:
        if other.key == head.key:
            if other.content != head.content:
                raise RegistrationError(
                    f"{head.key} is registered with another spec or profile: give it another "
                    "version"
                )
            continue
        other_ms = other.effective_from_ms
        if other.model != head.model or other.status != "active" or at_ms is None:
            continue
        if other_ms is not None and other_ms >= at_ms:
            raise RegistrationError(
                f"{other.key} takes over at {ms_to_rfc3339(other_ms)} already: {head.key} can only "
                "follow it later"
            )
