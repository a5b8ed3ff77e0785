"""Asks a real Prometheus every expression of the dashboards and of the rules.

Rule.  Whatever is empty must be in the table of what may be, with a reason, and what is in the
table must be empty: a table that only grows would in the end excuse everything.  Of a rule's alert,
which is silent while nothing is wrong, each metric that it reads is asked with its matchers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from tests.grafana.committed import Expression, of_dashboards, of_rules, selectors

if TYPE_CHECKING:
    from tests.prometheus.server import RealPrometheus

BUILT_IN: Final = {"$__rate_interval": "10m", "$__range": "1h"}
"""Longer than a test takes: what grew at its beginning is seen at its end."""
ANY: Final = ".+"
"""What variables are that may have several values."""


def every_expression() -> Iterator[Expression]:
    """Those of dashboards and of rules; of an alert what it reads, and the whole beside it."""
    yield from of_dashboards()
    for kind, expression in of_rules():
        if kind == "record":
            yield expression
        else:
            yield from selectors(expression)


def alerts() -> Iterator[Expression]:
    """Whole conditions of alerts, which may be empty and must be understood."""
    return (expression for kind, expression in of_rules() if kind == "alert")


def asked(expression: Expression, features: Sequence[str]) -> Iterator[str]:
    """The text with its variables replaced, as Grafana does: once for each choice there is."""
    text = expression.text
    for name, value in BUILT_IN.items():
        text = text.replace(name, value)
    text = text.replace('model="$model"', 'model=~"$model"')
    for name in ("job", "instance", "model", "version", "window"):
        text = text.replace(f'"${name}"', f'"{ANY}"')
    chosen = expression.choices or (("feature", feature) for feature in features)
    for name, value in chosen:
        said = text.replace(f"${name}", value)
        assert "$" not in said.replace('"$1"', ""), said
        yield said


def empty(prometheus: RealPrometheus, features: Sequence[str]) -> list[str]:
    """Places of the expressions that give nothing, whatever is chosen; what Prometheus does not
    understand raises."""
    for expression in alerts():
        prometheus.query(expression.text)
    return [
        expression.place
        for expression in every_expression()
        if not any(_has_data(prometheus, text) for text in asked(expression, features))
    ]


def _has_data(prometheus: RealPrometheus, text: str) -> bool:
    """Whether there is a number; nothing over nothing is none."""
    return not all(math.isnan(value) for _, value in prometheus.query(text))


def wrongly_listed(found: Sequence[str], reasons: Mapping[str, str]) -> list[str]:
    """Complaints: what is empty without a reason, and what has one and is not empty; a key of
    ``reasons`` is the beginning of the places that it speaks of."""
    known = [expression.place for expression in every_expression()]
    complaints = [
        f"empty without a reason: {place}"
        for place in found
        if not any(place.startswith(listed) for listed in reasons)
    ]
    for listed in reasons:
        meant = [place for place in known if place.startswith(listed)]
        if not meant:
            complaints.append(f"listed and not there: {listed}")
        complaints += [f"listed and not empty: {place}" for place in meant if place not in found]
    return complaints
