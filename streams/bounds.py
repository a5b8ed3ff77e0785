"""The bounds of a running worker: what each is called, how much it is and how much of it is used.

Rule.  Whatever a producer, a broker or a slow reader could make grow has a bound, and each bound is
told at /metrics: ``longshore_bound_limit{bound, reached}`` and, where coming near it is a sign of
trouble, ``longshore_bound_used{bound}``.  A queue that is full under load and a ring that is always
full have no usage: there being full is the normal state.  docs/bounds.md is this table in words.

``reached`` says what happens at the bound:

``waits``       the reader waits, or the work is done in parts; nothing is lost
``holds``       the reader waits and no offset is committed; nothing is lost
``rejects``     the record is a dead letter with its reason
``cuts``        the rest of a text or of a record is left out, and the record says so
``counts``      the rest is counted and not carried
``folds``       further names are counted together
``forgets``     the oldest goes
``refuses``     the start is refused with a line that says what to do
``stops``       the worker ends with a line that says what to do; nothing is lost
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Final, Literal

from engine.dead_letters import MAX_CARRIED_BYTES
from engine.decide.request_state import MAX_REQUESTS
from engine.decide.requests import MAX_WAITING_RESULTS
from engine.decode import MAX_EVENT_ID_CHARS
from engine.diagnose import MAX_NAME_CHARS, MAX_RECORD_BYTES
from engine.judge import Judge
from engine.layout import MAX_CELLS
from engine.loss_waiting import MAX_WAITING_LOSSES
from engine.model_tally import CELLS_AT_ONCE
from engine.open_panes import MAX_OPEN_PANE_BYTES
from engine.outcomes import MAX_SHADOW_CHARS, MAX_SHADOW_NAMES, OTHER_SHADOWS
from engine.retraining_results import MAX_RESULT_BYTES
from engine.snapshot import MAX_SNAPSHOT_BYTES
from engine.spec import LabelRules
from engine.spec_reading import MAX_DUPLICATES, MAX_SEGMENTS
from engine.spec_retraining import MAX_CONFIRMATIONS
from engine.spec_sections import MAX_CATEGORIES, MAX_FEATURES
from engine.spec_windows import MAX_RING_PANES, MAX_WINDOWS
from engine.spec_yaml import MAX_SPEC_BYTES
from engine.tally import Tally
from streams.checkpoint import MAX_UNSETTLED
from streams.clients import QUEUED_KBYTES, librdkafka_reader_options
from streams.dead_letter_limit import DEFAULT_PER_MINUTE
from streams.live import LiveState
from streams.model_files import MAX_MODELS, MAX_PROFILE_BYTES
from streams.pending import MAX_OVERLAY_CHANGES
from streams.settings import MAX_SETTINGS_BYTES, Settings
from streams.tallying import MAX_OPEN_CELLS
from streams.web.history import MAX_HISTORY_BYTES
from streams.web.updates import MAX_STREAMS

Reached = Literal[
    "waits", "holds", "rejects", "cuts", "counts", "folds", "forgets", "refuses", "stops"
]

MAX_SERIES: Final = 50_000
QUEUED_BATCHES: Final = 4
"""Batches waiting before an agent; beyond it the fetcher waits."""
PRODUCER_BATCH_BYTES: Final = 262_144
"""One batch is filled and one under way for each partition of each output topic."""
RECOVERY_BUFFERED: Final = 256
"""Records of the snapshots topic between the fetcher and the table while it is read back."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound; ``limit`` is the default where the settings decide it."""

    name: str
    limit: float
    reached: Reached
    used: Callable[[LiveState], float] | None = None


def _told(name: str) -> Callable[[LiveState], float]:
    """Usage that whoever holds it puts into the live state; 0 until then."""
    return lambda live: live.usage.get(name, lambda: 0)()


def _waiting_results(live: LiveState) -> float:
    judges = (judge for judge in live.judges.values() if isinstance(judge, Judge))
    of_triggers = (
        Counter(one.result.trigger_id for one in judge.decisions.requests.waiting)
        for judge in judges
    )
    return max((max(counts.values(), default=0) for counts in of_triggers), default=0)


def _shadow_names(live: LiveState) -> float:
    tallies = (tally for tally in live.tallies.values() if isinstance(tally, Tally))
    return max(
        (len(tally.outcomes.shadows.keys() - {OTHER_SHADOWS}) for tally in tallies), default=0
    )


def _join_events(live: LiveState) -> float:
    tallies = (tally for tally in live.tallies.values() if isinstance(tally, Tally))
    return max((len(j.join) for tally in tallies for j in tally.joinings.values()), default=0)


def _waiting_losses(live: LiveState) -> float:
    tallies = (tally for tally in live.tallies.values() if isinstance(tally, Tally))
    held = (j.losses for tally in tallies for j in tally.joinings.values())
    return max((len(losses.waiting) for losses in held if losses is not None), default=0)


BOUNDS: Final = (
    # Reading.
    Bound("batch_records", Settings().batch_size, "waits"),
    Bound("queued_batches", QUEUED_BATCHES, "waits"),
    Bound("prefetched_bytes", QUEUED_KBYTES * 1_024, "waits"),
    Bound("recovery_records", RECOVERY_BUFFERED, "waits"),
    Bound("cells_at_once", CELLS_AT_ONCE, "waits"),
    # Records.
    Bound("record_bytes", MAX_RECORD_BYTES, "rejects"),
    Bound("result_bytes", MAX_RESULT_BYTES, "rejects"),
    Bound("event_id_chars", MAX_EVENT_ID_CHARS, "rejects"),
    Bound("model_name_chars", MAX_NAME_CHARS, "rejects"),
    Bound("shadow_name_chars", MAX_SHADOW_CHARS, "cuts"),
    Bound("shadow_names", MAX_SHADOW_NAMES, "folds", _shadow_names),
    Bound("duplicate_ids", MAX_DUPLICATES, "forgets"),
    # State.
    Bound("open_tally_cells", MAX_OPEN_CELLS, "holds", _told("open_tally_cells")),
    Bound(
        "open_pane_bytes",
        MAX_OPEN_PANE_BYTES,
        "stops",
        lambda live: max((judge.open_pane_bytes for judge in live.judges.values()), default=0),
    ),
    Bound("join_events", LabelRules().pending, "forgets", _join_events),
    Bound("waiting_losses", MAX_WAITING_LOSSES, "counts", _waiting_losses),
    Bound("overlay_changes", MAX_OVERLAY_CHANGES, "holds", _told("overlay_changes")),
    Bound("ring_panes", MAX_RING_PANES, "forgets"),
    Bound("history_windows", MAX_CONFIRMATIONS, "forgets"),
    Bound("retraining_requests", MAX_REQUESTS, "forgets"),
    Bound("waiting_results", MAX_WAITING_RESULTS, "counts", _waiting_results),
    Bound("snapshot_bytes", MAX_SNAPSHOT_BYTES, "stops", lambda live: live.largest_snapshot_bytes),
    # Writing.
    Bound("unsettled_tally_effects", MAX_UNSETTLED, "holds", _told("unsettled_tally_effects")),
    Bound("unsettled_judge_effects", MAX_UNSETTLED, "holds", _told("unsettled_judge_effects")),
    Bound("producer_batch_bytes", PRODUCER_BATCH_BYTES, "waits"),
    Bound("dead_letter_bytes", MAX_CARRIED_BYTES, "cuts"),
    Bound(
        "dead_letters_per_minute",
        DEFAULT_PER_MINUTE,
        "counts",
        lambda live: live.dead_letters.in_minute(monotonic()),
    ),
    Bound("series", MAX_SERIES, "counts", _told("series")),
    # The live page.
    Bound("page_bytes", MAX_HISTORY_BYTES, "forgets", _told("page_bytes")),
    Bound("page_streams", MAX_STREAMS, "rejects", _told("page_streams")),
    # What a worker is told.
    Bound("models", MAX_MODELS, "refuses", _told("models")),
    Bound("features_per_model", MAX_FEATURES, "refuses"),
    Bound("categories_per_feature", MAX_CATEGORIES, "refuses"),
    Bound("windows_per_model", MAX_WINDOWS, "refuses"),
    Bound("segments_per_model", MAX_SEGMENTS, "refuses"),
    Bound("cells_per_model", MAX_CELLS, "refuses"),
    Bound("spec_bytes", MAX_SPEC_BYTES, "refuses"),
    Bound("profile_bytes", MAX_PROFILE_BYTES, "refuses"),
    Bound("settings_bytes", MAX_SETTINGS_BYTES, "refuses"),
)


def obey(live: LiveState, settings: Settings) -> None:
    """Take over the bounds that the settings decide."""
    live.dead_letters.per_minute = settings.dead_letters_per_minute
    live.dead_letter_ratio_limit = settings.dead_letter_ratio_limit
    live.limits["batch_records"] = settings.batch_size
    live.limits["dead_letters_per_minute"] = settings.dead_letters_per_minute
    prefetched = librdkafka_reader_options(settings)["queued.max.messages.kbytes"]
    live.limits["prefetched_bytes"] = prefetched * 1_024


def measured(live: LiveState) -> Iterator[tuple[Bound, float, float | None]]:
    """Each bound with its limit and its usage as they are now; None where none is told."""
    for bound in BOUNDS:
        limit = live.limits.get(bound.name, bound.limit)
        yield bound, limit, None if bound.used is None else float(bound.used(live))
