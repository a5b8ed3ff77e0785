"""Versions as records of a topic: written, torn, wrong, retired, and the same as in files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson
import pytest

from engine.profile import encode_profile
from engine.tenure import Tenure
from engine.terms import Term
from streams.control import ControlRecord
from streams.model_records import (
    decode_head,
    encode_head,
    encode_version,
    head_key,
    read_key,
    retired,
)
from streams.model_register import ModelRegister
from streams.snapshots import Record
from tests.engine.models import model_of, spec_text

MODEL: Final = model_of(spec_text(version="v2"))
PROFILE: Final = encode_profile(MODEL.profile)


def records(
    text: str = spec_text(version="v2"),
    profile: bytes = PROFILE,
    version: str = "v2",
    effective_from_ms: int | None = 1_700_000_000_000,
) -> list[Record]:
    """A version in several parts."""
    found = encode_version(
        text, profile, of=("m", version), effective_from_ms=effective_from_ms, part_bytes=500
    )
    assert len(found) > 3
    return found


def at(number: int, record: Record, timestamp_ms: int = -1, partition: int = 0) -> ControlRecord:
    """A record of the topic."""
    return ControlRecord("models", partition, number, timestamp_ms, *record)


def taken(register: ModelRegister, written: Sequence[Record], first: int = 0) -> list[str]:
    """Reasons of what is refused of records, building included."""
    found = [register.take(at(first + n, record)) for n, record in enumerate(written)]
    return [r.reason for r in [*found, *register.settle()] if r is not None]


def test_a_version_comes_back_as_it_was() -> None:
    """Spec and profile by their hashes, and its term."""
    register = ModelRegister()
    written = records()
    assert taken(register, written) == []
    (model,) = register.models()
    assert (model.policy_hash, model.profile.hash) == (MODEL.policy_hash, MODEL.profile.hash)
    assert register.terms() == {"m@v2": Term(1_700_000_000_000, None, "", len(written))}
    assert register.parts_held == 0


def test_equal_content_gives_equal_records() -> None:
    """A version that is registered again changes nothing."""
    assert records() == records()
    register = ModelRegister()
    assert taken(register, [*records(), *records()]) == []
    assert len(register.models()) == 1


@pytest.mark.parametrize("missing", [0, 1, -2])
def test_a_torn_version_is_refused_whole(missing: int) -> None:
    """A part that is not there, and one of something else, is told; nothing of it is known."""
    written = records()
    del written[missing]
    register = ModelRegister()
    assert taken(register, written) == ["torn"]
    assert register.models() == []
    key, value = records()[missing]
    damaged = [(k, (value or b"")[:-1] + b"x" if k == key else v) for k, v in records()]
    assert taken(ModelRegister(), damaged) == ["torn"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ((b"m", b"{}"), "bad_key"),
        ((b"\xff/1", b"{}"), "bad_key"),
        ((b"%6d/v2", records()[-1][1]), "bad_key"),
        ((b"%6d/v2", None), "bad_key"),
        ((None, b"{}"), "bad_key"),
        ((b"m/v2", b"["), "malformed"),
        ((b"m/v2", b"{}"), "malformed"),
        ((b"m/v2", b" " * 70_000), "malformed"),
        ((b"m/v3", records()[-1][1]), "other_version"),
    ],
)
def test_what_is_no_version_is_refused_with_its_reason(record: Record, reason: str) -> None:
    """And what is known goes on."""
    register = ModelRegister([MODEL])
    assert taken(register, [record]) == [reason]
    assert register.models() == [MODEL]


@pytest.mark.parametrize("change", ["schema", "parts", "effective_from"])
def test_a_head_with_a_value_of_its_own_kind(change: str) -> None:
    """A later schema, impossible parts, a time without a zone."""
    key, value = records()[-1]
    tree = orjson.loads(value or b"")
    if change == "schema":
        tree["schema"] = 2
    elif change == "parts":
        tree["content"]["parts"] = 301
    else:
        tree["effective_from"] = "2026-01-01T00:00:00"
    assert taken(ModelRegister(), [*records()[:-1], (key, orjson.dumps(tree))]) == ["malformed"]


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("model: m\nsurprise: 1\n", PROFILE),
        (spec_text(version="v2"), b"{}"),
        (spec_text(version="v1"), PROFILE),
        (spec_text("other", "v2"), encode_profile(model_of(spec_text("other", "v2")).profile)),
    ],
)
def test_content_that_cannot_be_used(text: str, profile: bytes) -> None:
    """Faults of the spec, of the profile, of the two together, and another model's."""
    written = encode_version(text, profile, of=("m", "v2"))
    assert taken(ModelRegister(), written) in (["unusable"], ["other_version"])


def test_files_and_topic_must_agree() -> None:
    """The same version with another spec is refused and the files count; equal, the topic says
    when it serves."""
    changed = spec_text(version="v2", budget="{false_pages: 7, per: 1d}")
    register = ModelRegister([model_of(changed)])
    assert taken(register, records()) == ["version_differs"]
    assert register.terms()["m@v2"].from_ms is None
    same = ModelRegister([MODEL])
    assert taken(same, records()) == []
    assert same.models() == [MODEL]
    assert same.terms()["m@v2"].from_ms == 1_700_000_000_000


def test_a_version_that_runs_is_never_another_one() -> None:
    """Other content under its name is refused while the worker runs, and what the next start
    finds."""
    register = ModelRegister()
    assert taken(register, records()) == []
    other = records(spec_text(version="v2", budget="{false_pages: 7, per: 1d}"))
    assert taken(register, other, 100) == ["version_differs"]
    assert register.models()[0].policy_hash == MODEL.policy_hash
    fresh = ModelRegister()
    assert taken(fresh, [*records(), *other]) == []
    assert fresh.models()[0].policy_hash != MODEL.policy_hash


def test_retired_and_forgotten() -> None:
    """A retired version has an end; a deleted head is as if it had never been."""
    register = ModelRegister()
    written = records()
    head = decode_head("m", "v2", written[-1][1] or b"")
    assert taken(register, [*written, encode_head(retired(head, 1_800_000_000_000))]) == []
    assert register.terms()["m@v2"].until_ms == 1_800_000_000_000
    assert taken(register, [encode_head(retired(head, None))], 50) == []
    assert register.terms()["m@v2"].until_ms == 0
    assert taken(register, [(head_key("m", "v2"), None)], 60) == []
    assert register.models() == []


def test_a_take_over_that_is_taken_back_is_told() -> None:
    """Who was told of it takes what follows without it: that is newer."""
    register = ModelRegister([model_of(spec_text(version="v1"))])
    assert taken(register, records()) == []
    tenure = Tenure()
    assert tenure.take(register.terms()["m@v1"])
    assert tenure.term.successor == "v2"
    assert taken(register, [(head_key("m", "v2"), None)], 50) == []
    assert tenure.take(register.terms()["m@v1"])
    assert tenure.term == Term(stamp=51)


def test_a_version_that_ran_is_never_another_one() -> None:
    """Also where it was taken off the topic in between, whenever somebody looked."""
    other = records(spec_text(version="v2", budget="{false_pages: 7, per: 1d}"))
    gone = (head_key("m", "v2"), None)
    at_once, in_between = ModelRegister(), ModelRegister()
    assert taken(at_once, records()) == taken(in_between, records()) == []
    assert taken(at_once, [gone, *other], 50) == ["version_differs"]
    assert taken(in_between, [gone], 50) == []
    assert taken(in_between, other, 51) == ["version_differs"]
    assert at_once.models() == in_between.models() == []
    assert taken(in_between, records(), 100) == []
    assert in_between.models()[0].policy_hash == MODEL.policy_hash


def test_what_is_registered_again_and_again_takes_no_memory() -> None:
    """Its parts are those that are known already."""
    register = ModelRegister()
    for first in (0, 100, 200):
        assert taken(register, records(), first) == []
        assert register.parts_held == 0


def test_versions_that_wait_to_be_built_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of them before anybody builds one is refused, the first ones are known."""
    monkeypatch.setattr("streams.model_register.MAX_UNBUILT_BYTES", 4_000)
    assert 2_000 < sum(len(value or b"") for _, value in records()[:-1]) < 4_000
    flood = [r for version in ("v2", "v3", "v4") for r in renamed(version)]
    register = ModelRegister()
    assert taken(register, flood) == ["too_many", "too_many"]
    assert [model.key for model in register.models()] == ["m@v2"]


def renamed(version: str) -> list[Record]:
    """The same of another version."""
    return records(spec_text(version=version), version=version)


def test_names_with_slashes_stay_apart() -> None:
    """Model and version are quoted in a key."""
    assert read_key(head_key("a/b", "1/2")) == ("a/b", "1/2", False)
