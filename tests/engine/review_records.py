"""Made-up records of a model in hours, for tests of what a report makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from engine.review.index import Index, index_of
from engine.review.review import Review, review_of
from engine.review.scope import Scope
from engine.spec import Spec
from engine.timestamps import ms_to_rfc3339
from tests.engine.models import HOUR, START

Record = dict[str, Any]
MODEL: Final = "m"
VERSION: Final = "v1"
ROLES: Final = (
    *("judgements", "alerts", "retraining-triggers", "promotions", "audit"),
    *("dead-letters", "late"),
)


def at(hour: float) -> str:
    """The time so many hours after START."""
    return ms_to_rfc3339(START + round(hour * HOUR))


def judged(hour: int, level: str = "STABLE", psi: float = 0.01, **more: object) -> Record:
    """The judgement of the data's hour that ends then, with one feature."""
    verdict = {
        "level": level,
        "events": 100,
        "missing": 0,
        "invalid": 0,
        "psi_corrected": psi,
        "psi_p_value": 0.5,
        "psi_threshold": 0.2,
    }
    return {
        "model": MODEL,
        "version": VERSION,
        "window": "1h",
        "start": at(hour - 1),
        "end": at(hour),
        "revision": 0,
        "events": 100 + hour,
        "level": level,
        "data": {"level": level},
        "features": {"x": verdict},
        "quality": {"level": "STABLE"},
        "operations": {"events_per_second": 0.03, "error_rate": 0.0},
        "profile": "sha256:p",
        "spec": "sha256:s",
        **more,
    }


def alerted(
    episode: str, hour: int, state: str = "open", severity: str = "WARNING", **more: object
) -> Record:
    """A record of ``alerts``."""
    return {
        "alert_id": f"{episode}/{state}/{hour}",
        "episode": episode,
        "model": MODEL,
        "version": VERSION,
        "rule": "psi_features",
        "cause": "data_drift",
        "window": "1h",
        "since": at(hour - 1),
        "end": at(hour),
        "state": state,
        "severity": severity,
        "events": 100,
        "evidence": {"observed": {}, "features": []},
        **more,
    }


def asked(name: str, hour: int, **more: object) -> Record:
    """A record of ``retraining-triggers``."""
    return {
        "trigger_id": name,
        "model": MODEL,
        "version": VERSION,
        "cause": "data_drift",
        "window": {"name": "1h", "start": at(hour - 1), "end": at(hour), "events": 100},
        "rule": "psi_features",
        "observed": {"features_over": 1},
        "threshold": {"psi": 0.2},
        "evidence": [{"feature": "x", "psi_corrected": 0.5, "psi_threshold": 0.2, "p_value": 1e-6}],
        "recommended": "retrain",
        "why": "population",
        "path": [{"question": "are the data sound?", "answer": "yes", "numbers": {}}],
        "cooldown_until": at(hour + 1),
        **more,
    }


def answered(name: str, hour: int, status: str, **more: object) -> Record:
    """A record of ``audit``."""
    return {
        "kind": "retraining_result",
        "model": MODEL,
        "trigger_id": name,
        "status": status,
        "taken": True,
        "at": at(hour),
        **more,
    }


def scope(first: float, last: float, versions: Sequence[str] = (VERSION,)) -> Scope:
    """The period between two hours."""
    return Scope(MODEL, tuple(versions), START + round(first * HOUR), START + round(last * HOUR))


def indexed(records: Iterable[Record]) -> Index:
    """The index of some judgements."""
    return index_of(records)


def reviewed(
    period: Scope, judgements: Sequence[Record], spec: Spec | None = None, **more: Sequence[Record]
) -> Review:
    """The review of made-up records; topics by their roles, with ``_`` for ``-``."""
    given = {name.replace("_", "-"): records for name, records in more.items()}
    records = {role: given.get(role, ()) for role in ROLES} | {"judgements": judgements}
    topics = {role: (lambda found=found: found) for role, found in records.items()}
    return review_of(topics, index_of(judgements), period, spec)


def measured(hour: int, accuracy: float, level: str = "STABLE", **more: object) -> Record:
    """The judgement of performance of the hour that ends then."""
    return {
        **_of_labels(hour),
        "section": "performance",
        "level": level,
        "performance": {**section(accuracy, level), **more},
    }


def cohort(hour: int, accuracy: float, level: str = "STABLE") -> Record:
    """The same of the cohort a day after its predictions."""
    return {
        **_of_labels(hour),
        "section": "cohorts",
        "cohorts": {"1d": section(accuracy, level)},
    }


def section(accuracy: float, level: str) -> Record:
    """What a judgement says of one measure."""
    return {
        "level": level,
        "labelled": 90,
        "accuracy": accuracy,
        "intervals": {"accuracy": [accuracy - 0.02, accuracy + 0.02]},
        "baseline": {"accuracy": 0.9},
        "difference": {"accuracy": {"value": accuracy - 0.9, "low": -0.05, "high": 0.01}},
        "estimated": {"accuracy": 0.89},
        "levels": {"accuracy": {"level": level}},
    }


def _of_labels(hour: int) -> Record:
    plain = judged(hour)
    names = ("model", "version", "window", "start", "end", "revision", "profile", "spec")
    return {name: plain[name] for name in names} | {"events": 90}


def compared(hour: int, difference: float, decision: str = "HOLD") -> Record:
    """A look at a comparison with another version, which began at START."""
    return {
        "model": MODEL,
        "version": VERSION,
        "section": "comparison",
        "champion": "v0",
        "window": "1h",
        "start": at(0),
        "end": at(hour),
        "revision": 0,
        "phase": "comparing",
        "decision": decision,
        "measure": {
            "name": "auc",
            "difference": difference,
            "low": difference - 0.01,
            "high": difference + 0.01,
            "better_by": 0.02,
        },
    }


def promoted(hour: int, difference: float) -> Record:
    """A record of ``promotions``."""
    return {
        **compared(hour, difference, "PROMOTE"),
        "promotion_id": f"sha256:{hour}",
        "kind": "promotion",
        "challenger": VERSION,
        "until": at(hour),
        "reasons": [],
        "final": True,
        "sequential": {"p_value": 0.001},
    }


def term(hour: int, change: str, **more: object) -> Record:
    """A record of ``audit`` on the term of the version."""
    return {
        "kind": "term",
        "model": MODEL,
        "version": VERSION,
        "change": change,
        "at": at(hour),
        "stamp": hour,
        **more,
    }
