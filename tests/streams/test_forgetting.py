"""Snapshots of judges that are no more: deleted, or kept within a bound; and snapshots that cannot
be what they say are refused."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine.snapshot import Snapshot, SnapshotError
from streams.benches import PANES, judge_name
from streams.core import EngineCore
from streams.forgetting import FORGOTTEN_AT_ONCE, MAX_ABSENT_JUDGES
from streams.learning import Learning
from streams.recovery import RestoreError
from streams.snapshot_table import Name
from streams.snapshots import Owner, Shelf, head_key, piece_keys
from tests.engine.models import model_of, spec_text
from tests.streams.test_judges_anew import LOG, MODELS, Life, saved
from tests.streams.test_snapshots import newest, piece, written


def learning(life: Life, core: Any = None, registrar: Any = None) -> Learning:  # noqa: ANN401
    """What brings registrations to the judges of a life; nobody counts in it."""

    async def learn(_: object) -> None:
        """No tally."""

    tallying: Any = SimpleNamespace(learn=learn, before=None)
    letters = SimpleNamespace(live=life.live, letters=lambda *_: [])
    outbox = SimpleNamespace(begin=_nothing, deliver=_nothing)
    return Learning(
        core or life.judging._core,
        1,
        registrar or cast("Any", letters),
        tallying,
        life.judging,
        life.table,
        cast("Any", outbox),
    )


async def _nothing(_: object) -> list[Any]:
    return []


def test_a_version_that_is_forgotten_leaves_nothing() -> None:
    """When it is gone from the models and its partition was saved without it, all its keys are."""

    async def main() -> None:
        records: dict[bytes, bytes] = {}
        await saved(records)
        life = Life(records, 2, MODELS)
        life.table._partitions.update(dict.fromkeys(records, 0))
        await life.take_up()
        await life.read_to(len(LOG))
        await life.judging.checkpoint()
        assert any(key.startswith(b"judge/m@2/") for key in records)
        life.core.names = MODELS[:1]
        await learning(life).apply(life.recovery)
        assert any(key.startswith(b"judge/m@2/") for key in records), "its partition lists it yet"
        await life.judging.checkpoint()
        assert not any(key.startswith(b"judge/m@2/") for key in records)
        assert any(key.startswith(b"judge/m@1/") for key in records)

    asyncio.run(main())


def test_snapshots_of_judges_that_nobody_is_told_of_are_bounded() -> None:
    """A hundred are kept, those that were saved last; the rest goes a few at each checkpoint."""

    async def main() -> None:
        records: dict[bytes, bytes] = {}
        life = Life(records, 2, MODELS)
        for number in range(MAX_ABSENT_JUDGES + FORGOTTEN_AT_ONCE + 3):
            name = Name(judge_name(f"m@old {number:03}"), 0, number + 1, Owner("g", 1))
            await life.table.write(name, {PANES: 1}, Snapshot(b"old"))
        await life.take_up()
        await life.judging.checkpoint()
        assert absent(records) == MAX_ABSENT_JUDGES + 3
        await life.judging.checkpoint()
        assert absent(records) == MAX_ABSENT_JUDGES
        assert head_key(judge_name("m@old 018"), 19) not in records
        assert head_key(judge_name("m@old 019"), 20) in records
        await life.judging.checkpoint()
        assert absent(records) == MAX_ABSENT_JUDGES

    asyncio.run(main())


def absent(records: dict[bytes, bytes]) -> int:
    """How many judges that nobody is told of are kept."""
    return sum(name.startswith("judge/m@old") for name in Shelf(records).names("judge"))


def test_a_piece_that_is_another_one_is_refused() -> None:
    """By its hash, when it is read back."""
    records: dict[bytes, bytes] = dict(written(b"state", pieces=piece(b"counts")))  # type: ignore[arg-type]
    (digest,) = piece(b"counts")
    (key,) = piece_keys("tally/0", 1, digest, 1)
    assert newest(records) is not None
    records[key] = b"cOunts"
    with pytest.raises(SnapshotError, match=f"piece {digest.hex()[:16]} does not match its hash"):
        newest(records)


def test_a_head_in_another_partition_is_refused() -> None:
    """Nobody who holds the judge's partition can have written it there."""

    async def main() -> None:
        records: dict[bytes, bytes] = {}
        await saved(records)
        for policy, refused in (("refuse", True), ("rebuild", False)):
            life = Life(records, 2, MODELS, cast("Any", policy))
            homes = life.table._partitions
            homes |= dict.fromkeys(records, 0)
            life.table.look()
            strayed = head_key(judge_name(MODELS[1]), life.table.newest(judge_name(MODELS[1])) or 0)
            homes[strayed] = 3
            await life.take_up()
            if not refused:
                life.recovery.conclude()
                assert life.told(MODELS[1]) == []
                assert life.judging.needed() == {(PANES, 0): 0}
                continue
            with pytest.raises(RestoreError, match="its head lies in partition 3, it is of 0"):
                life.recovery.conclude()

    asyncio.run(main())


def test_who_serves_by_a_registration_that_is_gone_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A judge that knows a newer term than all that was read goes on by it, and the log says so."""
    models = [model_of(spec_text(version="v1")), model_of(spec_text(version="v2"))]
    core = EngineCore(models, 1)
    from engine.terms import Term  # noqa: PLC0415

    core.learn(models, {"m@v1": Term(None, 10, "v2", 500), "m@v2": Term(10, None, "", 500)})
    judge = core.judge("m@v1", None)
    assert core.untold_term("m@v1", judge) is None
    core.learn(models, {"m@v1": Term(stamp=3)})
    assert core.untold_term("m@v1", judge) is None
    assert core.is_outdated("m@v1", judge)
    bench: Any = SimpleNamespace(seats={"m@v1": SimpleNamespace(judge=judge)})
    told = learning(Life({}, 1, MODELS), core)
    with caplog.at_level(logging.WARNING, "longshore.worker"):
        for _ in range(3):
            told._warn_of_outdated(bench)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("m@v1 serves by a registration that is newer than all")
