"""Named scenarios, and scenarios from a file.

Rule.  A scenario is a name, a sentence and the changes that it scripts
(:mod:`examples.fraud.drift`).  A file holds the same in YAML::

    name: black_friday
    says: more payments, and other ones
    changes:
      - {kind: volume, start: 0.5, strength: 1.0}
      - {kind: merchants, shape: gradual, start: 0.5, ramp: 0.1, strength: 0.5}
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import yaml

from examples.fraud.drift import Change


class ScenarioError(ValueError):
    """There is no such scenario, or its file does not say one."""


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a stream goes through."""

    name: str
    says: str
    changes: tuple[Change, ...] = ()


STATIONARY: Final = Scenario("stationary", "nothing drifts")
_NAMED: Final = (
    STATIONARY,
    Scenario(
        "sudden_covariate",
        "other people pay, from one moment on",
        (Change("population", strength=0.6),),
    ),
    Scenario(
        "amount_inflation",
        "amounts grow by 60 % over a quarter of the stream",
        (Change("amount", "incremental", strength=0.6),),
    ),
    Scenario(
        "category_mix",
        "merchant categories shift, payment by payment",
        (Change("merchants", "gradual", strength=0.7),),
    ),
    Scenario(
        "recurring_covariate",
        "apps and the web come and go",
        (Change("devices", "recurring", strength=0.8),),
    ),
    Scenario(
        "new_device", "one payment in five by a new device", (Change("new_device", strength=0.2),)
    ),
    Scenario(
        "sudden_prediction",
        "a faulty release of the model scores everything higher",
        (Change("score", strength=1.5),),
    ),
    Scenario("sudden_concept", "fraud moves at once", (Change("concept", strength=0.8),)),
    Scenario(
        "gradual_concept",
        "ever more fraudsters change their ways",
        (Change("concept", "gradual", strength=0.8),),
    ),
    Scenario(
        "incremental_concept",
        "fraudsters change their ways little by little",
        (Change("concept", "incremental", strength=0.8),),
    ),
    Scenario(
        "recurring_concept",
        "two ways of fraud take turns",
        (Change("concept", "recurring", strength=0.8),),
    ),
    Scenario(
        "fraud_wave", "twice as much fraud, everywhere", (Change("fraud_wave", strength=0.7),)
    ),
    Scenario("unit_change", "amounts in cents", (Change("rescaled", strength=1.0),)),
    Scenario("null_surge", "country and device get lost", (Change("missing", strength=0.4),)),
    Scenario("frozen_upstream", "the amount stands still", (Change("frozen", strength=1.0),)),
    Scenario("category_rename", "countries in small letters", (Change("renamed", strength=1.0),)),
    Scenario("volume_surge", "three times as many payments", (Change("volume", strength=2.0),)),
)
SCENARIOS: Final[dict[str, Scenario]] = {each.name: each for each in _NAMED}


def scenario_of(name: str) -> Scenario:
    """The scenario of that name, or of that YAML file; ScenarioError when there is none."""
    if name in SCENARIOS:
        return SCENARIOS[name]
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        raise ScenarioError(f"no such scenario: {name!r}; there are {', '.join(SCENARIOS)}")
    try:
        return msgspec.convert(yaml.safe_load(path.read_bytes()), Scenario)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ScenarioError(f"{name}: {error}") from error
