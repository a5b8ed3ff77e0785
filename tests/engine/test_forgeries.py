"""What an intruder may put onto the internal topic, or a careless producer onto an input one."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from engine.judge import JUDGED_AT_ONCE, Judge
from engine.panes import AlarmRow, Mark, PaneError, PaneRecord, decode, encode, pack
from engine.tally import Tally
from tests.engine.models import HOUR, START, batch, beat, model_of, raw, spec_text, trees


def records() -> tuple[PaneRecord, Mark, Judge]:
    """A pane and its mark as a tally wrote them, and a judge that has seen neither."""
    model = model_of(spec_text())
    tally = Tally(0, 1, [model])
    tally.accept(batch([raw(i, START + i) for i in range(10)]))
    pane, mark = (decode(effect.value or b"") for effect in tally.flush())
    assert isinstance(pane, PaneRecord)
    assert isinstance(mark, Mark)
    return pane, mark, Judge(model, 1)


@pytest.mark.parametrize("start_ms", [2**60 // 10_000 * 10_000, -10_000])
def test_a_pane_outside_time_is_refused(start_ms: int) -> None:
    """It could never be written as a time."""
    pane, _, judge = records()
    with pytest.raises(PaneError):
        judge.accept(encode(msgspec.structs.replace(pane, start_ms=start_ms)))


@pytest.mark.parametrize("count", [-5, 2**62])
def test_impossible_counts_are_refused(count: int) -> None:
    """Negative ones, and those whose sum would overflow."""
    pane, _, judge = records()
    counts = np.full(judge.model.layout.size, count, dtype=np.int64)
    with pytest.raises(PaneError):
        judge.accept(encode(msgspec.structs.replace(pane, on_time=pack(counts))))


@pytest.mark.parametrize(
    "rows",
    [
        [AlarmRow(99, 1, START, 0.1, 0.2)],
        [AlarmRow(1, 1, START, 0.1, 0.2), AlarmRow(0, 1, START, 0.1, 0.2)],
        [AlarmRow(0, 1, START, 0.1, 0.2)] * 2,
        [AlarmRow(0, 0, START, 0.1, 0.2)],
        [AlarmRow(0, 1, START + HOUR, 0.1, 0.2)],
    ],
)
def test_impossible_alarms_are_refused(rows: list[AlarmRow]) -> None:
    """Of pairs that there are not, out of order, twice, before any loss, or outside their pane."""
    label = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m}"
    model = model_of(spec_text(inputs="[predictions, labels]", label=label))
    counts = pack(np.zeros(model.planes[1].size, dtype=np.int64))
    good = PaneRecord(model.key, model.layout.hash, 0, (1, 0, 1), START, counts, None, 1)
    judge = Judge(model, 1)
    with pytest.raises(PaneError, match="alarm"):
        judge.accept(encode(msgspec.structs.replace(good, alarms=tuple(rows))))
    sound = (AlarmRow(0, 1, START, 0.1, 0.2), AlarmRow(2, 5, START + 9, 0.1, 0.2))
    judge.accept(encode(msgspec.structs.replace(good, alarms=sound)))
    assert Judge(model, 1, resume=judge.snapshot()).snapshot() == judge.snapshot()


def test_alarms_of_a_plane_without_losses_are_refused() -> None:
    """Only one plane has them."""
    pane, _, judge = records()
    forged = msgspec.structs.replace(pane, alarms=(AlarmRow(0, 1, pane.start_ms, 0.1, 0.2),))
    with pytest.raises(PaneError, match="alarms"):
        judge.accept(encode(forged))


@pytest.mark.parametrize("watermark", [2**62, -1])
def test_a_watermark_outside_time_is_refused(watermark: int) -> None:
    """It would carry event time away for good."""
    _, mark, judge = records()
    forged = msgspec.structs.replace(mark, watermarks_ms={"predictions": watermark})
    with pytest.raises(PaneError):
        judge.accept(encode(forged))
    assert judge.clock_ms is None


def test_a_record_without_key_and_value_has_a_dead_letter_that_can_be_sent() -> None:
    """A tombstone without a key: clients refuse to send neither key nor value."""
    tally = Tally(0, 1, [model_of(spec_text())])
    (letter,) = tally.accept(batch([None]))
    assert (letter.key, letter.value) == (None, b"")
    assert ("longshore.value-was", b"null") in letter.headers


def test_a_large_record_without_key_has_a_dead_letter_that_can_be_sent() -> None:
    """Its bytes are left out."""
    tally = Tally(0, 1, [model_of(spec_text())])
    (letter,) = tally.accept(batch([b"x" * 9_000_000]))
    assert letter.value == b""
    assert ("longshore.value-was", b"left out") in letter.headers


def test_a_long_due_list_is_done_in_parts() -> None:
    """A jump of event time over many windows leaves room for other duties, and the parts are the
    whole."""
    model = model_of(spec_text())
    tally = Tally(0, 1, [model])
    values = [raw(i, START + i * 10_000) for i in range(360)]
    tally.accept(batch([*values, beat(START + 3 * HOUR)]))
    panes = [effect.value or b"" for effect in tally.flush()]
    whole, parted = Judge(model, 1), Judge(model, 1)
    expected = [effect for pane in panes for effect in whole.accept(pane)]
    found, most = [], 0
    for pane in panes:
        some = parted.begin(pane)
        found += some
        while parted.behind:
            some = parted.go_on()
            most = max(most, len(trees(some, "judgements")))
            found += some
    assert found == expected
    assert 0 < most <= JUDGED_AT_ONCE < len(trees(expected, "judgements"))
    assert parted.clock_ms == whole.clock_ms
