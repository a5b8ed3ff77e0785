"""Distinct users: the same set whatever the order, a fair sample above the bound, no forgeries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.champion.users import (
    MAX_LOOK_USERS,
    Users,
    digests_of,
    refuse_impossible_users,
    union_of,
    unpack_users,
)
from engine.panes import PaneError

SALT = b"one comparison"
ROOM = 16
Seen = Sequence[tuple[int, int]]
seen = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 1)), max_size=80)


def users_of(events: Seen, room: int = ROOM) -> Users:
    """The set of (user, arm)."""
    found = Users(room)
    add(found, events)
    return found


def add(users: Users, events: Seen) -> None:
    """One batch of them."""
    names = [f"u{user}" for user, _ in events]
    arms = np.array([arm for _, arm in events], dtype=np.int64)
    users.add(digests_of(names, SALT, len(names)), arms)


def plain(events: Seen, room: int = ROOM) -> tuple[int, int, int, int]:
    """The counts once more: champion, challenger, both, level."""
    arms: dict[int, set[int]] = {}
    for user, arm in events:
        digest = int(digests_of([f"u{user}"], SALT, 1)[0])
        arms.setdefault(digest, set()).add(arm)
    level = 0
    while len(kept := [d for d in arms if d % 2**level == 0]) > room:
        level += 1
    told = [arms[digest] for digest in kept]
    return told.count({0}), told.count({1}), told.count({0, 1}), level


@given(events=seen, cuts=st.lists(st.integers(0, 80), max_size=5), order=st.randoms())
def test_any_cut_and_order_is_the_plain_set(events: Seen, cuts: list[int], order: object) -> None:
    """Batches, partitions and their order change no byte, and the counts are those of a dict."""
    whole = users_of(events)
    assert whole.counts()[:4] == plain(events)
    batched = Users(ROOM)
    edges = [0, *sorted(cuts), len(events)]
    parts = [events[a:b] for a, b in pairwise(edges)]
    for part in parts:
        add(batched, part)
    assert batched.pack() == whole.pack()
    packed = [users_of(part).pack() for part in parts]
    order.shuffle(packed)  # type: ignore[attr-defined]
    assert union_of(packed, ROOM, ROOM).pack() == whole.pack()
    assert unpack_users(whole.pack(), ROOM).pack() == whole.pack()


def test_a_crowd_is_a_fair_sample_of_users() -> None:
    """20,000 users, one in five with the challenger, heavy ones among them: between half of the
    room and all of it are kept, with that ratio, and as many of all as the level says."""
    random = np.random.default_rng(3)
    arms = (random.random(20_000) < 0.2).astype(int)
    events = [(user, int(arms[user])) for user in range(20_000)]
    events += [(user, int(arms[user])) for user in range(100) for _ in range(50)]
    champion, challenger, both, level, unknown = users_of(events, 2_048).counts()
    assert (both, unknown) == (0, 0)
    assert 1_024 < champion + challenger <= 2_048
    assert challenger / (champion + challenger) == pytest.approx(0.2, abs=0.03)
    assert (champion + challenger) * 2**level == pytest.approx(20_000, rel=0.1)


def test_who_is_unknown_is_counted_and_another_salt_is_other_digests() -> None:
    """Nothing, an empty text and a number are no user."""
    found = digests_of([None, "", 7, "a", "\ud800"], SALT, 5)
    assert (found > 0).tolist() == [False, False, False, True, True]
    users = Users(ROOM)
    users.add(found, np.zeros(5, dtype=np.int64))
    assert users.counts() == (2, 0, 0, 0, 3)
    assert digests_of(["a"], b"another", 1)[0] != found[3]
    assert not digests_of(None, SALT, 3).any()
    assert b"a" * 9 not in users_of([(1, 0)]).pack()


def test_what_no_tally_makes_is_refused() -> None:
    """Damage, a set above its bound, digests out of order, of another level or none, arms that
    there are not; and users where nobody asks for them."""
    good = users_of([(1, 0), (2, 1), (3, 0)]).pack()
    level, unknown, digests, arms = msgspec.msgpack.decode(good)
    forged = [
        (level, unknown, digests[8:] + digests[:8], arms),
        (level, unknown, digests[:-1], arms),
        (level, unknown, digests, arms[:-1]),
        (level, unknown, digests, b"\x00" + arms[1:]),
        (level, unknown, digests, b"\x04" + arms[1:]),
        (level, -1, digests, arms),
        (99, unknown, digests, arms),
        (40, unknown, digests, arms),
        (level, unknown, bytes(8) + digests[8:], arms),
    ]
    for each in [b"", b"\xff", *map(msgspec.msgpack.encode, forged)]:
        with pytest.raises(PaneError):
            unpack_users(each, ROOM)
    with pytest.raises(PaneError, match="a set of 3 users"):
        unpack_users(good, 2)
    with pytest.raises(PaneError, match="no split"):
        refuse_impossible_users(good, told=False)
    refuse_impossible_users(good, told=True)
    refuse_impossible_users(b"", told=False)
    assert users_of([(u, 0) for u in range(1, 200)], MAX_LOOK_USERS).counts()[0] == 199
