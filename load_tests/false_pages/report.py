"""The measured part of docs/false-alarms.md, and its plot."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from load_tests.false_pages.policies import FEATURES
from load_tests.false_pages.results import BUDGET, Results, Told, upper_bound
from load_tests.quality.tables import markdown

PLOT: Final = "false-pages.svg"
START: Final = "<!-- measured: python -m load_tests.false_pages -->"
END: Final = "<!-- end of what was measured -->"
SOURCES: Final = {
    "drawn": "drawn, multinomial",
    "flights": "flights, real days",
    "acs": "ACS, real rows",
    "fraud": "fraud, generated days",
}


def section(results: Results) -> str:
    """What was measured, as Markdown."""
    sources = [(source, results.runs[source]) for source in SOURCES if results.runs.get(source)]
    head = [
        "source",
        "runs",
        "false pages a run (95 % bound)",
        "runs with more than one",
        "default rule",
        "fixed thresholds",
        "p < 0.05",
    ]
    rows = [[SOURCES[source], *_row(runs)] for source, runs in sources]
    lines = [markdown(head, rows)]
    rules = Counter[str]()
    for _, runs in sources:
        for run in runs:
            rules.update(run.rules)
    if rules:
        named = ", ".join(f"{count} of `{rule}`" for rule, count in rules.most_common())
        lines.append(f"The pages by window and rule, over all runs: {named}.")
    found = results.event_level
    if found:
        lines.append(
            f"By events: {found['events']:,} events of {found['features']} features in "
            f"{found['days']} days, under a budget so generous that there are alerts: "
            f"{found['alerts']} alert records by events, {found['by_panes']} by panes, "
            + ("the same to the last byte." if found["agree"] else "**and they differ**.")
        )
    return "\n\n".join(lines)


def _row(runs: list[Told]) -> list[str]:
    pages = [run.pages for run in runs]
    over = sum(count > BUDGET for count in pages)
    return [
        f"{len(runs)}",
        f"{mean(pages):.3f} ({upper_bound(pages):.3f})",
        f"{over}",
        *(
            f"{mean([getattr(run, name) for run in runs]):,.{places}f}"
            for name, places in (("default", 3), ("fixed", 0), ("unlikely", 0))
        ),
    ]


def mean(counts: list[int]) -> float:
    """Of a run."""
    return sum(counts) / len(counts)


def write(page: Path, results: Results) -> None:
    """Put the measured section into the page, between its marks."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{START}\n\n{section(results)}\n\n{END}{after}", encoding="utf-8")


def draw(results: Results, to: Path) -> None:
    """False pages a run by source: the budget's, and what stands beside it."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "longshore"
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    kinds = {
        "pages": "budget, most nervous rule",
        "default": "budget, default rule",
        "fixed": "PSI > 0.20 of any feature",
        "unlikely": "p < 0.05 of any feature",
    }
    figure, axis = plt.subplots(figsize=(9.0, 4.0), layout="constrained")
    sources = [source for source in SOURCES if results.runs.get(source)]
    for number, (kind, label) in enumerate(kinds.items()):
        heights = [mean([getattr(run, kind) for run in results.runs[s]]) for s in sources]
        places = [place + 0.2 * (number - 1.5) for place in range(len(sources))]
        axis.bar(places, heights, width=0.18, label=label)
    axis.axhline(BUDGET * results.days / 30.0, color="black", linestyle="--", linewidth=1.0)
    axis.set_yscale("symlog", linthresh=1.0)
    axis.set_xticks(range(len(sources)), [SOURCES[source] for source in sources])
    axis.set_ylabel(f"false pages in {results.days} days")
    axis.set_title(f"{FEATURES} features, windows of 5m, 1h and 1d; the dashed line is the budget")
    axis.grid(alpha=0.3, axis="y")
    figure.legend(loc="outside lower center", ncols=len(kinds), frameon=False, fontsize="small")
    figure.savefig(to, metadata={"Date": None})
    plt.close(figure)
