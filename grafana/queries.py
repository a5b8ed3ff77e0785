"""PromQL over Longshore's metrics, each thing said once.

Rule.  While a model moves, two workers may show it for one scrape; ``max by`` over what names the
thing makes one series of them, and leaves job and instance out.  A counter is only ever read by its
increase, because it begins anew with a worker.
"""

from __future__ import annotations

from typing import Final

MODEL: Final = 'job=~"$job", model=~"$model", version=~"$version"'
WINDOW: Final = f'{MODEL}, window=~"$window"'
JOB: Final = 'job=~"$job"'
WORKER: Final = 'job=~"$job", instance=~"$instance"'
BY_MODEL: Final = "model, version"
BY_WINDOW: Final = "model, version, window"
OF_WINDOW: Final = "{{version}} {{window}}"


def newest(metric: str, *more: str, by: str = BY_WINDOW, where: str = WINDOW) -> str:
    """The gauge as it stands, one series for each of ``by``; ``more`` are further matchers."""
    return f"max by ({by}) ({metric}{{{', '.join((where, *more))}}})"


def grown(metric: str, *more: str, by: str, where: str = MODEL, over: str = "$__range") -> str:
    """By how much a counter grew."""
    return f"sum by ({by}) (increase({metric}{{{', '.join((where, *more))}}}[{over}]))"


def per_second(metric: str, *more: str, by: str, where: str = MODEL) -> str:
    """How fast a counter grows."""
    return f"sum by ({by}) (rate({metric}{{{', '.join((where, *more))}}}[$__rate_interval]))"


def quantile(share: float, histogram: str, by: str = "", where: str = WORKER) -> str:
    """A quantile of a histogram's newest observations."""
    labels = f"le, {by}" if by else "le"
    rates = f"sum by ({labels}) (rate({histogram}_bucket{{{where}}}[$__rate_interval]))"
    return f"histogram_quantile({share:g}, {rates})"


def among_worst(expr: str, metric: str, by: str, most: int, *more: str) -> str:
    """``expr`` of those that had the largest values of ``metric`` in the time shown: a page with
    every feature of a wide model could not be read."""
    matchers = ", ".join((WINDOW, *more))
    largest = f"max by ({by}) (max_over_time({metric}{{{matchers}}}[$__range] @ end()))"
    return f"{expr} and on ({by}) topk({most}, {largest})"
