"""Dead letters: where the record came from, by role in the core and by name on the broker."""

from __future__ import annotations

from engine.dead_letters import carry, with_origin
from engine.records import RecordBatch

ORIGIN = "__connect.errors.topic"


def test_only_our_own_origin_gets_the_brokers_name() -> None:
    """A record that was a dead letter before keeps what its headers said; ours comes last."""
    before = [(ORIGIN, b"elsewhere"), ("trace", None)]
    batch = RecordBatch("predictions", 2, [7], [-1], [b"k"], [b"{"], [before])
    letter = carry(batch, 0, "dead-letters", "malformed_json")
    assert [value for name, value in letter.headers if name == ORIGIN] == [
        b"elsewhere",
        b"predictions",
    ]
    named = with_origin(letter.headers, lambda role: f"team-a.{role}")
    assert [(name, value) for name, value in named if name != ORIGIN] == [
        (name, value) for name, value in letter.headers if name != ORIGIN
    ]
    assert [value for name, value in named if name == ORIGIN] == [
        b"elsewhere",
        b"team-a.predictions",
    ]


def test_records_of_our_own_have_no_origin() -> None:
    """Nothing is added to what was not carried over."""
    assert with_origin((), str.upper) == ()
    assert with_origin((("reason", b"bad"),), str.upper) == (("reason", b"bad"),)
