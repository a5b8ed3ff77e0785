"""One feature: how far it moved, how sure, on how many events, and what is bad about its data."""

from __future__ import annotations

from typing import Final

from grafana.choices import FEATURE, LIVE_FEATURE, MARKS, ONE_MODEL, VERSIONS, WINDOWS
from grafana.palette import ANY_IS_BAD, LEVELS, PSI, SURE, YES_IS_BAD
from grafana.panels import Page, Panel, Query, Row
from grafana.queries import BY_WINDOW, OF_WINDOW, newest

_ONE: Final = 'feature="$feature"'
_BINS: Final = """\
**Where the bins are.** A metric never has a label for a bin: a model of a hundred features would
need thousands of series more. Reference and current share of every bin, and what it contributes to
PSI, are

* on the worker's [live page](${live_page}), over time: click a version in the table above;
* in each record of the topic `judgements`, under `features` as `bins`, of features at WATCH or
  DRIFT; the ones that moved most also as `top_bins` in the `evidence` of alerts and triggers;
* in what `longshore replay` writes, for any time that the topics still have.
"""


def _of(metric: str, *more: str) -> str:
    return newest(metric, _ONE, *more)


def _ratio(kind: str, what: str) -> Query:
    return Query(_of(f"feature_{kind}_ratio"), f"{OF_WINDOW} {what}")


_NOW: Final = (
    Panel(
        "Level of $feature",
        "What the worker called the feature in the newest window of each length: DRIFT needs size "
        "and significance.",
        (Query(_of("drift_level"), OF_WINDOW),),
        "state-timeline",
        "none",
        12,
        6,
        LEVELS,
    ),
    Panel(
        "Newest windows",
        "PSI, what it is held against, how sure, and on how many events (n) of the window. Click a "
        "version for its bins and their contributions on the live page.",
        (
            Query(_of("drift_level"), "Level", steps=LEVELS),
            Query(_of("drift_psi"), "PSI", steps=PSI),
            Query(_of("drift_psi_threshold"), "Threshold"),
            Query(_of("drift_psi_p_value"), "p-value", unit="sci", steps=SURE),
            Query(newest("drift_window_events"), "n", unit="short"),
        ),
        "table",
        "none",
        12,
        6,
        decimals=3,
        labels=("version", "window"),
        label_link=("version", LIVE_FEATURE),
    ),
)
_SIZE: Final = (
    Panel(
        "PSI of $feature",
        "Population stability index, the same without the bias that the sample's size alone makes, "
        "and what the corrected one is held against: the larger of the rule's and of the training "
        "data's own swing at this length of window. Dashed at 0.10 and 0.20.",
        (
            Query(_of("drift_psi"), f"{OF_WINDOW} PSI"),
            Query(_of("drift_psi_corrected"), f"{OF_WINDOW} corrected"),
            Query(_of("drift_psi_threshold"), f"{OF_WINDOW} threshold", "limit"),
        ),
        "timeseries",
        "none",
        12,
        10,
        PSI,
        are_limits=True,
        decimals=3,
        lowest=0,
    ),
    Panel(
        "p-values",
        "Chance of such a difference where nothing changed, by PSI, by Kolmogorov-Smirnov and by "
        "chi-square. Small is sure; a large sample makes small what is of no size, which is why "
        "the level asks for both.",
        (
            Query(_of("drift_psi_p_value"), f"{OF_WINDOW} PSI"),
            Query(_of("drift_ks_p_value"), f"{OF_WINDOW} KS"),
            Query(_of("drift_chi_square_p_value"), f"{OF_WINDOW} chi-square"),
        ),
        "timeseries",
        "sci",
        6,
        10,
        lowest=0,
        highest=1,
    ),
    Panel(
        "n: events of the window",
        "Events of the newest window. Below the spec's least number nothing is judged.",
        (Query(newest("drift_window_events"), OF_WINDOW),),
        "timeseries",
        "short",
        6,
        10,
        lowest=0,
    ),
)
_SHAPE: Final = (
    Panel(
        "Bins and contributions",
        "Where reference and current bins are told.",
        (),
        "text",
        "none",
        8,
        8,
        content=_BINS,
    ),
    Panel(
        "Other distances",
        "Kolmogorov-Smirnov and Jensen-Shannon, from 0 (the same) to 1; Wasserstein in spreads of "
        "the reference. Only numeric features have all three.",
        (
            Query(_of("drift_ks"), f"{OF_WINDOW} KS"),
            Query(_of("drift_jensen_shannon"), f"{OF_WINDOW} Jensen-Shannon"),
            Query(_of("drift_wasserstein"), f"{OF_WINDOW} Wasserstein"),
        ),
        "timeseries",
        "none",
        8,
        8,
        decimals=3,
        lowest=0,
    ),
    Panel(
        "Alarms of estimators",
        "Alarms in the newest window of what watches the feature event by event: ADWIN a change "
        "of the mean, stale one unchanged value. No line where the spec asks for none.",
        (
            Query(_of("drift_adwin_alarms"), f"{OF_WINDOW} ADWIN"),
            Query(_of("drift_stale_alarms"), f"{OF_WINDOW} stale"),
        ),
        "timeseries",
        "short",
        8,
        8,
        ANY_IS_BAD,
        lowest=0,
    ),
)
_QUALITY: Final = (
    Panel(
        "Bad values of $feature",
        "Shares of the newest window: null, of a wrong type, outside the spec's range, beyond the "
        "reference's extremes, not in the reference.",
        (
            _ratio("missing", "missing"),
            _ratio("invalid", "invalid"),
            _ratio("out_of_range", "out of range"),
            _ratio("outlier", "outliers"),
            _ratio("unseen", "unseen"),
        ),
        "timeseries",
        "percentunit",
        12,
        8,
        lowest=0,
    ),
    Panel(
        "Faults of $feature",
        "While a fault lasts the feature is held back from the rule: what its PSI says then is of "
        "bad data.",
        (
            Query(
                newest("feature_quality_fault", _ONE, by=f"{BY_WINDOW}, fault"),
                f"{OF_WINDOW} {{{{fault}}}}",
            ),
        ),
        "state-timeline",
        "none",
        12,
        8,
        YES_IS_BAD,
        empty="no fault",
    ),
)

PAGE: Final = Page(
    "longshore-feature",
    "Longshore / One feature",
    "One feature of one model: how far it moved, how sure, on how many events.",
    (
        Row("Verdict", _NOW),
        Row("Size and significance", _SIZE),
        Row("Shape", _SHAPE),
        Row("Quality of its data", _QUALITY),
    ),
    (ONE_MODEL, VERSIONS, WINDOWS, FEATURE),
    MARKS,
)
