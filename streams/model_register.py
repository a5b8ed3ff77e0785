"""The versions that a worker knows: those of its files, and those of the topic ``models``.

Rule.  Records are taken in their order; what they add up to is built when it is asked for, so that
of a version registered ten times over the newest is built and no other.  What cannot be used is
refused with its reason and changes nothing: the worker goes on with what it has.

A version that is in files and on the topic must be the same in both (spec and profile by their
hashes); then the topic says when it serves.  Otherwise the file's counts, and the record is
refused.
A version that is known is never another one while a worker runs: other content under its name is
refused, and is what the next start finds.  That holds also where it was taken off the topic in
between: whoever looks at the topic at another moment sees nothing of that.

A registration is stamped with the time at which it was appended, in ms, and above every one before
it of its model: a topic that was deleted and made anew begins at offset 0 again, and what is
registered on it is newer all the same than all that was registered before.

Versions whose term has an end do not count toward MAX_MODELS, or who retrains every week would
have to start anew every few years.  Of them MAX_ENDED_VERSIONS are kept; those that end first go,
which is a function of what is registered alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.model import MonitoredModel, build_model
from engine.profile import ProfileError, decode_profile
from engine.spec_faults import SpecError
from engine.terms import Term
from engine.timestamps import NEWEST_MS
from streams.control import ControlRecord
from streams.model_files import MAX_MODELS, read_spec_text
from streams.model_records import (
    Content,
    Head,
    ModelRecordError,
    assembled,
    decode_head,
    home_of,
    part_keys,
    read_key,
    unpacked,
)
from streams.registered_terms import ended_first, terms_among

MAX_HELD_PART_BYTES: Final = 536_870_912
"""Parts that no head has made use of yet; the oldest are forgotten, and their head is torn."""
MAX_UNBUILT_BYTES: Final = 1_073_741_824
"""Versions that wait to be built, packed; further ones are refused."""
MAX_UNBUILT: Final = 3_000
"""The same by their number: those that serve, those that ended, and as many more."""
MAX_ENDED_VERSIONS: Final = 1_000
"""Versions that are known beside those that serve on; of more, those that ended first are let
go."""
FAULTS_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record of the topic that cannot be used."""

    record: ControlRecord
    reason: str
    """One of :data:`streams.model_records.REASONS`."""
    text: str


@dataclass(slots=True)
class _Version:
    """A version of the topic."""

    head: Head
    record: ControlRecord
    stamp: int
    packed: bytes | None
    """None once it was built."""
    built: MonitoredModel | None = None
    ended: Term | None = None
    """The term that it had when it was let go."""


@dataclass
class ModelRegister:
    """What is known, and what is to be built of it."""

    files: Sequence[MonitoredModel] = ()
    """Those given in files."""
    builds: bool = True
    """Without it heads are looked at and no version is built."""
    partitions: Callable[[], int] = lambda: 0
    """Of the topic; 0 is unknown."""
    parts_held: int = 0
    """Bytes of parts that wait for their head."""
    _versions: dict[str, _Version] = field(default_factory=dict)
    _unbuilt: dict[str, _Version] = field(default_factory=dict)
    _parts: dict[bytes, bytes] = field(default_factory=dict)
    _stamps: dict[str, int] = field(default_factory=dict)
    """Of the newest head by model, also of one that said that a version is gone."""
    _let_go: set[str] = field(default_factory=set)
    """Ended versions that gave way to others that ended later."""
    _gone: dict[str, Content] = field(default_factory=dict)
    """What versions were that ran here and were taken off the topic."""

    def take(self, record: ControlRecord) -> Refusal | None:
        """Take one record; the refusal when it cannot be used."""
        try:
            model, version, is_part = read_key(record.key)
            self._refuse_strayed(model, record.partition)
            if is_part:
                self._take_part(record.key or b"", record.value)
            else:
                stamp = self._stamp_of(model, record)
                head = None if record.value is None else decode_head(model, version, record.value)
                if head is None:
                    self._forget(f"{model}@{version}")
                else:
                    self._take_head(head, record, stamp)
                self._stamps[model] = stamp
        except ModelRecordError as error:
            return Refusal(record, error.reason, str(error))
        return None

    def _refuse_strayed(self, model: str, partition: int) -> None:
        """Of two partitions nobody could say which head is the newer one."""
        count = self.partitions()
        if count and home_of(model, count) != partition:
            raise ModelRecordError(
                "other_partition",
                f"it lies in partition {partition}, and {model} is of partition "
                f"{home_of(model, count)} of {count}: where partitions were added, register anew",
            )

    def _stamp_of(self, model: str, record: ControlRecord) -> int:
        """When it was appended, its place where nobody said when; above that of the head before it
        of the same model, whatever other models say."""
        at_ms = record.timestamp_ms
        told = at_ms if 0 < at_ms <= NEWEST_MS else record.offset + 1
        return max(told, self._stamps.get(model, 0) + 1)

    def _take_part(self, key: bytes, value: bytes | None) -> None:
        self.parts_held -= len(self._parts.pop(key, b""))
        if value is None:
            return
        self._parts[key] = value
        self.parts_held += len(value)
        while self.parts_held > MAX_HELD_PART_BYTES:
            oldest = next(iter(self._parts))
            self.parts_held -= len(self._parts.pop(oldest))

    def _forget(self, key: str) -> None:
        self._unbuilt.pop(key, None)
        known = self._versions.pop(key, None)
        if known is not None and known.built is not None:
            self._gone[key] = known.head.content
            while len(self._gone) > MAX_MODELS:
                del self._gone[next(iter(self._gone))]

    def _take_head(self, head: Head, record: ControlRecord, stamp: int) -> None:
        known = self._unbuilt.get(head.key) or self._versions.get(head.key)
        same = known is not None and known.head.content == head.content
        was_let_go = self.builds and known is not None and known.built is None
        was_let_go = was_let_go and head.key not in self._unbuilt
        if same and was_let_go and self._parts.keys() >= set(part_keys(head)):
            known, same = None, False  # it may be to serve again
        packed = b"" if same else assembled(head, self._parts)
        for key in part_keys(head):
            self._take_part(key, None)
        if known is not None and same:
            known.head, known.record, known.stamp = head, record, stamp
            return
        built = known is not None and known.built is not None
        if built or self._gone.get(head.key, head.content) != head.content:
            raise ModelRecordError(
                "version_differs",
                f"{head.key} is another spec or profile than the {head.key} that is running: "
                "register it as a new version, or start the workers anew",
            )
        if self.builds:
            self._refuse_too_many(len(packed))
        self._unbuilt[head.key] = _Version(head, record, stamp, packed if self.builds else None)

    def _refuse_too_many(self, more_bytes: int) -> None:
        if self._is_full(more_bytes):
            self._make_room()
            if self._is_full(more_bytes):
                raise ModelRecordError("too_many", "more versions at once than can be built")

    def _is_full(self, more_bytes: int) -> bool:
        waiting = sum(len(version.packed or b"") for version in self._unbuilt.values())
        return len(self._unbuilt) >= MAX_UNBUILT or waiting + more_bytes > MAX_UNBUILT_BYTES

    def settle(self) -> list[Refusal]:
        """Build what is new; the refusals of what cannot be built.  Takes seconds for large
        profiles and touches nothing else, so a thread may do it."""
        refusals: list[Refusal] = []
        if not self.builds:
            self._versions |= self._unbuilt
            self._unbuilt.clear()
            return refusals
        serving = self._make_room()
        for key, version in list(self._unbuilt.items()):
            try:
                version.built = self._build(version, serving)
            except ModelRecordError as error:
                refusals.append(Refusal(version.record, error.reason, str(error)))
            else:
                self._versions[key] = version
            version.packed = None
            del self._unbuilt[key]
        return refusals + self._called_back()

    def _make_room(self) -> list[str]:
        """Let ended versions go that are too many; those that serve on, by when they came."""
        terms = self._terms({**self._versions, **self._unbuilt})
        in_files = [model.key for model in self.files]
        self._let_go = ended_first(terms, in_files, MAX_ENDED_VERSIONS)
        for key in self._let_go:
            version = self._unbuilt.pop(key, None) or self._versions[key]
            version.built = version.packed = None
            version.ended = terms[key]
            self._versions[key] = version
        known = dict.fromkeys([*in_files, *self._versions, *self._unbuilt])
        return [key for key in known if terms[key].until_ms is None]

    def _called_back(self) -> list[Refusal]:
        """Told once: versions that were let go when they had ended, and that have another term now
        without having come again.  Others' terms follow from theirs as before, so that these are a
        function of what is registered, whoever has the content."""
        terms, refusals = self._terms(self._versions), list[Refusal]()
        for key, version in sorted(self._versions.items()):
            was, term = version.ended, terms[key]
            if version.built is None and key not in self._let_go and was and not was.is_like(term):
                version.ended = term
                text = "it had ended and was let go: register it again"
                refusals.append(Refusal(version.record, "too_many", text))
        return refusals

    def _build(self, version: _Version, serving: Sequence[str]) -> MonitoredModel:
        head = version.head
        built = build_version(*unpacked(version.packed or b""))
        if built.key != head.key:
            raise ModelRecordError("other_version", f"its spec is of {built.key}, not {head.key}")
        given = next((model for model in self.files if model.key == head.key), None)
        if given is None:
            if built.key in serving[MAX_MODELS:]:
                raise ModelRecordError("too_many", f"more than {MAX_MODELS} models that serve on")
            return built
        if (given.policy_hash, given.profile.hash) != (built.policy_hash, built.profile.hash):
            raise ModelRecordError(
                "version_differs",
                f"{head.key} is given in files with another spec or profile; the files count",
            )
        return given

    def models(self) -> list[MonitoredModel]:
        """All versions: those of files in their order, then those of the topic by name."""
        found = {model.key: model for model in self.files}
        for key, version in sorted(self._versions.items()):
            if version.built is not None:
                found.setdefault(key, version.built)
        return list(found.values())

    def terms(self) -> dict[str, Term]:
        """``model@version`` -> from when until when it serves, also of those that were let go."""
        found = self._terms(self._versions)
        names = {model.spec.model for model in self.files}
        names |= {held.head.model for held in self._versions.values()}
        self._stamps = {name: self._stamps[name] for name in names & self._stamps.keys()}
        return found

    def _terms(self, versions: Mapping[str, _Version]) -> dict[str, Term]:
        heads = {key: (version.head, version.stamp) for key, version in versions.items()}
        return terms_among(self.files, heads, self._stamps)

    def heads(self) -> list[Head]:
        """Those of the topic that can be used, by key; settled ones only."""
        return [version.head for _, version in sorted(self._versions.items())]


def build_version(spec: str, profile: bytes) -> MonitoredModel:
    """The model of a registered spec and profile; ModelRecordError names the first faults."""
    try:
        return build_model(read_spec_text(spec), decode_profile(profile))
    except SpecError as error:
        told = "; ".join(map(str, error.faults[:FAULTS_TOLD]))
        more = len(error.faults) - FAULTS_TOLD
        raise ModelRecordError(
            "unusable", f"spec: {told}" + (f"; and {more} more" if more > 0 else "")
        ) from error
    except ProfileError as error:
        raise ModelRecordError("unusable", f"profile: {error}") from error
