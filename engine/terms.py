"""From when until when a version of a model serves: what registrations add up to.

Rule.  A version that is registered with an ``effective_from`` takes over then from every version of
its model that serves: those given in files, unless their inventory calls them shadow or
development, and those that took over before.  A version without one is watched beside the others,
takes over from nobody and is taken over by nobody.  A version that is retired serves no longer than
that, whoever follows.  Terms are a function of the set of registrations, never of the order in
which they came.

Theory.  Times are event time.  Of a window's data a version answers for what lies within its term:
rules examine the windows that begin not before it and end not after it; the others are judged like
any, because counts and judgements must not depend on when somebody registered something.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from engine.snapshot import Whole
from engine.spec import Spec

BESIDE: Final = frozenset({"shadow", "development"})
"""Statuses in the inventory of versions that serve nobody, so that nobody takes over from them."""


class Term(msgspec.Struct, frozen=True, array_like=True):
    """From when until when a version serves, event time."""

    from_ms: Whole | None = None
    """None: since ever, or never by itself (a version beside the others)."""
    until_ms: Whole | None = None
    """None: it serves still."""
    successor: str = ""
    """The version that takes over at ``until_ms``; empty where it was retired."""
    stamp: Whole = 0
    """Of the newest registration that it follows from, when it was appended (ms); a term of a lower
    one says nothing."""

    def covers(self, start_ms: int, end_ms: int) -> bool:
        """Whether all of [start, end) lies within it."""
        begun = self.from_ms is None or start_ms >= self.from_ms
        return begun and (self.until_ms is None or end_ms <= self.until_ms)

    def is_like(self, other: Term) -> bool:
        """Whether it says the same, whoever registered it."""
        mine = (self.from_ms, self.until_ms, self.successor)
        return mine == (other.from_ms, other.until_ms, other.successor)

    def is_over(self, at_ms: int | None) -> bool:
        """Whether event time has come to its end."""
        return self.until_ms is not None and at_ms is not None and at_ms >= self.until_ms


FOR_EVER: Final = Term()


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one version of a model."""

    version: str
    stamp: int = 0
    """Of its newest registration; 0 of one that only files give."""
    effective_from_ms: int | None = None
    retired_ms: int | None = None
    """From when it serves no more."""
    in_files: bool = False
    status: str = "production"
    """In its inventory."""

    @property
    def takes_over(self) -> bool:
        """Whether it ever serves from its ``effective_from`` on."""
        at_ms = self.effective_from_ms
        return at_ms is not None and (self.retired_ms is None or self.retired_ms > at_ms)

    @property
    def can_be_followed(self) -> bool:
        """Whether another version takes over from it."""
        return self.takes_over or (
            self.in_files and self.effective_from_ms is None and self.status not in BESIDE
        )


def terms_of(versions: Iterable[Registered], *, stamp: int = 0) -> dict[str, Term]:
    """Version -> its term, of all versions of one model.

    ``stamp`` is that of the newest record about the model, also of a version that is gone since:
    what follows from fewer versions is newer than what followed from more.
    """
    known = sorted(versions, key=lambda one: one.version)
    takers = sorted(
        (one for one in known if one.takes_over),
        key=lambda one: (one.effective_from_ms or 0, one.stamp),
    )
    stamp = max([stamp, *(one.stamp for one in known)])
    following = {one.version: place for place, one in enumerate(takers, 1)}
    terms = {}
    for one in known:
        until_ms, successor = one.retired_ms, ""
        if one.can_be_followed:
            place = following.get(one.version, 0)
            for follower in takers[place : place + 1]:
                at_ms = follower.effective_from_ms
                if at_ms is not None and (until_ms is None or at_ms <= until_ms):
                    until_ms, successor = at_ms, follower.version
        terms[one.version] = Term(one.effective_from_ms, until_ms, successor, stamp)
    return terms


def term_of_both(terms: Iterable[Term]) -> Term:
    """Until when a comparison of versions with these terms goes on: until the first of them serves
    no more."""
    known = list(terms)
    ends_ms = [term.until_ms for term in known if term.until_ms is not None]
    return Term(None, min(ends_ms, default=None), "", max(term.stamp for term in known))


def kept_ms(spec: Spec) -> int:
    """How long after its term the state of a version is kept: its windows and labels still come."""
    longest = max(window.length_ms for window in spec.windows) + spec.time.amend_ms
    if "labels" not in spec.inputs:
        return longest
    label = spec.label
    return max(longest, label.ttl_ms + label.lateness_ms + label.amend_ms)
