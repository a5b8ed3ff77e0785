"""The files of a replay as a history of what its spec said.

Rule.  Read are the records themselves, a line at a time, and the judgements are not kept: a year of
windows of a thousand features is gigabytes.  Only the features that alerts named are followed.
A directory may hold what was said of several versions; a history is of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from engine.model import MonitoredModel
from engine.policy.episodes import episodes_of
from engine.policy.history import PolicyHistory, triggers_of, windows_of
from engine.policy.redeciding import Decided, decide_again
from engine.policy.terms import terms_told


def read_history(title: str, model: MonitoredModel, directory: Path) -> PolicyHistory:
    """The history in the files of ``streams.replay``; OSError when one cannot be read."""
    version = model.spec.version
    episodes = episodes_of(_records(directory / "alerts.ndjson", version))
    followed: set[str] = set().union(*(episode.features for episode in episodes))
    return PolicyHistory(
        title,
        model,
        tuple(windows_of(_records(directory / "judgements.ndjson", version), sorted(followed))),
        tuple(episodes),
        tuple(triggers_of(_records(directory / "retraining-triggers.ndjson", version))),
        tuple(terms_told(_records(directory / "audit.ndjson", version))),
    )


def _records(path: Path, version: str) -> Iterator[dict[str, Any]]:
    """Those about a version; an answer to a trigger tells of the one that was made."""
    with path.open("rb") as file:
        for tree in map(orjson.loads, file):
            if tree.get("version") == version:
                yield tree


def history_again(
    title: str, model: MonitoredModel, windows: Sequence[Decided], judged: PolicyHistory
) -> PolicyHistory:
    """The history of the same windows under other thresholds, without another replay."""
    records: dict[str, list[dict[str, Any]]] = {"alerts": [], "retraining-triggers": []}
    for effect in decide_again(model, windows):
        assert effect.value is not None, "decisions have a value"
        records[effect.topic].append(orjson.loads(effect.value))
    return PolicyHistory(
        title,
        model,
        judged.windows,
        tuple(episodes_of(records["alerts"])),
        tuple(triggers_of(records["retraining-triggers"])),
    )
