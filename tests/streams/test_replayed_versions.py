"""Registered versions in a replay: the file that tells of them, when each is learned, and that what
is said is what a worker that heard of them on the way says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from engine.effects import OutputTopic
from engine.pipeline import Pipeline
from engine.profile import encode_profile
from engine.retraining_results import AUDIT_KIND
from engine.terms import Term
from engine.timestamps import ms_to_rfc3339
from streams.control import ControlRecord
from streams.model_records import decode_head, encode_head, encode_version, head_key, retired
from streams.models_file import ModelsFileError, ToldRegistrations, line_of, read_registrations
from streams.replay import Source, replay
from streams.replayed_versions import versions_of
from streams.results_file import read_results, results_for
from streams.snapshots import Record
from tests.engine.models import (
    MINUTE,
    SECOND,
    START,
    batch,
    beat,
    model_of,
    pieces,
    spec_text,
    stream,
)
from tests.engine.test_take_over import AT, FIRST, SECOND_ONE

TEXTS: Final = {version: spec_text(version=version) for version in ("v1", "v2", "v3")}
MODELS: Final = {"v1": FIRST, "v2": SECOND_ONE, "v3": model_of(TEXTS["v3"])}
LATENESS_MS: Final = 30 * SECOND
TOLD: Final[tuple[OutputTopic, ...]] = ("judgements", "alerts", "retraining-triggers", "audit")


def applied(version: str, at_ms: int | None, text: str | None = None) -> list[Record]:
    """The records of a registration, in two parts and more."""
    return encode_version(
        text or TEXTS[version],
        encode_profile(MODELS[version].profile),
        of=("m", version),
        effective_from_ms=at_ms,
        part_bytes=2_000,
    )


def ended(version: str, at_ms: int | None) -> Record:
    """The head of a version that is retired."""
    _, value = applied(version, AT)[-1]
    return encode_head(retired(decode_head("m", version, value or b""), at_ms))


def written(*records: Record) -> list[ControlRecord]:
    """Records of the topic, the first at offset 7."""
    return [ControlRecord("models", 2, 7 + n, 5, *record) for n, record in enumerate(records)]


def told(records: Sequence[ControlRecord], **ended_ms: list[int]) -> ToldRegistrations:
    """What a file of these would tell."""
    return ToldRegistrations(list(records), ended_ms)


def test_what_is_printed_is_read_again(tmp_path: Path) -> None:
    """To the byte: parts, heads, and one that was deleted; other models and lines of audit stand
    between them and are passed by."""
    records = written(*applied("v1", None), *applied("v2", AT), (head_key("m", "v2"), None))
    other = ControlRecord("models", 0, 3, -1, head_key("n", "v1"), None)
    strange = ControlRecord("models", 0, 4, -1, b"\xff", b"\xff")
    audit = b'{"kind": "term", "model": "m", "version": "v1", "change": "begins"}'
    path = tmp_path / "models.ndjson"
    path.write_bytes(b"\n".join([*map(line_of, [other, strange, *records]), b"", audit, b""]))
    assert read_registrations(path, "m").records == records
    assert [r.offset for r in read_registrations(path, "n").records] == [3]
    assert orjson.loads(line_of(records[-2]))["value"]["version"] == "v2", "a head can be read"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"models", "is no JSON object"),
        (b"[]", "is no JSON object"),
        (b'{"key": 1, "value": null}', "its key is no text"),
        (b'{"key": "m/v1"}', "has no value"),
        (b'{"key": "m/v1", "value": "x"}', "has no value"),
        (b'{"key": "m/v1", "value_base64": "*"}', "no base64"),
        (b'{"key": "m/v1", "value_base64": 3}', "no base64"),
        (b'{"key": "m/v1", "offset": 9, "value": null}', "has the offset 9 behind 9"),
        (b'{"key": "m/v1", "offset": true, "value": null}', "has the offset True"),
        (b'{"kind": "term", "model": "m", "change": "ends"}', "no record of audit"),
        (
            b'{"kind": "term", "model": "m", "change": "ends", "version": "v", "at": "?"}',
            "no time: ?",
        ),
    ],
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: bytes, says: str) -> None:
    """With its number; nothing of the file is used."""
    path = tmp_path / "models.ndjson"
    path.write_bytes(b'{"key": "m/v9", "offset": 9, "value": null}\n' + line + b"\n")
    with pytest.raises(ModelsFileError) as error:
        read_registrations(path, "m")
    assert str(error.value).startswith(f"{path}:2: ")
    assert says in str(error.value)


def test_each_record_is_learned_as_it_was_written() -> None:
    """So a term has the stamp of the record that it follows from, and not of the newest: when it
    was appended, or one more where another head of the model was in the same ms."""
    records = written(*applied("v1", AT - MINUTE), *applied("v2", AT))
    found = versions_of([FIRST], told(records))
    assert found.files == []
    assert [(step.at_ms, step.terms) for step in found.steps] == [
        (None, {"m@v1": Term(AT - MINUTE, None, "", 5)}),
        (
            None,
            {
                "m@v1": Term(AT - MINUTE, AT, "v2", 6),
                "m@v2": Term(AT, None, "", 6),
            },
        ),
    ]
    assert found.other_content == []
    assert found.models["m@v1"] is FIRST


def test_a_version_of_files_is_taken_over_too() -> None:
    """The topic says nothing of it."""
    found = versions_of([FIRST], told(written(*applied("v2", AT))))
    assert found.files == [FIRST]
    (step,) = found.steps
    assert step.terms["m@v1"].until_ms == AT


def test_another_spec_stands_in_the_term_of_the_registered_one() -> None:
    """A policy is tried in its place, and that is told."""
    changed = applied("v1", AT, spec_text(version="v1", inventory="{owner: risk, purpose: x}"))
    found = versions_of([FIRST], told(written(*changed)))
    assert found.other_content == ["m@v1"]
    assert found.steps[0].models == [FIRST]
    assert found.steps[0].terms["m@v1"].from_ms == AT


def test_what_no_worker_would_use_changes_nothing() -> None:
    """A torn version is told; where it is the one that is replayed, its file counts."""
    found = versions_of([FIRST], told(written(*applied("v1", AT)[1:], *applied("v2", AT)[1:])))
    assert [refusal.reason for refusal in found.refusals] == ["torn", "torn"]
    assert (found.files, found.steps) == ([FIRST], [])


def test_back_again_is_learned_when_it_serves_again() -> None:
    """What it served before would be forgotten; what stands behind it waits."""
    again, third = AT + 3 * MINUTE, AT + 5 * MINUTE
    records = written(
        *applied("v1", AT - MINUTE),
        *applied("v2", AT),
        *applied("v1", again),
        *applied("v3", third),
    )
    steps = versions_of([FIRST], told(records)).steps
    assert [step.at_ms for step in steps] == [None, None, again, again]
    postponed = written(*applied("v2", AT), *applied("v2", again))
    steps = versions_of([FIRST], told(postponed)).steps
    assert [step.at_ms for step in steps] == [None, None], "before it served: at once"


def values() -> list[bytes]:
    """Drifted events of the first version until AT, of the second from then on."""
    found = []
    for tree in stream(3, 1_800, step_ms=400, shift=2.5, shift_after=0.1):
        tree["version"] = "v1" if tree["ts"] < AT else "v2"
        found.append(orjson.dumps(tree))
    return found


def by_version(records: Sequence[tuple[str, bytes]]) -> dict[tuple[str, str], list[bytes]]:
    """By topic and version: how versions fall between each other is promised to nobody."""
    found: dict[tuple[str, str], list[bytes]] = {}
    for topic, value in records:
        found.setdefault((topic, orjson.loads(value)["version"]), []).append(value)
    return found


def lines(out: Path) -> list[tuple[str, bytes]]:
    """What a replay told."""
    return [
        (topic, line)
        for topic in TOLD
        for line in (out / f"{topic}.ndjson").read_bytes().splitlines()
    ]


def replayed(directory: Path, registered: ToldRegistrations) -> list[tuple[str, bytes]]:
    """What a replay of the events says, nothing being late."""
    path = directory / "events.ndjson"
    path.write_bytes(b"\n".join(values()) + b"\n")
    known = versions_of([FIRST], registered)
    sources = [Source("predictions", path, FIRST.spec)]
    replay(known, sources, 1, directory / "out")
    return lines(directory / "out")


def test_a_replay_says_what_was_said_by_who_heard_on_the_way(tmp_path: Path) -> None:
    """Judgements, alerts, triggers and terms, byte for byte."""
    registered = told(written(*applied("v2", AT)))
    (step,) = versions_of([FIRST], registered).steps
    pipeline, effects = Pipeline([FIRST], 1), []
    for number, part in enumerate(pieces(batch(values()), range(0, 1_800, 100))):
        if number == 3:
            effects += pipeline.learn(step.models, step.terms)
        effects += pipeline.accept(part)
        effects += pipeline.flush()
    end_ms = orjson.loads(values()[-1])["ts"] + LATENESS_MS
    effects += pipeline.accept(batch([beat(end_ms)], first=1_800)) + pipeline.flush()
    live = by_version([(e.topic, e.value or b"") for e in effects if e.topic in TOLD])
    found = by_version(replayed(tmp_path, registered))
    assert found == live
    kinds = [orjson.loads(one)["change"] for one in found["audit", "v1"]]
    assert kinds == ["heard", "ends"]
    assert any(b"superseded by v2" in one for one in found["alerts", "v1"])
    assert found["retraining-triggers", "v1"]


def test_nobody_serves_before_it_is_learned(tmp_path: Path) -> None:
    """A version that is back again ended in between, and begins where it is back."""
    again = AT + 3 * MINUTE
    records = written(*applied("v1", START), *applied("v2", AT), *applied("v1", again))
    found = by_version(replayed(tmp_path, told(records)))
    kinds = [(t["change"], t.get("at")) for t in map(orjson.loads, found["audit", "v1"])]
    moments = [ms_to_rfc3339(ms) for ms in (START, AT, again)]
    assert kinds == [
        ("heard", None),
        ("begins", moments[0]),
        ("ends", moments[1]),
        ("heard", None),
        ("begins", moments[2]),
    ]


def test_an_emergency_ends_where_it_did(tmp_path: Path) -> None:
    """The version before serves again; what the one that was retired opened is resolved."""
    records = written(*applied("v2", AT), ended("v2", None))
    found = by_version(replayed(tmp_path, told(records, v2=[AT + 3 * MINUTE])))
    (end,) = [t for t in map(orjson.loads, found["audit", "v2"]) if t["change"] == "ends"]
    assert ms_to_rfc3339(AT + 2 * MINUTE) < end["at"] <= ms_to_rfc3339(AT + 3 * MINUTE)
    assert [t["change"] for t in map(orjson.loads, found["audit", "v1"])] == [
        "heard",
        "ends",
        "heard",
    ]
    last: dict[str, Any] = orjson.loads(found["alerts", "v2"][-1])
    assert (last["state"], last["evidence"]["observed"]["reason"]) == ("resolved", "retired")


def test_answers_go_to_the_version_that_took_them(tmp_path: Path) -> None:
    """As audit has it; a record of the topic of results may be anybody's."""
    line = {"trigger_id": "t", "status": "accepted", "model": "m"}
    audited = {"kind": AUDIT_KIND, "judged_as": "v1", "at": ms_to_rfc3339(AT)}
    path = tmp_path / "results.ndjson"
    path.write_bytes(orjson.dumps(line | audited) + b"\n" + orjson.dumps(line) + b"\n")
    results = read_results(path, "m")
    assert [one.at_ms for one in results_for("v1", results)] == [AT, None]
    assert [one.at_ms for one in results_for("v2", results)] == [None]


def test_models_that_nobody_gave_are_taken_from_the_topic(tmp_path: Path) -> None:
    """The second one's spec and profile are those that were registered."""
    model = versions_of([FIRST], told(written(*applied("v2", AT)))).models["m@v2"]
    assert (model.policy_hash, model.profile.hash) == (
        SECOND_ONE.policy_hash,
        SECOND_ONE.profile.hash,
    )
    assert not list(tmp_path.iterdir())
