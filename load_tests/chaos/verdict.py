"""Whether a round shows what is promised, and the line that says how it went."""

from __future__ import annotations

from load_tests.chaos.rounds import Figures


def sound(figures: Figures) -> bool:
    """No loss, no double count, no difference, nothing silent, and it went on again.

    Of a peer only that its round could be run: what it loses is what the table is to show.
    """
    if "error" in figures:
        return False
    return "peer" in figures or not (
        figures["lost"]
        or figures["doubled"]
        or not figures["equal"]
        or not figures["readers_agree"]
        or figures["triggers_lost"]
        or figures["unequal_repeats"]
        or figures["silent"]
        or None in figures["recovery_s"]
    )


def line(figures: Figures) -> str:
    """One round in one line of the terminal."""
    start = f"{figures['fault']:<22} round {figures['round']}  {figures['seconds']:5.1f} s  "
    if "error" in figures:
        return f"{start}ERROR {figures['error']}"
    recovery = ", ".join("never" if s is None else f"{s:.1f}" for s in figures["recovery_s"]) or "-"
    start += f"lost {figures['lost']}, doubled {figures['doubled']}, recovery {recovery} s"
    if "peer" in figures:
        return start
    equal = "equal" if figures["equal"] else f"UNEQUAL ({figures['first_difference']})"
    return (
        f"{start}, {equal}, triggers {figures['triggers']} (lost {figures['triggers_lost']}), "
        f"repeats {figures['duplicate_deliveries']}"
        f"{', READERS DISAGREE' if not figures['readers_agree'] else ''}"
        f"{', SILENT' if figures['silent'] else ''}"
    )
