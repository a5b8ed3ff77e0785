"""What of registered versions must last, and what must not: stamps over a topic that was made anew,
versions that ended, records that strayed, records that were torn or compacted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model import MonitoredModel
from engine.profile import encode_profile
from engine.tenure import Tenure
from streams.control import ControlRecord
from streams.model_records import decode_head, encode_head, head_key, home_of, part_keys, retired
from streams.model_register import ModelRegister, build_version
from streams.snapshots import Record
from tests.engine.models import model_of, spec_text
from tests.streams.test_model_register import at, records, taken
from tests.thoroughness import examples

T0 = 1_700_000_000_000
HOUR = 3_600_000


FILE = model_of(spec_text(version="v0"))


@cache
def version(name: str, effective_from_ms: int | None = T0) -> list[Record]:
    """The records of a version of ``m``, head last."""
    return records(*content(name), name, effective_from_ms)


@cache
def content(name: str) -> tuple[str, bytes]:
    """Its spec and profile."""
    text = spec_text(version=name)
    return text, encode_profile(model_of(text).profile)


@pytest.fixture(autouse=True, scope="module")
def _built_once() -> Iterator[None]:
    """Equal content is built once in this file."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("streams.model_register.build_version", cache(build_version))
        yield


def read(
    register: ModelRegister, written: Sequence[Record], *times_ms: int, first: int = 0
) -> None:
    """Take records that were appended then, the last time being that of all further ones."""
    for number, record in enumerate(written):
        time_ms = times_ms[min(number, len(times_ms) - 1)]
        assert register.take(at(first + number, record, time_ms)) is None
    assert register.settle() == []


def test_a_topic_that_was_made_anew_is_heard() -> None:
    """It begins at offset 0 again, and its registrations outrank all that judges know."""
    first = model_of(spec_text(version="v1"))
    old = ModelRegister([first])
    read(old, version("v2", T0), T0, first=5_000)
    tenure = Tenure()
    assert tenure.take(old.terms()["m@v1"])
    new = ModelRegister([first])
    read(new, version("v3", T0 + 9 * HOUR), T0 + HOUR)
    assert tenure.take(new.terms()["m@v1"])
    assert (tenure.term.successor, tenure.term.until_ms) == ("v3", T0 + 9 * HOUR)


def test_stamps_rise_with_the_log_whatever_clocks_say() -> None:
    """Registrars whose clocks go back, or that say none, never outdate what came before."""
    register, found = ModelRegister(), []
    for number, time_ms in enumerate((T0, T0 - HOUR, -1, T0, T0 + 2, 1 << 62)):
        read(register, version("v2", T0 + number), time_ms, first=100 * number)
        found.append(register.terms()["m@v2"].stamp)
    assert all(before < after for before, after in pairwise(found)), found
    assert found[0] == T0


def test_a_record_of_another_partition_is_refused() -> None:
    """Of two partitions nobody could say which head is the newer one."""
    register = ModelRegister(partitions=lambda: 4)
    stray = (home_of("m", 4) + 1) % 4
    told = [register.take(at(n, each, partition=stray)) for n, each in enumerate(version("v2"))]
    assert {refusal.reason for refusal in told if refusal} == {"other_partition"}
    assert f"partition {stray}" in told[-1].text  # type: ignore[union-attr]
    register.settle()
    assert register.models() == []
    home = home_of("m", 4)
    assert not any(register.take(at(n, r, partition=home)) for n, r in enumerate(version("v2")))
    register.settle()
    assert [model.key for model in register.models()] == ["m@v2"]


def test_versions_that_ended_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two may serve: a third is refused, one that takes over from another is not, nor one for which
    another was retired."""
    monkeypatch.setattr("streams.model_register.MAX_MODELS", 2)
    register = ModelRegister()
    for number in range(5):
        assert taken(register, version(f"v{number}", T0 + number), 100 * number) == []
    assert len(register.models()) == 5
    assert taken(register, version("beside", None), 1_000) == []
    assert taken(register, version("further", None), 2_000) == ["too_many"]
    head = decode_head("m", "beside", version("beside", None)[-1][1] or b"")
    assert taken(register, [encode_head(retired(head, None))], 3_000) == []
    assert taken(register, version("further", None), 4_000) == []


def test_of_versions_that_ended_the_last_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the topic at once and whoever followed it know the same; the terms of those
    that stay do not change; one that is to serve again is known again."""
    monkeypatch.setattr("streams.model_register.MAX_ENDED_VERSIONS", 2)
    monkeypatch.setattr("streams.model_register.MAX_UNBUILT", 4)
    log = [r for number in range(6) for r in version(f"v{number}", T0 + number)]
    followed, at_once = ModelRegister(), ModelRegister()
    for number in range(6):
        written = version(f"v{number}", T0 + number)
        assert taken(followed, written, number * len(written)) == []
    assert taken(at_once, log) == []
    for register in (followed, at_once):
        assert [model.key for model in register.models()] == ["m@v3", "m@v4", "m@v5"]
        assert register.terms()["m@v3"].until_ms == T0 + 4
        assert register.terms()["m@v0"].successor == "v1"
        again = version("v0", T0 + 9)
        assert taken(register, again[-1:], 1_000) == ["too_many"], "nobody has its content"
        assert taken(register, again, 2_000) == []
        assert [model.key for model in register.models()] == ["m@v0", "m@v4", "m@v5"]


# -- torn and compacted ---------------------------------------------------------------------------

Step = Callable[[], list[Record]]
STEPS: dict[str, Step] = {
    "v1": lambda: version("v1", T0),
    "v2": lambda: version("v2", T0 + HOUR),
    "v2 later": lambda: version("v2", T0 + 3 * HOUR),
    "v3": lambda: version("v3", T0 + 2 * HOUR),
    "retire v1": lambda: [encode_head(retired(head_of("v1", T0), T0 + HOUR // 2))],
    "retire v2": lambda: [encode_head(retired(head_of("v2", T0 + HOUR), None))],
    "forget v3": lambda: [
        (head_key("m", "v3"), None),
        *((key, None) for key in part_keys(head_of("v3", T0 + 2 * HOUR))),
    ],
}


def head_of(name: str, from_ms: int):  # noqa: ANN201 - a head
    """As it was registered."""
    return decode_head("m", name, version(name, from_ms)[-1][1] or b"")


def compacted(log: Sequence[ControlRecord], upto: int) -> list[ControlRecord]:
    """What brokers may have left of the log: of each key the newest below ``upto``, with or without
    the tombstones, and all behind."""
    newest = {record.key: record.offset for record in log[:upto]}
    return [r for r in log if r.offset >= upto or newest[r.key] == r.offset]


Terms = dict[str, tuple[object, ...]]


def known(log: Sequence[ControlRecord]) -> tuple[list[MonitoredModel], Terms]:
    """Models and terms of who reads this, without stamps."""
    register = ModelRegister([FILE])
    for record in log:
        register.take(record)
    register.settle()
    terms = {key: (t.from_ms, t.until_ms, t.successor) for key, t in register.terms().items()}
    return register.models(), terms


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=7),
    st.floats(0.0, 1.0),
    st.sampled_from(["tombstones", "none"]),
    st.lists(st.integers(0, 10**6), max_size=3),
)
def test_what_is_torn_or_compacted_says_the_same_or_nothing(
    names: list[str], share: float, tombs: str, lost: list[int]
) -> None:
    """A log that was compacted up to anywhere gives the versions and terms of the whole one; where
    parts were lost a version is there as it was registered, or is not there at all."""
    log: list[ControlRecord] = []
    for name in names:
        for record in STEPS[name]():
            log.append(at(len(log), record, T0 + len(log)))
    whole = known(log)
    left = compacted(log, round(share * len(log)))
    if tombs == "none":
        left = [r for r in left if r.value is not None or r.offset >= round(share * len(log))]
    assert known(left) == whole
    parts = [r for r in left if r.key and r.key.count(b"/") > 1]
    for number in lost:
        if parts and (torn := parts[number % len(parts)]) in left:
            left.remove(torn)
    models, terms = known(left)
    assert {m.key for m in models} <= {m.key for m in whole[0]} | {"m@v1", "m@v2", "m@v3"}
    for model in models:
        due = build_version(*content(model.spec.version))
        assert (model.policy_hash, model.profile.hash) == (due.policy_hash, due.profile.hash)
    assert terms.keys() == {model.key for model in models}


@pytest.mark.parametrize("files", [[], [FILE]], ids=["topic only", "a version in files"])
def test_who_was_let_go_still_has_a_term_where_there_is_room_again(
    files: list[MonitoredModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version that had ended is deleted, or taken back, while a worker runs: the terms are
    those of who reads the topic then, also where the content of one is gone, and that is told only
    where it is to serve again or otherwise."""
    monkeypatch.setattr("streams.model_register.MAX_ENDED_VERSIONS", 2)
    steps = [version(f"v{number}", T0 + number * HOUR) for number in range(1, 6)]
    quiet: list[Record] = [(head_key("m", "v4"), None)]
    moved: list[Record] = [(head_key("m", "v3"), None), (head_key("m", "v5"), None)]
    followed, log, told = ModelRegister(files), list[Record](), list[list[str]]()
    for step in (*steps, quiet, moved):
        told.append(taken(followed, step, len(log)))
        log += step
        at_once = ModelRegister(files)
        assert taken(at_once, log) == []
        terms = at_once.terms()
        assert {key: term.until_ms for key, term in followed.terms().items()} == {
            key: term.until_ms for key, term in terms.items()
        }
    assert terms["m@v1"].until_ms == T0 + 2 * HOUR
    assert told[-2:] == [[], ["too_many"]], "the second one is to serve on"
    assert taken(followed, [], len(log)) == [], "told once"
    assert taken(followed, version("v2", T0 + 2 * HOUR), len(log)) == []
    assert "m@v2" in {model.key for model in followed.models()}
