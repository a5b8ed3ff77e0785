"""One model's requests told as a story: triggers, answers, and windows that close."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import orjson

from engine.decide import requests as rules_of
from engine.decide.episodes import Episodes, Window
from engine.decide.request_state import Request, Requests
from engine.effects import Publish
from engine.model import MonitoredModel
from engine.panes import Forwarded, every_version
from engine.timestamps import ms_to_rfc3339
from tests.engine.models import MINUTE, START, model_of, spec_text
from tests.engine.test_decisions import PSI_RULE

ROLE = "retraining-results"
RETRAINING = f"{{cooldown: 30m, answer_within: 5m, ready_within: 20m, rules: {{{PSI_RULE}}}}}"


@cache
def model(retraining: str = RETRAINING) -> MonitoredModel:
    """A model that may ask."""
    return model_of(spec_text(retraining=retraining))


def closing(minute: float, retraining: str = RETRAINING) -> Window:
    """A window of the data that ends so many minutes after the start."""
    end_ms = START + int(minute * MINUTE)
    window = SimpleNamespace(name="1m", length_ms=MINUTE)
    found = SimpleNamespace(
        model=model(retraining),
        window=window,
        end_ms=end_ms,
        start_ms=end_ms - MINUTE,
        events=1,
    )
    return cast("Window", found)


def answer(status: str, trigger: str = "t", **more: object) -> bytes:
    """The bytes of a result."""
    version = {"version": "v2"} if status == "ready" else {}
    return orjson.dumps({"trigger_id": trigger, "status": status, **version, **more})


def forwarded(value: bytes, offset: int, topic_id: str = "id", partition: int = 0) -> Forwarded:
    """As a worker writes it into the panes."""
    return Forwarded(every_version("m"), ROLE, topic_id, partition, offset, -1, value)


class Story:
    """One model's requests, from minute 0 on."""

    def __init__(self, *triggers: str, retraining: str = RETRAINING) -> None:
        self.requests = Requests()
        self.episodes: Episodes = {}
        self.out: list[Publish] = []
        self.retraining = retraining
        self._offset = 0
        for trigger in triggers:
            self.ask(trigger, 0)

    def ask(self, trigger: str, minute: float) -> None:
        """A trigger is sent."""
        at_ms = START + int(minute * MINUTE)
        rules_of.sent(self.requests, Request(trigger, "psi_features", at_ms, at_ms + 30 * MINUTE))

    def hear(self, value: bytes) -> None:
        """A result comes."""
        record = forwarded(value, self._offset)
        self._offset += 1
        self.out += rules_of.receive(self.requests, model().spec, record)

    def close(self, minute: float, *, expected: bool = True) -> None:
        """A window ends."""
        window = closing(minute, self.retraining)
        self.out += rules_of.close(self.requests, window, self.episodes, expected=expected)

    def told(self, topic: str) -> list[dict[str, Any]]:
        """What was said."""
        return [orjson.loads(one.value or b"") for one in self.out if one.topic == topic]

    def alerts(self) -> list[tuple[str, str, int]]:
        """Cause, state and minute of each alert."""
        ends = {ms_to_rfc3339(START + n * MINUTE): n for n in range(200)}
        return [(one["cause"], one["state"], ends[one["end"]]) for one in self.told("alerts")]

    @property
    def state(self) -> str:
        """Of the one trigger."""
        return self.requests.known["t"].state
