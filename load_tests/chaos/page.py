"""docs/faults.md, made from the rounds in the JSON file and from nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, Final

from load_tests.chaos.contract import Fault
from load_tests.chaos.peers.rounds import PEER_FAULTS
from load_tests.chaos.peers.systems import SYSTEMS
from load_tests.chaos.rounds import Figures
from load_tests.chaos.verdict import sound

CONFIDENCE: Final = 0.95
LINE_CHARACTERS: Final = 240
HEAD: Final = """\
# What Longshore survives

Made by `make chaos`; the rounds are in [{data}]({data}). {date}, {machine}.
Python {python}, Kafka {kafka}, faust-streaming {faust-streaming}, aiokafka {aiokafka},
confluent-kafka {confluent-kafka}, numba {numba}, numpy {numpy}.

Each round: a broker with four partitions, two `longshore worker` processes unless the fault says
otherwise, one model with 20 features, and at least {events:,} events published at a steady rate
while the fault happens at seeded moments. Afterwards everything that came out is held against
`longshore replay` over the same events, which shares no broker, no worker and no clock with what is
tested.

{summary}

| fault | runs | events | lost | double-counted | equal to the bit | triggers lost / unequal \
repeats / duplicate deliveries | recovery s, p50 / max | told |
|---|--:|--:|--:|--:|---|--:|--:|---|
"""
READING: Final = """
## How to read it

- **lost, double-counted**: records, summed apart, so they cannot cancel: for every partition,
  records in the log against `longshore_records_total`; for every window of a chain without
  overlaps, events of the judgement against the replay's. The larger sum counts.
- **equal to the bit**: every judgement, alert and trigger that the replay wrote was published, byte
  for byte and in its order, and no other. A reader during the faults and one after them must have
  seen the same.
- **triggers lost**: by id. **Unequal repeats**: two judgements, alerts or triggers of one identity
  that differ. **Duplicate deliveries**: the same bytes again; delivery is at least once, and a
  consumer drops what has a known id.
- **recovery**: from the fault, or from what the list below names instead, until a judgement of a
  window that ends after the event time published by then reaches a reader. The control row has the
  same delay without a fault; what exceeds it is the fault's. A second fault may strike before the
  first is over. Time-outs: session 6 s, heartbeat 1 s, rebalance 10 s.
- **told**: a line in a worker's log or a metric named it (below). `silent` would be a fault of its
  own; `-` means that there is nothing to tell.
- Of n rounds without a loss, the rate of lossy rounds is below 1 - 0.05^(1/n) with 95 % confidence
  (about 3/n). One row has few rounds and says little by itself; the sum over all rows says more,
  but the rows are different experiments. What searches more widely is `make simulate`.

## What this does not show

- One machine, one broker of one node: no leader fail-over, no loss of unsynced data, no split
  brain, no clock differences between brokers. "All brokers" is that one broker.
- A full disk is not filled: the broker is told to refuse every snapshot instead. A disk that
  corrupts what it stored is played by records with other contents.
- The machine may have been busy: recovery seconds hold process start-up (importing, loading of
  compiled kernels) and are an upper bound for this machine, not a promise for another.
- Days do not pass: retention of a day, leap seconds, certificates that expire are not here.
"""


def page(
    faults: Iterable[Fault], rounds: Sequence[Figures], about: dict[str, str], data: str
) -> str:
    """The whole page."""
    faults = [fault for fault in faults if any(r["fault"] == fault.name for r in rounds)]
    mine = [r for r in rounds if "peer" not in r]
    events = min((r["asked"] for r in rounds), default=0)
    text = HEAD.format(data=data, events=events, summary=_summary(mine), **about)
    text += "".join(_row(fault, _of(rounds, fault.name)) for fault in faults)
    text += READING + "\n## How each is injected, and what told of it\n\n"
    text += "| fault | injected | seen |\n|---|---|---|\n"
    text += "".join(_injected(fault, _of(rounds, fault.name)) for fault in faults)
    return text + _peers(rounds)


def upper_bound(rounds: int) -> float:
    """With CONFIDENCE, the rate of an event that none of ``rounds`` rounds showed is below this."""
    return 1.0 if rounds == 0 else 1.0 - math.pow(1.0 - CONFIDENCE, 1.0 / rounds)


def _of(rounds: Iterable[Figures], subject: str) -> list[Figures]:
    return [figures for figures in rounds if figures["fault"] == subject]


def _summary(rounds: Sequence[Figures]) -> str:
    bad = sorted({r["fault"] for r in rounds if not sound(r)})
    n, events = len(rounds), sum(r.get("events", 0) for r in rounds)
    if bad:
        count = sum(not sound(r) for r in rounds)
        return (
            f"**{count} of {n} rounds ({events:,} events) did not show what is promised**: "
            f"{', '.join(bad)}."
        )
    return (
        f"**0 of {n} rounds ({events:,} events) lost or double-counted a record, differed in a "
        f"bit, or lost a trigger**: with 95 % confidence fewer than {upper_bound(n):.1%} of such "
        f"rounds do (3/n: {min(1.0, 3 / max(1, n)):.1%})."
    )


def _total(rounds: Iterable[Figures], name: str) -> int:
    return sum(r.get(name, 0) for r in rounds)


def _seconds(rounds: Iterable[Figures]) -> str:
    times = [s for r in rounds for s in r.get("recovery_s", ())]
    known = [s for s in times if s is not None]
    if len(known) < len(times):
        return "never"
    return f"{median(known):.1f} / {max(known):.1f}" if known else "-"


def _told(fault: Fault, rounds: Sequence[Figures]) -> str:
    if any(r.get("silent") for r in rounds):
        return "**silent**"
    if fault.refuses:
        return "refused, exit 1"
    return "yes" if fault.signs else "-"


def _row(fault: Fault, rounds: Sequence[Figures]) -> str:
    failed = [r for r in rounds if "error" in r]
    ran = [r for r in rounds if "error" not in r]
    equal = sum(r["equal"] and r["readers_agree"] for r in ran)
    cells: list[Any] = [
        fault.title + (f" (**{len(failed)} could not be run**)" if failed else ""),
        len(rounds),
        f"{_total(rounds, 'events'):,}",
        _total(ran, "lost"),
        _total(ran, "doubled"),
        "yes" if equal == len(rounds) else f"**{equal} of {len(rounds)}**",
        " / ".join(
            str(_total(ran, name))
            for name in ("triggers_lost", "unequal_repeats", "duplicate_deliveries")
        ),
        _seconds(ran),
        _told(fault, ran),
    ]
    return f"| {' | '.join(map(str, cells))} |\n"


def _injected(fault: Fault, rounds: Sequence[Figures]) -> str:
    seen = dict.fromkeys(sign for r in rounds for sign in r.get("told", ()))
    words = dict.fromkeys(_shown(sign) for sign in seen)
    errors = dict.fromkeys(r["error"] for r in rounds if "error" in r)
    told = "; ".join([*list(words)[:2], *(f"error: {_cell(e)}" for e in errors)])
    return f"| {fault.title} | {_cell(fault.injected)} | {told or '-'} |\n"


def _shown(sign: str) -> str:
    """A sign for the page, without what differs between rounds."""
    kind, _, text = sign.partition(": ")
    if kind == "refused":
        return f"refused: “{_cell(text)}”"
    return f"log: `{_cell(text)}`" if kind in {"log", "log since"} else f"`{_cell(sign)}`"


def _cell(text: str) -> str:
    """Text that fits a cell of a table."""
    flat = " ".join(text.split()).replace("|", "/")
    return flat if len(flat) <= LINE_CHARACTERS else flat[: LINE_CHARACTERS - 1] + "…"


def _peers(rounds: Sequence[Figures]) -> str:
    names = {fault.name for fault in PEER_FAULTS}
    lines = []
    for system in SYSTEMS:
        for name in sorted(names, reverse=True):
            ran = _of(rounds, f"{system.name}/{name}")
            if ran:
                lines.append(_peer_row(system.title, name, ran))
    if not lines:
        return ""
    for name in sorted(names, reverse=True):
        ran = _of(rounds, name)
        if ran:
            lines.append(_peer_row("**Longshore**", name, ran))
    how = "\n".join(f"- **{system.title}**: {system.how}." for system in SYSTEMS)
    return (
        "\n## Others, same events, same faults\n\n"
        "Each counts the events per model, minute and merchant type, two processes under kill -9, "
        "one to three under joining and leaving; one that ends by itself is started again after a "
        "second. Recovery is until as many events were counted as had been published at the fault. "
        "Their sessions time out after 6 s too. Longshore does more per event; its rows are those "
        "from above.\n\n"
        f"{how}\n\n"
        "| | fault | runs | events | lost | double-counted | recovery s, p50 / max |\n"
        "|---|---|--:|--:|--:|--:|--:|\n" + "".join(lines)
    )


def _peer_row(title: str, name: str, rounds: Sequence[Figures]) -> str:
    failed = sum("error" in r for r in rounds)
    ran = [r for r in rounds if "error" not in r]
    fault = "kill -9, twice a round" if name == "kill" else "two join, two leave"
    cells = [
        title + (f" (**{failed} could not be run**)" if failed else ""),
        fault,
        str(len(rounds)),
        f"{_total(rounds, 'events'):,}",
        f"{_total(ran, 'lost'):,}",
        f"{_total(ran, 'doubled'):,}",
        _seconds(ran),
    ]
    return f"| {' | '.join(cells)} |\n"
