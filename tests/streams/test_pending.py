"""What waits for labels in one partition: disk, topic, owners that come and go, and damage."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path

import pytest

from engine.pending_rows import NEVER_MS, Row, encode_row
from streams.pending_disk import Written, model_of
from streams.pending_records import claim_record, row_key
from streams.recovery import RestoreError, StaleOwnerError
from streams.snapshot_table import GivenUpError
from tests.streams.pending_stage import Stage

KEY = b"k" * 16
KEYS = ("00" * 16, "11" * 16, "22" * 16)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A new machine."""
    return Stage(tmp_path / "data")


def filled(stage: Stage) -> dict[str, bytes]:
    """Three entries, two of them confirmed, of which one has changed and one has gone since."""
    stage.begin()
    stage.put(KEYS[0], b"a")
    stage.put(KEYS[1], b"b")
    stage.checkpoint()
    stage.put(KEYS[0], None)
    stage.put(KEYS[1], b"B")
    stage.put(KEYS[2], b"c")
    stage.checkpoint(committed=False)
    return {KEYS[1]: b"B", KEYS[2]: b"c"}


def test_a_restart_goes_on_with_its_disk(stage: Stage) -> None:
    """Nothing is read from the topic, and what the disk did not have is in the snapshot."""
    truth = filled(stage)
    stage.die()
    stage.begin()
    assert stage.entries() == truth
    assert stage.live.pending_restores == 1  # the first life's, of an empty topic
    assert len(stage.store) == 2


@pytest.mark.parametrize("lives", [1, 2, 3])
def test_a_lost_disk_is_made_anew_from_the_topic(stage: Stage, lives: int) -> None:
    """Also when owners before it died without having written what they had restored."""
    truth = filled(stage)
    for _ in range(lives):
        stage.die()
        stage.data_dir.wipe_disk(0)
        stage.begin()
    assert stage.entries() == truth
    stage.checkpoint()
    stage.die()
    stage.data_dir.wipe_disk(0)
    stage.begin()
    assert stage.entries() == truth
    assert stage.live.pending_restore_seconds > 0


def test_the_topic_holds_one_row_per_entry_and_one_claim(stage: Stage) -> None:
    """Rows of owners before, ends of entries and older claims leave the topic."""
    truth = filled(stage)
    stage.die()
    stage.data_dir.wipe_disk(0)
    stage.begin()
    stage.checkpoint()
    stage.put(KEYS[1], b"BB")
    stage.checkpoint()
    latest = stage.topic.latest()
    assert sorted(latest) == sorted(
        [
            claim_record(2, fresh=False)[0],
            *(row_key(2, model_of("m@1", "layout"), bytes.fromhex(key)) for key in truth),
        ]
    )


@pytest.mark.parametrize("found", ["before", "after", "half"])
def test_a_late_writer_takes_nothing_away(stage: Stage, found: str) -> None:
    """What a worker that lost the partition still writes is void, before and after its successor
    has read the topic."""
    truth = filled(stage)
    lost, before = stage.pending, len(stage.topic.records)
    asyncio.run(lost.confirm())
    late = stage.topic.records[before:]
    del stage.topic.records[before:]
    lost.close()
    stage.data_dir.wipe_disk(0)
    early = {"before": len(late), "after": 0, "half": 2}[found]
    stage.topic.records += late[:early]
    stage.begin()
    stage.checkpoint()
    stage.put(KEYS[2], None)
    stage.checkpoint()
    stage.topic.records += late[early:]
    stage.die()
    stage.data_dir.wipe_disk(0)
    stage.begin()
    assert stage.entries() == {KEYS[1]: truth[KEYS[1]]}


def test_a_damaged_disk_is_told_and_made_anew(
    stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of every file is overwritten."""
    truth = filled(stage)
    stage.die()
    for file in (tmp_path / "data" / "pending-0").iterdir():
        file.write_bytes(b"\xff" * 50)
    with caplog.at_level(logging.WARNING):
        stage.begin()
    assert stage.entries() == truth
    assert "read from its topic again" in caplog.text
    assert stage.live.rebuilt == {"pending": 1}


@pytest.mark.parametrize("value", [b"junk", b"\x94\x09\xa1h\xc4\x00\x80"])
def test_a_disk_that_says_nonsense_of_itself_is_made_anew(stage: Stage, value: bytes) -> None:
    """No format of ours, or a later one."""
    truth = filled(stage)
    stage.die()
    kept = stage.data_dir.open_disk(0)
    kept.write({b"m": value}, ())
    kept.close()
    stage.begin()
    assert stage.entries() == truth
    assert stage.live.rebuilt == {"pending": 1}


def test_a_disk_of_another_group_is_refused(stage: Stage) -> None:
    """It is somebody's: it goes only where rebuilding was asked for."""
    truth = filled(stage)
    stage.die()
    stage.home = "elsewhere"
    with pytest.raises(RestoreError, match=r"waits for labels of here/0, not of elsewhere/0"):
        stage.begin()
    stage.die()
    stage.policy = "rebuild"
    stage.begin()
    assert stage.entries() == truth
    assert stage.live.rebuilt == {"pending": 1}


def test_a_topic_that_lost_rows_is_refused(stage: Stage) -> None:
    """The snapshot knows how many there were."""
    filled(stage)
    stage.checkpoint()
    stage.checkpoint()
    stage.die()
    stage.data_dir.wipe_disk(0)
    stage.topic.records.clear()
    with pytest.raises(RestoreError, match="was it deleted or truncated"):
        stage.begin()


def test_without_a_snapshot_all_begins_anew(stage: Stage) -> None:
    """What stands on disk and topic belongs to no state, and leaves both."""
    filled(stage)
    stage.die()
    stage.saved = None
    stage.begin()
    assert stage.entries() == {}
    assert [value for key, value in stage.topic.latest().items() if len(key) > 8] == []
    stage.put(KEYS[0], b"new")
    stage.checkpoint()
    stage.die()
    stage.data_dir.wipe_disk(0)
    stage.begin()
    assert stage.entries() == {KEYS[0]: b"new"}


def test_entries_of_a_layout_that_is_gone_leave(stage: Stage) -> None:
    """From disk and topic, once a commit shows that the group agrees."""
    filled(stage)
    asyncio.run(stage.pending.confirm())
    gone = model_of("m@1", "old")
    disk = stage.pending._disk
    assert disk is not None
    disk.write([(gone, KEY, Written(1, Row(5, 10, NEVER_MS, b"c")))], disk.holds)
    stage.topic.records.append((row_key(1, gone, KEY), encode_row(Row(5, 10, NEVER_MS, b"c"))))
    stage.checkpoint()
    assert disk.models() == {model_of("m@1", "layout")}
    assert row_key(1, gone, KEY) not in stage.topic.latest()


def test_a_later_owner_is_seen_in_the_topic(stage: Stage) -> None:
    """Who reads a claim above its own number has lost the partition."""
    filled(stage)
    stage.die()
    stage.data_dir.wipe_disk(0)
    stage.topic.records.append(claim_record(9, fresh=False))
    with pytest.raises(StaleOwnerError):
        stage.begin()


def test_what_was_given_up_writes_no_more(stage: Stage) -> None:
    """Neither the topic nor the disk."""
    filled(stage)
    stage.die()
    before = list(stage.topic.records)
    with pytest.raises(GivenUpError):
        asyncio.run(stage.pending.confirm())
    assert stage.topic.records == before


def test_the_disk_does_not_run_ahead_of_the_topic(stage: Stage) -> None:
    """What the brokers did not take is not on the disk either."""
    filled(stage)
    stage.topic.broken = True
    with pytest.raises(RuntimeError, match="away"):
        asyncio.run(stage.pending.confirm())
    disk = stage.pending._disk
    assert disk is not None
    assert disk.holds != hashlib.sha256(b"" if stage.saved is None else stage.saved.state).digest()
    assert disk.count(model_of("m@1", "layout")) == 2  # as the first checkpoint left it


def test_a_bound_holds_the_reader(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above it nothing more is to be read before some of it was written."""
    monkeypatch.setattr("streams.pending.MAX_OVERLAY_CHANGES", 1)
    filled(stage)
    assert stage.pending.is_full
    asyncio.run(stage.pending.confirm())
    assert not stage.pending.is_full


def test_a_store_made_later_is_of_the_open_disk(stage: Stage) -> None:
    """A version learned while the worker runs: what is confirmed is read back from the disk, and
    is not taken for rows of a model that is gone."""
    stage.begin()
    stage.store = stage.pending.store("m@2", "layout", 1_000)  # type: ignore[assignment]
    assert len(stage.store) == 0
    stage.put(KEYS[0], b"a")
    stage.checkpoint()
    stage.put(KEYS[1], b"b")
    stage.checkpoint()
    assert len(stage.store) == 2
    assert all(entry is not None for entry in stage.store.get_many(KEYS[:2]))


def test_rows_of_a_version_that_was_let_go_leave_with_the_next_cut(stage: Stage) -> None:
    """Not before: a restart from the snapshot before still wants them."""
    stage.begin()
    stage.put(KEYS[0], b"a")
    stage.checkpoint()
    gone, stage.store = stage.store, stage.pending.store("m@2", "layout", 1_000)  # type: ignore[assignment]
    stage.put(KEYS[1], b"b")
    stage.checkpoint()
    stage.pending.forget("m@1", "layout")
    asyncio.run(stage.pending.confirm())
    assert len(gone) == 1
    stage.checkpoint()
    assert len(gone) == 0
    assert stage.pending.entries == len(stage.store) == 1
    rows = [key for key in stage.topic.latest() if key.endswith(bytes.fromhex(KEYS[0]))]
    assert not rows, "the topic lets them go as well"


def test_a_version_that_comes_back_before_the_cut_keeps_its_store(stage: Stage) -> None:
    """It was let go and registered again: what it counts from now on is confirmed."""
    stage.begin()
    stage.pending.forget("m@1", "layout")
    stage.store = stage.pending.store("m@1", "layout", 1_000)  # type: ignore[assignment]
    stage.put(KEYS[0], b"a")
    stage.checkpoint()
    stage.checkpoint()
    assert len(stage.store) == 1
