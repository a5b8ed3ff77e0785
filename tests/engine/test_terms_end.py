"""Where a term ends, nothing depends on how event time came there, nor on who had heard of it."""

from __future__ import annotations

from typing import Final

import pytest

from engine.champion.judge import ComparisonJudge
from engine.judge import Judge
from engine.panes import Mark, TermRecord, decode, encode
from engine.pipeline import Pipeline
from engine.tally import Tally
from engine.terms import FOR_EVER, Term, kept_ms, term_of_both
from tests.engine.champion.worlds import comparison_of, versions
from tests.engine.models import MINUTE, START, batch, beat, pieces
from tests.engine.test_take_over import AT, FIRST, MODELS, SECOND_ONE, TERMS, by_version, log

END: Final = batch([beat(START + 16 * MINUTE)], first=1_800)
BACK: Final = {
    "m@v1": Term(START + 14 * MINUTE, None, "", 7),
    "m@v2": Term(AT, START + 14 * MINUTE, "v1", 7),
}


def told(steps: int) -> dict[str, dict[str, list[bytes]]]:
    """What both versions say, the clock going from the last event to the end in so many steps."""
    pipeline = Pipeline(MODELS, 1)
    out = pipeline.learn(MODELS, TERMS)
    for one in pieces(log(), range(0, 1_800, 300)):
        out += pipeline.accept(one)
        out += pipeline.flush()
    for step in range(1, steps + 1):
        ts = START + 12 * MINUTE + step * 4 * MINUTE // steps
        out += pipeline.accept(batch([beat(ts)], first=1_799 + step))
        out += pipeline.flush()
    assert pipeline.judges["m@v1"].is_over
    return by_version(out)


@pytest.mark.parametrize("steps", [2, 7, 60])
def test_windows_end_where_the_term_does_however_far_the_clock_leaps(steps: int) -> None:
    """One leap behind the end judges no window more than small steps do."""
    assert told(steps) == told(1)
    ends = [value for value in told(1)["v1"]["judgements"] if b'"window":"1m"' in value]
    assert ends


def ended() -> Tally:
    """A tally that has let the first version go."""
    tally = Tally(0, 1, MODELS, terms=TERMS)
    tally.accept(log())
    tally.flush()
    tally.accept(END)
    tally.flush()
    assert "m@v1" not in tally.watermarks_ms()
    return tally


def test_who_has_not_heard_of_the_take_over_revives_nothing() -> None:
    """A worker that took the partition over may know less than the one before it."""
    saved = ended().snapshot()
    unaware = Tally(0, 1, [FIRST], resume=saved)
    assert "m@v1" not in unaware.watermarks_ms()
    again = Tally(0, 1, MODELS, resume=unaware.snapshot(), terms=TERMS)
    assert again.watermarks_ms().keys() == {"m@v2"}


@pytest.mark.parametrize("until", [None, START + 30 * MINUTE])
def test_a_newer_registration_brings_a_version_back(until: int | None) -> None:
    """Also where it is followed by another one again."""
    terms = BACK | {"m@v1": Term(START + 14 * MINUTE, until, "", 7)}
    tally = ended()
    tally.learn(MODELS, terms)
    assert tally.watermarks_ms().keys() == {"m@v1", "m@v2"}
    again = Tally(0, 1, MODELS, resume=ended().snapshot(), terms=terms)
    assert again.watermarks_ms().keys() == {"m@v1", "m@v2"}


def test_a_term_stands_before_the_first_mark_that_knows_it() -> None:
    """Once a life of a tally, and again when it changes."""
    tally = Tally(0, 1, [FIRST])
    whole = log()
    first, second = pieces(whole, [400])
    tally.accept(first)
    assert not any(isinstance(decode(e.value or b""), TermRecord) for e in tally.flush())
    tally.learn(MODELS, TERMS)
    tally.accept(second)
    records = [decode(effect.value or b"") for effect in tally.flush()]
    for key, term in TERMS.items():
        kinds = [type(record) for record in records if record.target == key]
        assert kinds.index(TermRecord) < kinds.index(Mark)
        assert TermRecord(key, term) in records
    tally.accept(END)
    assert not any(isinstance(decode(e.value or b""), TermRecord) for e in tally.flush())


def test_a_term_that_is_heard_of_behind_its_end_is_over_at_once() -> None:
    """No mark may come any more."""
    judge = Judge(FIRST, 1)
    tally = Tally(0, 1, [FIRST, SECOND_ONE])
    for one in (log(), END):
        tally.accept(one)
        for effect in tally.flush():
            if decode(effect.value or b"").target == "m@v1":
                judge.accept(effect.value or b"")
    assert not judge.is_over
    judge.accept(encode(TermRecord("m@v1", TERMS["m@v1"])))
    assert judge.is_over


def test_a_comparison_goes_on_while_both_of_its_versions_serve() -> None:
    """Its term ends with the first of them, is told to its judge, and is in its snapshot."""
    ends = [Term(None, 9, "v3", 4), Term(5, 7, "", 4), FOR_EVER]
    assert term_of_both(ends) == Term(None, 7, "", 4)
    assert term_of_both([FOR_EVER, FOR_EVER]) == FOR_EVER
    assert term_of_both([Term(None, None, "", 9), Term(5, None, "", 9)]) == Term(stamp=9)
    models = versions()
    comparison = comparison_of(models)
    judge = ComparisonJudge(comparison, 1)
    term = Term(None, START, "", 3)
    judge.accept(encode(TermRecord(comparison.key, term)))
    judge.accept(encode(TermRecord(comparison.key, Term(None, START + 1, "", 2))))
    again = ComparisonJudge(comparison, 1, resume=judge.snapshot())
    assert again.state.term == judge.state.term == term
    tally = Tally(0, 1, models, terms={"m@v1": term})
    end_ms = START + kept_ms(comparison.spec)
    for at, ts in enumerate(range(START, end_ms + 10 * MINUTE, 10_000)):
        for topic in ("predictions", "labels"):
            tally.accept(batch([beat(ts)], first=at, topic=topic))  # type: ignore[arg-type]
        for effect in tally.flush():
            if decode(effect.value or b"").target == comparison.key:
                again.accept(effect.value or b"")
    assert tally.watermarks_ms().keys() == {"m@v2"}
    assert [flow.clock_ms for flow in again.flows.values()] == [
        end_ms - (flow.plane.maturity_ms or 0) for flow in again.flows.values()
    ]
