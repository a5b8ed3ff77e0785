"""Specs that together have every field: what the reference of the spec is made from."""

from __future__ import annotations

from typing import Final

from tests.engine.good_spec import LEAST

BINARY: Final = """\
model: fraud
version: "2"
inventory: {owner: risk, purpose: p, risk_tier: high, status: shadow, next_review: 2027-06-30}
time: {pane: 10s, lateness: 30s, amend: 10m, idle: 30s}
windows: [5m, {length: 1h, judge_every: 10m}, 7d]
features:
  amount: {type: numeric, bins: 10, fine_bins: 50, required: true, range: [0, null],
           importance: 0.4, unit: ms, unchecked: [zeros]}
  mcc: {type: categorical, categories: 50, sensitive: true, upstream: [amount]}
prediction: {type: binary, threshold: 0.5, bins: 10, fine_bins: 60, rate_watch: 1.5, rate_drift: 2}
inputs: [predictions, labels]
label: {ttl: 90d, lateness: 1d, amend: 7d, maturities: [1h, 30d], negative_after: 30d, pane: 1h,
        idle: 1d, pending: 1000}
segments: [channel]
season: hour
duplicates: {last: 1000}
budget: {false_pages: 1, per: 30d}
psi: {watch: 0.1, drift: 0.2, pseudo_count: 0.5}
estimators: {adwin: {delta: 0.002}}
quality: {window: 1h, at_least: 1, of_last: 1, freshness: 5m}
operations: {window: 1h, errors: 0.01, slow: 0.05}
business:
  window: 1h
  approved: negative
  value_step: 0.01
  approval_rate: {min: 0.5, max: 0.9}
  cost_per_prediction: {max: 5}
  costs: {false_positive: {each: 4, of_value: 0}}
performance:
  by: 30d
  window: 1h
  min_labels: 100
  worse_by: 0.03
  auc: {at_least: 0.7, worse_by: 0.02}
  log_loss: {at_most: 0.7}
  chart: {sigmas: 3, ewma_weight: 0.2, ewma_sigmas: 3}
concept: {losses: [error], window: 1h, at_least: 2, of_last: 3, estimators: {adwin: {delta: 0.002}}}
comparison:
  champion: "1"
  mode: split
  stages: [{share: 0.1, least: 1d, events: 10}, {share: 0.5}]
  settle: 3d
  maturity: 30d
  guards: {error_rate: {worse_by: 0.01, at_most: 0.1, at_least: 0, worse_by_share: 0.1}}
retraining:
  cooldown: 7d
  answer_within: 1d
  ready_within: 14d
  improvement_veto: false
  time_zone: Europe/Paris
  schedule: {every: month, day: 1, at: "02:00", window: 1h, within: 7d}
  budget: {per_quarter: 4, performance: 2}
  rules:
    psi_features: {above: 0.2, features: 2, window: 1h, at_least: 2, of_last: 3}
    volume: {factor: 2, window: 1h}
    performance: {window: 1h}
    business_kpi: {window: 1h}
    estimated: {features: 1}
alerts:
  calm: 2
  no_data: 7d
  runbook: https://wiki.example/fraud
  mutes: [{rule: volume, cause: volume_high, from: 2026-11-27T00:00:00Z,
           until: 2026-11-28T00:00:00Z, reason: sale}]
  maintenance: [{from: 2026-11-27T00:00:00Z, until: 2026-11-28T00:00:00Z, reason: move}]
columns: {event_id: id}
"""
SHARED: Final = """\
model: fraud
version: "2"
inventory: {owner: risk}
windows: [1h, 1d]
features: {x: {type: numeric}, c: {type: categorical}}
inputs: [predictions, labels]
operations: {}
business: {approval_rate: {min: 0.1}, costs: {true_positive: {}}}
performance: {auc: {}}
comparison: {champion: "1", mode: split, guards: {error_rate: {at_most: 0.1}}}
retraining:
  schedule: {every: week, day: monday}
  budget: {per_quarter: 4}
  rules: {psi_features: {}, volume: {}, performance: {}, estimated: {}}
"""
REGRESSION: Final = """\
model: price
version: "1"
inventory: {owner: risk}
windows: [1h, 1d]
features: {x: {type: numeric}}
prediction: {type: regression}
inputs: [predictions, labels]
performance: {bias: {at_most: 3}}
"""
WHOLE: Final = [LEAST, SHARED, REGRESSION, BINARY]
