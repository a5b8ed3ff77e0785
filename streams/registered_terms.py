"""What registrations and files add up to: from when until when each version serves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from engine.model import MonitoredModel
from engine.terms import Registered, Term, terms_of
from streams.model_records import Head

Heads = Mapping[str, tuple[Head, int]]
"""``model@version`` -> its newest head and the stamp of that."""


def terms_among(
    files: Sequence[MonitoredModel], heads: Heads, stamps: Mapping[str, int]
) -> dict[str, Term]:
    """``model@version`` -> its term, of those in files and those of the topic.

    ``stamps`` are those of the newest record about each model, also of a version that is gone.
    """
    status = {model.key: model.spec.inventory.status for model in files}
    places = {model.key: (model.spec.model, model.spec.version) for model in files}
    places |= {key: (head.model, head.version) for key, (head, _) in heads.items()}
    named: dict[str, list[Registered]] = {}
    for key, (name, version) in places.items():
        head, stamp = heads.get(key, (None, 0))
        told = Registered(
            version=version,
            in_files=key in status,
            status=status.get(key, ""),
            stamp=stamp,
            effective_from_ms=None if head is None else head.effective_from_ms,
            retired_ms=None if head is None else head.retired_ms,
        )
        named.setdefault(name, []).append(told)
    return {
        f"{name}@{version}": term
        for name, versions in named.items()
        for version, term in terms_of(versions, stamp=stamps.get(name, 0)).items()
    }


def ended_first(terms: Mapping[str, Term], but: Collection[str], kept: int) -> set[str]:
    """Versions whose term has an end, less the ``kept`` that end last, and less ``but``."""
    ends = ((term.until_ms, key) for key, term in terms.items() if key not in but)
    ended = sorted((at_ms, key) for at_ms, key in ends if at_ms is not None)
    return {key for _, key in ended[: max(0, len(ended) - kept)]}
