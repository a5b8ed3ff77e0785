"""The spec of the documentation and others, to be spoiled in tests, and their faults."""

from __future__ import annotations

import pytest

from engine.spec_faults import Fault, SpecError
from engine.spec_reading import read_spec

DOCUMENTED = """\
model: fraud
version: "2026.11"
inventory: {owner: payments-risk, purpose: card-not-present fraud, risk_tier: high, \
status: production, next_review: 2027-06-30}
time: {pane: 10s, lateness: 30s, amend: 10m, idle: 30s}
windows: [5m, 1h, 7d]
features:
  amount: {type: numeric, bins: 10, required: true, range: [0, null], importance: 0.4}
  mcc: {type: categorical, categories: 50}
  country: {type: categorical, sensitive: true}
prediction: {type: binary, threshold: 0.5}          # binary | multiclass | regression
inputs: [predictions, labels]
label: {ttl: 90d, lateness: 1d, amend: 7d, maturities: [1h, 1d, 30d], negative_after: 90d}
segments: [channel]
retraining:
  cooldown: 7d
  rules:
    psi_features: {above: 0.20, features: 3, window: 1h, at_least: 2, of_last: 3}
    volume: {factor: 2, window: 1h}
columns: {event_id: id, ts: timestamp, score: y_pred_proba, decision: y_pred, label: repaid}
"""

LEAST = """\
model: m
version: v1
inventory: {owner: risk}
windows: [5m, 1h, 7d]
features:
  x: {type: numeric}
"""

FULL = """\
model: fraud
version: "2026.11"
inventory:
  owner: payments-risk
  risk_tier: high
  next_review: 2027-06-30
time:
  pane: 10s
  lateness: 30s
  amend: 10m
  idle: 30s
windows:
  - 5m
  - {length: 1h, judge_every: 10m}
  - 7d
features:
  amount:
    type: numeric
    bins: 10
    fine_bins: 50
    required: true
    range: [0, 1000]
    importance: 0.4
  mcc:
    type: categorical
    categories: 50
prediction:
  type: binary
  threshold: 0.5
inputs: [predictions, labels]
label:
  ttl: 90d
  maturities: [1h, 1d]
  negative_after: 90d
segments: [channel]
season: hour
duplicates: {last: 1000}
budget: {false_pages: 2, per: 7d}
psi:
  watch: 0.05
  drift: 0.15
  pseudo_count: 1
estimators:
  adwin: {delta: 0.002}
retraining:
  cooldown: 7d
  rules:
    psi_features:
      above: 0.3
      features: 1
      window: 1h
      at_least: 2
      of_last: 3
    volume: {factor: 2}
columns:
  event_id: id
"""


def faults_of(text: str) -> list[Fault]:
    """The faults of a text that is no spec."""
    with pytest.raises(SpecError) as caught:
        read_spec(text)
    return caught.value.faults


def one_fault(text: str) -> Fault:
    """The only fault of a text."""
    faults = faults_of(text)
    assert len(faults) == 1, [str(fault) for fault in faults]
    return faults[0]
