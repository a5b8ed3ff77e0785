"""The model of the runs, and the rules that it is judged by.

Rule.  Three windows, 5m, 1h and 1d, and the default budget.  The rule on features can read one
length of window; so each month is decided on four times: by the most nervous rule there is, a
single feature in a single window, on each of the three lengths, and by the default rule.  The pages
of the first three *together* are held against the budget, those of the quality of the data, which
each asks of the same windows, among them.  A page is an alert that somebody hears at once: WARNING
or CRITICAL.
"""

from __future__ import annotations

from typing import Final

from engine.model import MonitoredModel, build_model
from engine.spec_reading import read_spec

FEATURES: Final = 50
DAY_MS: Final = 86_400_000
WINDOW_MS: Final = {"5m": 300_000, "1h": 3_600_000, "1d": DAY_MS}
SPEC: Final = """\
model: {name}
version: still
inventory: {{owner: quality}}
time: {{pane: 1m, lateness: 0s, amend: 5m}}
windows:
  - {{length: 5m, judge_every: 5m}}
  - {{length: 1h, judge_every: 1h}}
  - {{length: 1d, judge_every: 1d}}
features:
{features}
prediction: {{type: binary}}
inputs: [predictions]
estimators: {{}}
"""
DEFAULT: Final = "default"


def policies(spec: str, model: MonitoredModel) -> dict[str, MonitoredModel]:
    """The model under each policy, by name; ``spec`` is the text that ``model`` was read from."""
    found = {}
    for window in WINDOW_MS:
        rule = f"{{above: 0.20, features: 1, window: {window}, at_least: 1, of_last: 1}}"
        rules = f"retraining: {{cooldown: 1h, rules: {{psi_features: {rule}}}}}"
        found[window] = _with(f"{spec}{rules}\nquality: {{window: {window}}}\n", model)
    return {**found, DEFAULT: _with(spec, model)}


def _with(text: str, model: MonitoredModel) -> MonitoredModel:
    return build_model(read_spec(text), model.profile)


def panes_in(days: int) -> int:
    """Panes of five minutes in so many days."""
    return days * DAY_MS // WINDOW_MS["5m"]
