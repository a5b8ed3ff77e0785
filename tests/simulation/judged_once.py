"""The costly pure functions of the core, remembered.

Rule.  Thousands of seeds judge the same few windows again; what comes out of a pure function is
kept by everything that goes in.  A window of other counts is another window, and is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from unittest import mock

from engine.decode import Decoder
from engine.judgement import Judged
from engine.model import MonitoredModel
from engine.performance_judging import JudgedPerformance, PerformanceJudging
from engine.spec import Topic
from engine.window_judging import WindowJudging

_JUDGED: Final[dict[Any, Judged]] = {}
_TREES: Final[dict[int, Any]] = {}
"""By the identity of judgements that are kept above."""
_DECODERS: Final[dict[Any, Decoder]] = {}
_PERFORMED: Final[dict[Any, JudgedPerformance]] = {}
_judge = WindowJudging.judge
_as_tree = Judged.as_tree
_perform = PerformanceJudging.judge
_performance_tree = JudgedPerformance.as_tree


def _judge_once(self: Any, rule: Any, *arguments: Any) -> Judged:  # noqa: ANN401
    end_ms, revision, counts, slices, alarms, first_event_ms = arguments
    about = (end_ms, revision, counts.tobytes(), slices.tobytes(), repr(alarms), first_event_ms)
    key = (self._model.layout.hash, self._model.policy_hash, rule.name, *about)
    judged = _JUDGED.get(key)
    if judged is None:
        judged = _JUDGED[key] = _judge(self, rule, *arguments)
    return judged


def _tree_once(self: Judged) -> Any:  # noqa: ANN401
    tree = _TREES.get(id(self))
    if tree is None:
        tree = _TREES[id(self)] = _as_tree(self)
    return tree


def _perform_once(self: Any, plane: Any, rule: Any, *arguments: Any) -> JudgedPerformance:  # noqa: ANN401
    end_ms, revision, counts, first_event_ms = arguments
    about = (plane.name, rule.name, end_ms, revision, counts.tobytes(), first_event_ms)
    key = (self._model.layout.hash, self._model.policy_hash, *about)
    judged = _PERFORMED.get(key)
    if judged is None:
        judged = _PERFORMED[key] = _perform(self, plane, rule, *arguments)
    return judged


def _performance_tree_once(self: JudgedPerformance) -> Any:  # noqa: ANN401
    # What has either is made of a kept one and the state of a judge, and not kept itself.
    if self.charts or self.concept:
        return _performance_tree(self)
    tree = _TREES.get(id(self))
    if tree is None:
        tree = _TREES[id(self)] = _performance_tree(self)
    return tree


def _decoder_once(models: Sequence[MonitoredModel], topic: Topic) -> Decoder:
    key = (topic, *((m.key, m.layout.hash, m.policy_hash) for m in models))
    decoder = _DECODERS.get(key)
    if decoder is None:
        decoder = _DECODERS[key] = Decoder(models, topic)
    return decoder


@contextmanager
def judged_once() -> Iterator[None]:
    """Remember while inside."""
    with (
        mock.patch.object(WindowJudging, "judge", _judge_once),
        mock.patch.object(PerformanceJudging, "judge", _perform_once),
        mock.patch.object(JudgedPerformance, "as_tree", _performance_tree_once),
        mock.patch.object(Judged, "as_tree", _tree_once),
        mock.patch("engine.tally.Decoder", _decoder_once),
    ):
        yield
