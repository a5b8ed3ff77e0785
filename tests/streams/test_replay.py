"""Replay: files in, the records of the output topics out, and the same as from anywhere else."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.effects import OutputTopic
from engine.model import MonitoredModel
from engine.timestamps import rfc3339_to_ms
from streams import replay as replay_module
from streams.replay import FILES, ReplaySummary, Source, replay
from tests.engine.models import (
    HOUR,
    SECOND,
    START,
    disordered,
    event,
    logs_of,
    model_of,
    raw,
    run,
    said,
    spec_text,
    stream,
)


@cache
def model(**sections: str) -> MonitoredModel:
    """The usual model."""
    return model_of(spec_text(**sections))


def replayed(
    lines: Sequence[bytes], out: Path, one: MonitoredModel | None = None, partitions: int = 2
) -> ReplaySummary:
    """Replay these lines as predictions."""
    one = one or model()
    path = out.with_suffix(".ndjson")
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return replay([one], [Source("predictions", path, one.spec)], partitions, out)


def files(out: Path) -> dict[str, bytes]:
    """Every output file's bytes."""
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def records(out: Path, topic: OutputTopic) -> list[dict[str, Any]]:
    """The records of one output file."""
    return [orjson.loads(line) for line in (out / f"{topic}.ndjson").read_bytes().splitlines()]


def lines_of(events: Sequence[dict[str, Any]]) -> list[bytes]:
    """One line each."""
    return [orjson.dumps(e) for e in events]


def test_all_files_are_there_and_hold_what_the_summary_says(tmp_path: Path) -> None:
    """One file per output topic, one line per record, also where there is none."""
    summary = replayed(lines_of(stream(1, 900, shift=2.0)), tmp_path / "out")
    assert summary.records == 900
    assert set(files(tmp_path / "out")) == {f"{topic}.ndjson" for topic in FILES}
    for topic in FILES:
        assert len(records(tmp_path / "out", topic)) == summary.written.get(topic, 0)
    assert summary.written["retraining-triggers"] > 0
    assert sum(o.by_outcome["predictions/tallied"] for o in summary.outcomes) == 900


def test_replay_says_what_the_core_says(tmp_path: Path) -> None:
    """The same judgements as the same logs through the pipeline, to the last byte; the end of the
    file is a heartbeat, so the last complete window is closed and no later one."""
    events = disordered(stream(2, 700, shift=1.5), 2, lateness_ms=30_000, amend_ms=120_000)
    replayed(lines_of(events), tmp_path / "out", partitions=3)
    newest = max(e["ts"] for e in events)
    closing = {"heartbeat": True, "model": "m", "ts": newest + 30_000}
    logs = [
        type(log)(
            log.topic,
            log.partition,
            [*log.offsets, len(log)],
            [*log.timestamps_ms, -1],
            [*log.keys, None],
            [*log.values, orjson.dumps(closing)],
        )
        for log in logs_of(events, 3)
    ]
    expected = said(run([model()], 3, logs)[0])
    for topic, values in expected.items():
        assert files(tmp_path / "out")[f"{topic}.ndjson"] == b"".join(v + b"\n" for v in values)
    ends = [rfc3339_to_ms(j["end"]) for j in records(tmp_path / "out", "judgements")]
    assert max(ends) <= newest < max(ends) + 30 * SECOND


def test_the_same_bytes_again(tmp_path: Path) -> None:
    """Twice the same file, twice the same bytes in every file; gzipped too; and whatever the size
    of the batches."""
    lines = [*lines_of(stream(3, 800, shift=2.0)), b"broken", raw(9, START)]
    replayed(lines, tmp_path / "a")
    replayed(lines, tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")
    packed = tmp_path / "c.ndjson.gz"
    packed.write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines)))
    replay([model()], [Source("predictions", packed, model().spec)], 2, tmp_path / "c")
    assert files(tmp_path / "c") == files(tmp_path / "a")


@pytest.mark.parametrize("size", [1, 7, 333])
def test_batches_do_not_matter(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judgements, alerts and triggers are the same for any number of records at once."""
    lines = lines_of(stream(4, 300, step_ms=1_500, shift=2.0))
    replayed(lines, tmp_path / "whole")
    monkeypatch.setattr(replay_module, "BATCH_RECORDS", size)
    replayed(lines, tmp_path / "cut")
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_partitions_do_not_matter_without_estimators(tmp_path: Path) -> None:
    """1, 2 and 4 partitions give equal judgements and triggers where no estimator is on (ADWIN sees
    the stream of its own partition, so its alarms are equal for equal partition counts only)."""
    lines = lines_of(stream(5, 800, shift=2.0))
    for partitions in (1, 2, 4):
        replayed(lines, tmp_path / f"plain{partitions}", model(estimators="{}"), partitions)
        replayed(lines, tmp_path / f"adwin{partitions}", model(), partitions)
    plain = [files(tmp_path / f"plain{n}") for n in (1, 2, 4)]
    assert plain[0]["retraining-triggers.ndjson"]
    assert plain[1] == plain[2] == plain[0]
    adwin = [records(tmp_path / f"adwin{n}", "judgements") for n in (1, 2, 4)]
    assert adwin[0] != adwin[2]
    for told in adwin:
        for judgement in told:
            for feature in judgement["features"].values():
                feature.pop("adwin", None)
            del judgement["spec"], judgement["data"]
    assert adwin[0] == adwin[1] == adwin[2]


def test_broken_lines_are_dead_letters_with_their_bytes(tmp_path: Path) -> None:
    """Whatever a line holds, it is a record: its reason, place and bytes stand in the file, and the
    good lines around it count."""
    bad = [
        b"{broken",
        b"\xff\xfe",
        b"[]",
        b"\x00\x00\x00\x00\x01x",
        raw(7, START, ts_ms=1, score=...),
    ]
    good = lines_of(stream(6, 200))
    lines = [*good[:100], *bad, *good[100:]]
    summary = replayed(lines, tmp_path / "out", partitions=1)
    letters = records(tmp_path / "out", "dead-letters")
    assert [base64.b64decode(letter["value_base64"]) for letter in letters] == bad
    assert [letter["headers"]["longshore.reason"] for letter in letters] == [
        "malformed_json",
        "malformed_json",
        "not_an_object",
        "registry_framed",
        "no_prediction",
    ]
    offsets = [letter["headers"]["__connect.errors.offset"] for letter in letters]
    assert offsets == [str(100 + i) for i in range(len(bad))]
    assert summary.outcomes[0].by_outcome["predictions/tallied"] == 200


def test_lines_in_cloudevents_envelopes_are_opened(tmp_path: Path) -> None:
    """A file of structured CloudEvents says what the bare events say, also mixed with them."""
    events = stream(11, 400, shift=2.0)
    wrapped = [
        orjson.dumps({"specversion": "1.0", "id": str(i), "source": "s", "type": "t", "data": e})
        for i, e in enumerate(events)
    ]
    replayed(lines_of(events), tmp_path / "bare")
    replayed([*wrapped[:200], *lines_of(events[200:])], tmp_path / "mixed")
    assert files(tmp_path / "mixed") == files(tmp_path / "bare")
    assert files(tmp_path / "bare")["judgements.ndjson"]


def test_late_records_are_written_with_their_bytes(tmp_path: Path) -> None:
    """What comes beyond amend goes to the late file."""
    late = raw(1, START)
    summary = replayed([raw(0, START + HOUR), late], tmp_path / "out", partitions=1)
    (record,) = records(tmp_path / "out", "late")
    assert base64.b64decode(record["value_base64"]) == late
    assert summary.outcomes[0].late_by_model == {"m@v1": 1}


@pytest.mark.parametrize("ts", [START * 1000, 4 * 10**18, 0, -5, "9999-12-31T23:59:59Z"])
def test_an_absurd_time_does_not_end_the_stream(tmp_path: Path, ts: int | str) -> None:
    """An event whose time is rejected moves neither the watermark nor the end of the file: the
    judgements are those without it."""
    good = lines_of(stream(7, 400))
    replayed(good, tmp_path / "good")
    summary = replayed([*good[:50], raw(10_000, ts), *good[50:]], tmp_path / "bad")
    assert (
        files(tmp_path / "bad")["judgements.ndjson"]
        == files(tmp_path / "good")["judgements.ndjson"]
    )
    reasons = [reason for o in summary.outcomes for reason in o.by_reason]
    assert len(reasons) == 1


def test_an_empty_file_is_no_fault(tmp_path: Path) -> None:
    """Nothing in, nothing out; blank lines hold no record."""
    for name, lines in (("none", []), ("blank", [b"", b"  "])):
        summary = replayed(lines, tmp_path / name)
        assert summary.records == 0
        assert set(files(tmp_path / name).values()) == {b""}


def test_features_of_their_own_file_are_joined_in_time(tmp_path: Path) -> None:
    """Two files are two topics; windows close when both have passed, and count both."""
    one = model(inputs="[features, predictions]", estimators="{}")
    events = stream(8, 600, shift=2.0)
    (tmp_path / "f.ndjson").write_bytes(
        b"".join(orjson.dumps({**e, "score": None}) + b"\n" for e in events)
    )
    (tmp_path / "p.ndjson").write_bytes(
        b"".join(orjson.dumps({**e, "features": None}) + b"\n" for e in events[:300])
    )
    sources = [
        Source("features", tmp_path / "f.ndjson", one.spec),
        Source("predictions", tmp_path / "p.ndjson", one.spec),
    ]
    replay([one], sources, 2, tmp_path / "out")
    found = records(tmp_path / "out", "judgements")
    last = max(rfc3339_to_ms(j["end"]) for j in found)
    assert last <= events[299]["ts"]
    first = next(j for j in found if j["end"] == "2013-01-07T10:01:00Z")
    assert first["features"]["x"]["events"] + first["features"]["x"]["missing"] == 150
    assert first["operations"]["events_per_second"] == 150 / 60


def test_two_models_at_once_are_judged_as_alone(tmp_path: Path) -> None:
    """The files of two models through one core: each says what it says alone."""
    models = [model(), model_of(spec_text(name="n"))]
    sources = []
    for one, seed in zip(models, (9, 10), strict=True):
        path = tmp_path / f"{one.spec.model}.ndjson"
        events = [{**e, "model": one.spec.model} for e in stream(seed, 500, shift=2.0)]
        path.write_bytes(b"".join(line + b"\n" for line in lines_of(events)))
        sources.append(Source("predictions", path, one.spec))
        replay([one], [sources[-1]], 2, tmp_path / f"alone-{one.spec.model}")
    replay(models, sources, 2, tmp_path / "both")
    for one in models:
        alone = tmp_path / f"alone-{one.spec.model}"
        for topic in ("judgements", "alerts", "retraining-triggers"):
            both = [r for r in records(tmp_path / "both", topic) if r["model"] == one.spec.model]
            assert both == records(alone, topic)


def test_progress_counts_every_record(tmp_path: Path) -> None:
    """What is shown adds up to what was read."""
    path = tmp_path / "p.ndjson"
    path.write_bytes(b"".join(orjson.dumps(event(i, START + i)) + b"\n" for i in range(9_001)))
    told: list[int] = []
    source = Source("predictions", path, model().spec)
    summary = replay([model()], [source], 1, tmp_path / "out", told.append)
    assert sum(told) == summary.records == 9_001
    assert 0 < max(told) < 9_001
