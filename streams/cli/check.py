"""``longshore check``: every fault of a spec, or what it will watch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.inputs import FILE, model_from, spec_from
from streams.cli.terminal import out

if TYPE_CHECKING:
    from engine.layout import Layout
    from engine.profile import Profile
    from engine.spec import MeasureRule, Spec

CELL_BYTES = 8
COPIES = 2
"""On-time and amended counts."""


@click.command()
@click.argument("spec", type=FILE)
@click.option("--profile", type=FILE, help="Check that this profile belongs to the spec, too.")
def check(spec: Path, profile: Path | None) -> None:
    """Print every fault of SPEC with its place, or a summary of what it will watch.

    \b
    Examples:
      longshore check spec.yaml
      longshore check spec.yaml --profile profile.json
    """
    if profile is None:
        read, layout, reference = spec_from(spec), None, None
    else:
        model = model_from(spec, profile)
        read, layout, reference = model.spec, model.layout, model.profile
    _summary(read, layout)
    notes = warnings(read, reference)
    for note in notes:
        out().print(f"[yellow]warning:[/] {note}", soft_wrap=True)
    if profile is None:
        click.echo(f"\nNext: longshore profile {spec} --data TRAINING_TABLE --out profile.json")


def cells(spec: Spec) -> int:
    """Cells of a pane at most, before a profile says how many."""
    from detectors.decade_kernel import DECADES
    from detectors.kernels import categorical_cells, numeric_cells
    from engine.layout import COUNTERS, DECISIONS, LATENCY_EDGES_MS, freshness_edges_ms
    from engine.performance_layout import MAX_CLASSES
    from engine.profile_building import probability_edges

    count = COUNTERS + numeric_cells(len(LATENCY_EDGES_MS))
    count += numeric_cells(len(freshness_edges_ms(spec))) + 1
    if spec.business is not None:
        count += len(DECISIONS) * numeric_cells(1)
    count += numeric_cells(spec.prediction.fine_bins + 1 + len(probability_edges(spec)))
    if spec.prediction.type == "multiclass":
        count += categorical_cells(MAX_CLASSES)
    for feature in spec.features:
        if feature.type == "numeric":
            count += numeric_cells(feature.fine_bins + 1) + DECADES
        else:
            count += categorical_cells(feature.categories)
    return count


def _summary(spec: Spec, layout: Layout | None) -> None:
    from rich.table import Table

    from engine.durations import format_duration
    from engine.levels import significance

    size = cells(spec) if layout is None else layout.size
    numeric = sum(feature.type == "numeric" for feature in spec.features)
    console = out()
    console.print(f"[bold]{spec.model}@{spec.version}[/] is sound.")
    console.print(
        f"{len(spec.features)} features ({numeric} numeric, {len(spec.features) - numeric} "
        f"categorical), {spec.prediction.type} prediction, inputs {', '.join(spec.inputs)}; "
        f"{'at most ' if layout is None else ''}{size:,} cells a pane.",
        soft_wrap=True,
    )
    table = Table()
    for heading in ("window", "panes", "judged every", "memory", "significance"):
        table.add_column(heading, justify="left" if heading == "window" else "right")
    for window in spec.windows:
        panes = window.length_ms // window.pane_ms
        # Panes stay until no window can contain or revise them.
        kept = panes + -(-(spec.time.amend_ms + window.judge_every_ms) // window.pane_ms)
        table.add_row(
            window.name,
            f"{panes} x {format_duration(window.pane_ms)}",
            format_duration(window.judge_every_ms),
            f"{kept * size * CELL_BYTES * COPIES / 1e6:.1f} MB",
            f"p < {significance(spec, window):.2g}",
        )
    console.print(table)
    for line in [*_performance(spec), *_rules(spec)]:
        console.print(line, soft_wrap=True)


def _rules(spec: Spec) -> list[str]:
    from engine.durations import format_duration

    rules = spec.retraining
    lines = []
    if (psi := rules.psi_features) is not None:
        lines.append(
            f"retrain: PSI over {psi.above:g} on {psi.features} features, in {psi.at_least} of the "
            f"last {psi.of_last} windows of {psi.window}"
        )
    if (volume := rules.volume) is not None:
        lines.append(
            f"retrain: over {volume.factor:g} times the usual events of the same hours of the "
            f"week, in {volume.at_least} of the last {volume.of_last} windows of {volume.window}"
        )
    if (drop := rules.performance) is not None:
        lines.append(
            f"retrain: a measure of performance worse than the reference's, in {drop.at_least} of "
            f"the last {drop.of_last} windows of {drop.window}"
        )
    if (kpi := rules.business_kpi) is not None:
        lines.append(
            f"retrain: a business figure beyond its limit, in {kpi.at_least} of the last "
            f"{kpi.of_last} windows of {kpi.window}"
        )
    if (schedule := rules.schedule) is not None:
        clock = f"{schedule.at_minute // 60:02}:{schedule.at_minute % 60:02}"
        lines.append(
            f"retrain: every {schedule.every}, on day {schedule.day} at {clock} "
            f"({schedule.time_zone}), in the window of {schedule.window} that it falls in"
        )
    if (support := rules.estimated) is not None:
        lines.append(f"with performance estimated to be worse {support.features} features do")
    if rules.improvement_veto:
        lines.append("requests of the data wait for the labels of the same time: improvement_veto")
    if (budget := rules.budget) is not None:
        lines.append(
            f"at most {budget.per_quarter} requests a quarter ({rules.time_zone}), "
            f"{budget.performance} of them for what the labels say"
        )
    if lines:
        lines.append(
            f"at most one request for the model in {format_duration(rules.cooldown_ms)}, "
            "whatever the cause"
            + ("; what the labels say has one of its own" if rules.performance is not None else "")
        )
        lines += [
            f"alert: a request without {what} after {format_duration(within_ms)}"
            for what, within_ms in (
                ("an answer", rules.answer_within_ms),
                ("a model", rules.ready_within_ms),
            )
            if within_ms is not None
        ]
    return lines or ["no rule asks for retraining"]


def _performance(spec: Spec) -> list[str]:
    """What is judged of performance, and when."""
    from engine.durations import format_duration
    from engine.label_windows import label_pane_ms, label_windows

    if "labels" not in spec.inputs or not label_windows(spec):
        return []
    names = ", ".join(window.name for window in label_windows(spec))
    cohorts = ", ".join(map(format_duration, spec.label.maturities_ms))
    lines = [
        f"performance in windows of {names}, panes of {format_duration(label_pane_ms(spec))}, "
        f"{format_duration(spec.label.lateness_ms)} after the labels' newest"
        + (f"; by prediction after {cohorts}" if cohorts else "")
    ]
    if (rules := spec.performance) is not None:
        view = "labels as they arrive" if rules.by == "arrival" else f"predictions after {rules.by}"
        judged = ", ".join(f"{name}{_bound(rule)}" for name, rule in rules.measures.items())
        lines.append(f"judged by {view}: {judged}; from {rules.min_labels} labels on")
    if (concept := spec.concept) is not None:
        lines.append(
            f"losses {', '.join(concept.losses)} watched by {', '.join(sorted(concept.estimators))}"
            f": a warning, never a request, where two agree and the mean bears them out, in "
            f"{concept.at_least} of the last {concept.of_last} windows of {concept.window}"
        )
    return lines


def _bound(rule: MeasureRule) -> str:
    """What is allowed of one measure."""
    parts = [] if rule.worse_by is None else [f"worse by {rule.worse_by:g}"]
    parts += [] if rule.limit is None else [f"promised {rule.limit:g}"]
    return f" ({', '.join(parts)})" if parts else ""


def _label_warnings(spec: Spec, profile: Profile | None) -> list[str]:
    """What of performance will not be judged, and why."""
    from engine.durations import format_duration
    from engine.label_windows import label_pane_ms, label_windows

    judged = {window.name for window in label_windows(spec)}
    without = [window.name for window in spec.windows if window.name not in judged]
    notes = []
    if without:
        notes.append(
            f"windows of {', '.join(without)} have no performance: they are no whole number of its "
            f"panes of {format_duration(label_pane_ms(spec))} (label.pane), which must be so long "
            "that lateness + amend + the longest maturity leave few enough of them open"
        )
    if spec.concept is not None and len(spec.concept.estimators) == 1:
        notes.append(
            "one estimator over losses has none to agree with: it warns only where a loss is "
            "significantly worse than the training table's"
        )
    after_ms, rules = spec.label.negative_after_ms, spec.performance
    if after_ms is not None and rules is not None and rules.by == "arrival":
        notes.append(
            "negatives are known only after label.negative_after, and no maturity is as long: "
            "performance is judged by arrival, and not before so much time has passed"
        )
    if profile is None or not judged:
        return notes
    known = profile.performance
    if known is None or not known.cells:
        notes.append("the profile has no labels, so performance has no baseline")
    elif spec.performance is not None and not known.own:
        notes.append(
            "the profile has too few blocks of a window's length with labels (or no times), so "
            "performance that swings by nature will be called worse on its bad days"
        )
    unnamed = [s for s in spec.segments if known is None or not known.segments.get(s)]
    if unnamed:
        notes.append(
            f"the training table has no values of {', '.join(unnamed)}, so performance is not "
            "judged by them"
        )
    if spec.prediction.type == "multiclass" and (known is None or not known.classes):
        notes.append("the profile names no classes, so all are one and performance says nothing")
    return notes


def warnings(spec: Spec, profile: Profile | None) -> list[str]:
    """What is allowed and probably not meant, or accepted and not acted upon yet."""
    notes = []
    if spec.segments and "labels" not in spec.inputs:
        notes.append(
            f"segments ({', '.join(spec.segments)}) are judged by performance only, and labels are "
            "not among the inputs"
        )
    if "labels" in spec.inputs:
        notes += _label_warnings(spec, profile)
    if spec.prediction.type == "multiclass":
        notes.append("multiclass: the decision and features are watched, single classes are not")
    if (psi := spec.retraining.psi_features) is not None:
        window = spec.window(psi.window)
        if window.judge_every_ms < window.length_ms:
            notes.append(
                f"windows of {window.name} slide; the rule confirms over disjoint ones only, "
                "so it sees one in every full length"
            )
    elif not any(
        (
            spec.retraining.volume,
            spec.retraining.performance,
            spec.retraining.business_kpi,
            spec.retraining.schedule,
        )
    ):
        notes.append("drift will be shown, and nothing will ask for retraining")
    if profile is not None and not profile.volume and spec.retraining.volume is not None:
        notes.append("the profile has no times, so the rule on volume never fires")
    if profile is not None and profile.made_by.start_ms is None:
        notes.append(
            "the profile has no times, so variation within the training period is not known: "
            "features that swing by nature will be called drifted"
        )
    return notes
