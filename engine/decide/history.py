"""The last n disjoint windows of a rule: how many of them held.

Rule.  The last n are the last n of the calendar: a window that was never judged did not hold.  A
history belongs to one layout and one set of rule parameters; with others it begins anew.
"""

from __future__ import annotations

import msgspec


class History(msgspec.Struct):
    """Ends of the windows in which a rule's condition held, newest last."""

    held_ends_ms: list[int] = msgspec.field(default_factory=list)
    bad_ends_ms: list[int] = msgspec.field(default_factory=list)
    """Of these, windows that bad data were in."""
    usual: list[int] = msgspec.field(default_factory=list)
    """Counts of the windows before, for a rule that compares with them."""
    usual_before: list[int] = msgspec.field(default_factory=list)
    """What was usual before the window that was taken last."""
    usual_end_ms: int = 0
    """End of that window."""
    examined_ms: int = 0
    """End of the window that a schedule was asked in last; survives another layout or schedule."""
    due_ms: int = 0
    """Point of a schedule that was held and is to be asked for yet; 0 of none."""
    fingerprint: str = ""
    """Hash of the layout and the rule that the windows were examined by."""

    def belong_to(self, fingerprint: str) -> bool:
        """Begin anew unless the windows so far were examined by the same layout and rule; whether
        it did."""
        began_anew = self.fingerprint != fingerprint
        if began_anew:
            self.fingerprint = fingerprint
            self.held_ends_ms = []
            self.bad_ends_ms = []
            self.usual = self.usual_before = []
            self.usual_end_ms = 0
        return began_anew

    def usual_at(self, end_ms: int) -> list[int]:
        """What was usual when the window that ends then was judged; empty of one before the last
        that was taken."""
        if end_ms < self.usual_end_ms:
            return []
        return self.usual_before if end_ms == self.usual_end_ms else self.usual

    def take_as_usual(self, counts: list[int], end_ms: int) -> None:
        """Add a window's counts to the usual ones, which fade by an eighth a window."""
        before = self.usual or [0] * len(counts)
        self.usual_before, self.usual_end_ms = self.usual, end_ms
        self.usual = [b - b // 8 + n for b, n in zip(before, counts, strict=True)]

    def note(self, end_ms: int, length_ms: int, of_last: int, *, held: bool) -> int:
        """Note a window and return in how many of the last ``of_last`` the condition held."""
        oldest = end_ms - (of_last - 1) * length_ms
        self.held_ends_ms = [end for end in self.held_ends_ms if end >= oldest]
        if held:
            self.held_ends_ms.append(end_ms)
        self.bad_ends_ms = [end for end in self.bad_ends_ms if end in self.held_ends_ms]
        return len(self.held_ends_ms)

    def note_bad(self, end_ms: int) -> None:
        """Note that bad data were in a window that held, the newest."""
        self.bad_ends_ms.append(end_ms)

    @property
    def sound(self) -> int:
        """In how many of the windows in which it held no data were bad."""
        return len(self.held_ends_ms) - len(self.bad_ends_ms)
