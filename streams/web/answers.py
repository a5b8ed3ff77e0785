"""What the live page's interface answers, as JSON bytes, from the kept history.

Rule.  Pure.  Every answer is bounded: as many models as are kept, and of a series at most
MAX_WINDOWS_TOLD windows.  Rows of windows are joined as they were kept, not decoded again; where
one window is asked for, its whole record is opened.  A question about what is not kept is
:class:`NotKeptError`, about what cannot be meant :class:`BadQuestionError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from engine.timestamps import ms_to_rfc3339, rfc3339_to_ms
from streams.web.entries import Entry, Kind, Series
from streams.web.history import History, ModelHistory, ModelKey, Windows
from streams.web.trouble import by_trouble, length_ms, standing

MAX_WINDOWS_TOLD: Final = 400
DEFAULT_WINDOWS: Final = 120
MAX_DIGITS: Final = len(str(MAX_WINDOWS_TOLD))
"""Of a number of windows."""

Query = Mapping[str, str]


class NotKeptError(LookupError):
    """Nothing is known of what was asked for."""


class BadQuestionError(ValueError):
    """The question cannot be meant."""


def joined(rows: Iterable[bytes]) -> bytes:
    """A JSON array of values that are JSON already."""
    return b"[" + b",".join(rows) + b"]"


def together(**parts: bytes) -> bytes:
    """A JSON object of values that are JSON already."""
    fields = (orjson.dumps(name) + b":" + value for name, value in parts.items())
    return b"{" + b",".join(fields) + b"}"


class Answers:
    """Answers from one history; how a version stands is worked out once for each change."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._standing: dict[ModelKey, tuple[tuple[int, ...], bytes]] = {}

    def changed(self, keys: Iterable[ModelKey]) -> None:
        """These versions have something new."""
        for key in keys:
            self._standing.pop(key, None)

    def _refresh(self) -> None:
        """Work out anew what changed."""
        kept = self._history.models
        for key in self._standing.keys() - kept.keys():
            del self._standing[key]
        fresh = [one for key, one in kept.items() if key not in self._standing]
        for told in by_trouble(fresh):
            tree = orjson.dumps(told.as_tree())
            self._standing[told.model, told.version] = (tuple(-n for n in told.rank), tree)

    def models(self) -> bytes:
        """All versions, by trouble."""
        self._refresh()
        ordered = sorted(self._standing.items(), key=lambda item: (item[1][0], item[0]))
        return together(
            models=joined(tree for _, (_, tree) in ordered),
            records=orjson.dumps(self._history.records),
            bytes=orjson.dumps(self._history.size_bytes),
            forgotten=orjson.dumps(self._history.forgotten),
        )

    def rows(self, keys: Iterable[ModelKey]) -> bytes:
        """How these versions stand, as an array."""
        self._refresh()
        return joined(self._standing[key][1] for key in keys if key in self._standing)

    def model(self, query: Query) -> bytes:
        """One version: how it stands (at a time), and which windows there are of it."""
        kept = self._kept(query)
        at_ms = _time(query, "at")
        series = [
            {
                "window": one.window,
                "section": one.section,
                "maturity": one.maturity,
                "windows": len(windows.by_end),
                "first": ms_to_rfc3339(min(windows.by_end)),
                "last": ms_to_rfc3339(max(windows.by_end)),
            }
            for one, windows in sorted(
                kept.windows.items(),
                key=lambda item: (item[0].section, length_ms(item[0].window), item[0].maturity),
            )
            if windows.by_end
        ]
        versions = [v for m, v in self._history.models if m == kept.model]
        return orjson.dumps(
            {
                "standing": standing(kept, at_ms).as_tree(),
                "series": series,
                "versions": sorted(versions),
            }
        )

    def windows(self, query: Query) -> bytes:
        """The windows of one series: their rows, and of the data's the features of each."""
        kept = self._kept(query)
        series, windows = self._series(kept, query)
        entries, section = _asked(windows, query), series.section
        last = entries[-1] if entries else None
        names = last.names if last is not None else ()
        return together(
            window=orjson.dumps(series.window),
            section=orjson.dumps(series.section),
            maturity=orjson.dumps(series.maturity),
            features=orjson.dumps(names),
            rows=joined(entry.row for entry in entries),
            cells=joined(_cells(one, last, names) for one in entries if last and not section),
        )

    def feature(self, query: Query) -> bytes:
        """One feature over time, and all that its newest window (or the one that ends at ``at``)
        says of it, bins among it."""
        kept = self._kept(query)
        _, windows = self._series(kept, query)
        name = query.get("feature", "")
        places: dict[bytes, int] = {}
        entries = []
        for entry in _asked(windows, query):
            if entry.packed_names not in places:
                names = entry.names
                places[entry.packed_names] = names.index(name) if name in names else -1
            if places[entry.packed_names] >= 0:
                entries.append(entry)
        if not entries:
            raise NotKeptError(f"no kept window has a feature {name!r}")
        at_ms = _time(query, "at")
        shown = entries[-1]
        if at_ms is not None:
            shown = max((e for e in entries if e.at_ms <= at_ms), default=entries[0], key=_at)
        trend = [_point(entry, places[entry.packed_names]) for entry in entries]
        tree = shown.tree()
        return orjson.dumps(
            {
                "feature": name,
                "trend": trend,
                "shown": {
                    "start": tree["start"],
                    "end": tree["end"],
                    "events": tree.get("events"),
                    "verdict": tree["features"][name],
                    "fault": ((tree.get("quality") or {}).get("features") or {}).get(name),
                    "held_back": name in tree["data"].get("held_back", ()),
                    "conventions": tree.get("conventions") or {},
                },
            }
        )

    def judgement(self, query: Query) -> bytes:
        """The record of one window as it was published."""
        kept = self._kept(query)
        _, windows = self._series(kept, query)
        at_ms = _time(query, "at")
        entry = windows.latest if at_ms is None else windows.by_end.get(at_ms)
        if entry is None:
            raise NotKeptError("no window that ends there is kept")
        return orjson.dumps(entry.tree())

    def decisions(self, query: Query) -> bytes:
        """Episodes with their alerts, triggers with what became of them, and the audit of one
        version; as far as they were told by ``at``, where it is asked for."""
        kept = self._kept(query)
        at_ms = _time(query, "at")

        def told(kind: Kind) -> list[Entry]:
            return [one for one in kept.of_kind(kind) if at_ms is None or one.at_ms <= at_ms]

        episodes: dict[str, list[dict[str, Any]]] = {}
        for entry in told("alert"):
            tree = entry.tree()
            episodes.setdefault(str(tree.get("episode")), []).append(tree)
        answers = self._history.results
        triggers = []
        for entry in told("trigger"):
            tree = entry.tree()
            result = answers.get(str(tree.get("trigger_id")))
            triggers.append({"trigger": tree, "result": None if result is None else result.tree()})
        return orjson.dumps(
            {
                "episodes": [{"episode": key, "alerts": one} for key, one in episodes.items()],
                "triggers": triggers,
                "audit": [entry.tree() for entry in told("audit")],
            }
        )

    def comparisons(self, query: Query) -> bytes:
        """What was said of champions and challengers, and since when which version serves; of all
        models, or of one."""
        wanted = query.get("model")
        promotions, audit = [], []
        for (model, _), kept in self._history.models.items():
            if wanted in (None, model):
                promotions += kept.of_kind("promotion")
                audit += kept.of_kind("audit")
        return orjson.dumps(
            {
                "promotions": [e.tree() for e in sorted(promotions, key=_at)[-MAX_WINDOWS_TOLD:]],
                "audit": [e.tree() for e in sorted(audit, key=_at)[-MAX_WINDOWS_TOLD:]],
            }
        )

    def _kept(self, query: Query) -> ModelHistory:
        key = query.get("model", ""), query.get("version", "")
        kept = self._history.models.get(key)
        if kept is None:
            raise NotKeptError("nothing was published of this version, or it is forgotten")
        return kept

    @staticmethod
    def _series(kept: ModelHistory, query: Query) -> tuple[Series, Windows]:
        series = Series(
            query.get("window", ""), query.get("section", ""), query.get("maturity", "")
        )
        if not series.window:
            of_section = [s for s in kept.windows if s.section == series.section]
            if not of_section:
                raise NotKeptError("no window of this section is kept")
            series = max(of_section, key=lambda one: length_ms(one.window))
        windows = kept.windows.get(series)
        if windows is None:
            raise NotKeptError("no window of this length is kept")
        return series, windows


def _at(entry: Entry) -> int:
    return entry.at_ms


def _time(query: Query, name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return rfc3339_to_ms(text)
    except ValueError as error:
        raise BadQuestionError(f"{name}: {error}") from error


def _asked(windows: Windows, query: Query) -> list[Entry]:
    """The windows between ``from`` and ``to``, the last ``windows`` of them."""
    text = query.get("windows", str(DEFAULT_WINDOWS))
    digits = text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
    if not (digits and 1 <= int(text) <= MAX_WINDOWS_TOLD):
        raise BadQuestionError(f"windows: 1 to {MAX_WINDOWS_TOLD}")
    from_ms, to_ms = _time(query, "from"), _time(query, "to")
    latest_ms = windows.latest.at_ms if windows.latest is not None else 0
    return windows.between(from_ms or 0, latest_ms if to_ms is None else to_ms, int(text))


def _cells(entry: Entry, last: Entry, names: tuple[str, ...]) -> bytes:
    """The features of a window in the order of ``names``, the last's, whatever its own were."""
    if entry.packed_names == last.packed_names:
        return entry.features
    row = orjson.loads(entry.features)
    at = {name: number for number, name in enumerate(entry.names)}
    places = [at.get(name) for name in names]
    return orjson.dumps(
        {
            "levels": "".join("U" if i is None else row["levels"][i] for i in places),
            "psi": [None if i is None else row["psi"][i] for i in places],
            "threshold": [None if i is None else row["threshold"][i] for i in places],
        }
    )


def _point(entry: Entry, at: int) -> dict[str, Any]:
    row = orjson.loads(entry.features)
    return {
        "end": ms_to_rfc3339(entry.at_ms),
        "level": row["levels"][at],
        "psi": row["psi"][at],
        "threshold": row["threshold"][at],
    }
