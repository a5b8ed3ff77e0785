"""The models that the targets count by: small, and every kind of input among them."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from engine import pieces
from engine.model import MonitoredModel
from engine.reference_table import ReferenceTable
from tests.engine.models import WORDS, model_of, spec_text

_QUIET = {"estimators": "{}"}
_JOINED = {"label": "{ttl: 1d, lateness: 1h, amend: 1h, pane: 1m, maturities: [10m]}"}
"""Labels find their predictions, and performance has panes."""
SMALL_PIECE_BYTES: Final = 48


def lighten() -> None:
    """For this process: blocks of counts of these small models are large enough to be pieces of a
    snapshot."""
    pieces.MIN_PIECE_BYTES = SMALL_PIECE_BYTES


@cache
def inline() -> MonitoredModel:
    """Features inside predictions; labels are read too; no estimators, which only cost time."""
    return model_of(spec_text(inputs="[predictions, labels]", **_QUIET, **_JOINED))


@cache
def separate() -> MonitoredModel:
    """The same model's second version: features apart, and ``c`` is a number in it."""
    features = "{c: {type: numeric, bins: 5, fine_bins: 20}, d: {type: categorical, categories: 3}}"
    random = np.random.default_rng(2)
    table = ReferenceTable(
        rows=500,
        numeric={"c": random.normal(size=500)},
        categorical={"d": random.choice([*WORDS, "5411", "true", "1"], 500).tolist()},
        score=random.random(500),
    )
    text = spec_text(
        version="v2",
        inputs="[features, predictions, labels]",
        features=features,
        **_QUIET,
        **_JOINED,
    )
    return model_of(text, table)


@cache
def judged() -> MonitoredModel:
    """A model that is judged at little cost: two features and one window."""
    features = "{x: {type: numeric, bins: 3, fine_bins: 6}, c: {type: categorical, categories: 2}}"
    random = np.random.default_rng(3)
    table = ReferenceTable(
        rows=300,
        numeric={"x": random.normal(size=300)},
        categorical={"c": random.choice(WORDS, 300).tolist()},
        score=random.random(300),
    )
    rules = "{cooldown: 3m, rules: {psi_features: {above: 0.2, features: 1, window: 1m}}}"
    text = spec_text(windows="[1m]", features=features, retraining=rules, **_QUIET)
    return model_of(text, table)


@cache
def watched() -> MonitoredModel:
    """A model with an estimator over its number."""
    features = "{x: {type: numeric, bins: 3, fine_bins: 6}}"
    rules = "{cooldown: 3m, rules: {psi_features: {above: 0.2, features: 1, window: 1m}}}"
    random = np.random.default_rng(4)
    table = ReferenceTable(
        rows=300,
        numeric={"x": random.normal(size=300)},
        categorical={},
        score=random.random(300),
    )
    text = spec_text(windows="[1m]", features=features, retraining=rules, version="v9")
    return model_of(text, table)
