"""The costly pure functions of the core, remembered.

Rule.  Thousands of seeds judge the same few windows again; what comes out of a pure function is
kept by everything that goes in.  A window of other counts is another window, and is computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final
from unittest import mock

import engine.tally
import engine.tally_snapshot
from engine.judgement import Judged
from engine.window_judging import WindowJudging

_JUDGED: Final[dict[Any, Judged]] = {}
_judge = WindowJudging.judge


def _judge_once(self: Any, rule: Any, *arguments: Any) -> Judged:  # noqa: ANN401
    end_ms, revision, counts, slices, alarms, first_event_ms = arguments
    about = (end_ms, revision, counts.tobytes(), slices.tobytes(), repr(alarms), first_event_ms)
    key = (self._model.layout.hash, self._model.policy_hash, rule.name, *about)
    judged = _JUDGED.get(key)
    if judged is None:
        judged = _JUDGED[key] = _judge(self, rule, *arguments)
    return judged


@contextmanager
def judged_once() -> Iterator[None]:
    """Remember while inside."""
    with (
        mock.patch.object(WindowJudging, "judge", _judge_once),
        mock.patch.object(engine.tally, "estimators", cache(engine.tally.estimators)),
        mock.patch.object(
            engine.tally_snapshot, "estimators", cache(engine.tally_snapshot.estimators)
        ),
    ):
        yield
