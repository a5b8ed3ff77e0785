"""docs/quality.md and its two plots, made from the file of results alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from load_tests.quality import tables
from load_tests.quality.alarming import ALPHA, WINDOW_ROWS
from load_tests.quality.cells import STILL_TIMES, Plan
from load_tests.quality.injections import KINDS, MEDIUM_PSI, MEDIUM_TOLERANCE
from load_tests.quality.results import Results
from load_tests.quality.river_streams import GRADUAL_SHARE

TRADE_PLOT: Final = "quality-delay.svg"
FOUND_PLOT: Final = "quality-found.svg"
ESTIMATORS: Final = ("estimators/features", "estimators/losses")
PAGE: Final = """\
# Detection quality

How often each detector is wrong, how late it is and what it misses, on streams whose truth is
known. Made by `make quality` from `{file}`: {streams} streams of {rows:,} events (real rows
without a change: {times} times as many), {events:,} in all, of {seeds} seeds, and {months} months
of the judge on each table. {complete}

Detectors are those that discovery finds ({detectors}), each with its default parameters. Beside
them stand two that need no data: `always` alarms whenever it may, `never` does not. A figure that
does not lie far from both says nothing.

## How it is measured

- Before the first change every alarm is false. A change is found by the first alarm between it
  and the next one; the delay is in events. Further alarms after a change are not blamed.
- Intervals are exact 95 % ones for Poisson counts (alarms of one stream hang together, so they
  are rather too short).
- *Estimators* see one value after another; over features an alarm on any column counts, over
  losses only one by which the mean rose. *Statistics* compare windows of {window:,} events with
  the reference and alarm at p <= {alpha} over the number of features; those without a p-value at
  the {quantile:.0%} quantile of windows drawn from the reference. So a statistic may be wrong in
  {alpha:.0%} of the windows: {allowed:,.0f} per 100,000 events. `levels` is the judge's own DRIFT
  on any feature: an effect over 0.20 *and* significance at the budget.
- River's streams: SEA, Agrawal and Sine change P(Y given X) and not P(X); RandomRBF changes both.
  A gradual change takes {gradual:.0%} of the stream, a recurring one comes and goes four times.
  Losses are those of River's Hoeffding tree, tested on each event before it learns it. It adapts
  by itself.
- Real rows: `examples/flights` and `examples/acs`, drawn at random from one half of the reference
  table, with the profile of the other half. So they are still by construction, with the ties,
  tails and missing values of real data; seasons and hours that hang together are another matter
  (`examples/README.md`).

![False alarms against delay]({trade})

## Estimators over losses, River's streams

{losses}

## Estimators over features, River's streams

Only RandomRBF moves what they watch; for them the other three families are still throughout.

{features}

## Statistics, River's streams

They compare with a fixed reference, so a return to it is no change.

{statistics}

## Real rows without change

{still}

## Real rows with a change

Changes found of all, and the median delay in events, by strength. An alarm on any feature counts,
also on one that did not change: the last column is the share that a detector's false alarms alone
would find.

![Changes found by strength]({found})

{injections}

Missing values move no statistic: PSI and the others run over valid values, and missing ones are a
fault of the data (`quality-of-data.md`). What a distance finds at a share of 0.8 is the noise of a
fifth of the values.

## The judge as a whole

Windows of an hour with their labels; rules: PSI over 0.20 on any feature, and a measure of
performance worse than the reference's, each in two of the last three windows, and the data's
quality. A change of medium strength is one of PSI {psi} +- {tolerance} on each named feature. The
share of the rows that have it was found by bisection on the reference, before anything was judged.

{judge}

Changes of every strength, half a day after half a day without: how many opened an alert, the median
delay in events to the end of the window that did (windows have 1,000), and by which rule:
`psi_features` (two of three windows), `data_quality`, `performance` (two of three windows).

{judged}
"""


def page(results: Results, file: str) -> str:
    """docs/quality.md."""
    counts = tables.totals(results)
    return PAGE.format(
        file=file,
        streams=counts["streams"],
        events=counts["events"],
        rows=results.plan.rows,
        times=STILL_TIMES,
        seeds=results.plan.seeds,
        months=results.plan.months,
        complete=_complete(results, counts["lacking"]),
        detectors=", ".join(f"`{name}`" for name in results.detectors),
        window=WINDOW_ROWS,
        alpha=ALPHA,
        quantile=1.0 - ALPHA,
        allowed=ALPHA * 100_000 / WINDOW_ROWS,
        gradual=GRADUAL_SHARE,
        trade=TRADE_PLOT,
        found=FOUND_PLOT,
        losses=tables.on_river(results, "estimators/losses"),
        features=tables.on_river(results, "estimators/features"),
        statistics=tables.on_river(results, "statistics"),
        still=tables.still_on_real(results, (*ESTIMATORS, "statistics")),
        injections="\n\n".join(_injection(results, kind) for kind in KINDS),
        psi=MEDIUM_PSI,
        tolerance=MEDIUM_TOLERANCE,
        judge=tables.whole_judge(results),
        judged=tables.judged_by_strength(results),
    )


def _complete(results: Results, lacking: int) -> str:
    """Whether this is the whole of it."""
    full, plan = Plan(), results.plan
    if lacking:
        return f"**{lacking} pieces of the plan are not measured yet.**"
    if (plan.seeds, plan.months, plan.rows) < (full.seeds, full.months, full.rows):
        return f"**A reduced run**: the full one has {full.seeds} seeds and {full.months} months."
    return ""


def _injection(results: Results, kind: str) -> str:
    groups = ("estimators/losses",) if kind == "flip" else ("estimators/features", "statistics")
    table = tables.on_real(results, kind, groups)
    return f"### {kind}\n\n{KINDS[kind].says[0].upper()}{KINDS[kind].says[1:]}.\n\n{table}"


def draw(results: Results, directory: Path) -> None:
    """Write both plots into ``directory``."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "longshore"
    # Text as text: a third of the bytes.
    mpl.rcParams["svg.fonttype"] = "none"
    _draw_trade(results, directory / TRADE_PLOT)
    _draw_found(results, directory / FOUND_PLOT)


def _draw_trade(results: Results, to: Path) -> None:
    """False alarms against delay, a point per detector and kind of change."""
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(1, 3, figsize=(12.0, 4.0), layout="constrained", sharey=True)
    for axis, group in zip(
        axes, ("estimators/losses", "estimators/features", "statistics"), strict=True
    ):
        for detector in tables.detectors_of(results, group):
            whole = tables.scores(results, group, detector, lambda cell: cell[0] == "river")
            if not whole.delays:
                continue
            share = whole.missed / whole.changes
            label = f"{detector} ({share:.0%} missed)"
            axis.scatter(whole.false_rate, whole.median_delay(), label=label, s=36)
        axis.set_xscale("symlog", linthresh=1.0)
        axis.set_xlim(-0.2, 200_000)
        axis.set_title(group)
        axis.set_xlabel("false alarms per 100,000 events")
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize="small")
    axes[0].set_ylabel("median delay, events")
    figure.savefig(to, metadata={"Date": None})
    plt.close(figure)


def _draw_found(results: Results, to: Path) -> None:
    """Share of the changes found by strength, a panel per kind of injection."""
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(
        1, len(KINDS), figsize=(15.0, 4.0), layout="constrained", sharey=True
    )
    for axis, (kind, injection) in zip(axes, KINDS.items(), strict=True):
        groups = ("estimators/losses",) if kind == "flip" else ("estimators/features", "statistics")
        for group in groups:
            for detector in tables.detectors_of(results, group):
                if detector in {"always", "never"}:
                    continue
                found = [
                    tables.found_of(results, group, detector, kind, f"{strength:g}")
                    for strength in injection.strengths
                ]
                shares = [len(each.delays) / each.changes if each.changes else 0 for each in found]
                axis.plot(injection.strengths, shares, marker=".", label=detector)
        axis.set_xscale("log")
        axis.set_xticks(injection.strengths, [f"{strength:g}" for strength in injection.strengths])
        axis.minorticks_off()
        axis.set_title(kind)
        axis.set_xlabel("strength")
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize="small")
    axes[0].set_ylabel("share of the changes found")
    figure.savefig(to, metadata={"Date": None})
    plt.close(figure)
