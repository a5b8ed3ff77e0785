"""Clients that repeat themselves are heard once a minute, and how often they spoke is said."""

from __future__ import annotations

import logging
import sys

import pytest

from streams.client_logs import OncePerMinute, quiet_clients
from streams.log_lines import OWN_LOGGERS
from streams.repeats import MAX_LINES_KNOWN, SAME_LINE_EVERY_S, Repeats


def said(template: str, *values: object, logger: str = "aiokafka") -> logging.LogRecord:
    """A record as a client makes it."""
    return logging.LogRecord(logger, logging.ERROR, "client.py", 1, template, values, None)


def test_a_line_is_heard_once_a_minute_whatever_fills_it() -> None:
    """Thousands of failed connections are two lines, and the second counts them."""
    now = [0.0]
    once = OncePerMinute(lambda: now[0])
    heard = []
    for tick in range(700):
        now[0] = tick / 10
        record = said("Unable to connect to %s: %s", tick, "refused")
        if once.filter(record):
            heard.append((now[0], record.getMessage()))
    assert heard == [
        (0.0, "Unable to connect to 0: refused"),
        (SAME_LINE_EVERY_S, "Unable to connect to 600: refused (599 more like this since)"),
    ]


def test_other_lines_and_loggers_are_heard() -> None:
    """One flood hides nothing else."""
    once = OncePerMinute(lambda: 0.0)
    lines = [said("a"), said("b"), said("a", logger="faust"), said("a")]
    assert [once.filter(line) for line in lines] == [True, True, True, False]


def test_what_is_remembered_is_bounded() -> None:
    """A client that makes up its templates costs no memory without end."""
    once = OncePerMinute(lambda: 0.0)
    for number in range(3 * MAX_LINES_KNOWN):
        assert once.filter(said(f"line {number}"))
    assert len(once._repeats) == MAX_LINES_KNOWN


def test_stack_traces_of_clients_are_left_out() -> None:
    """The line stays."""
    once = OncePerMinute(lambda: 0.0)
    try:
        raise ValueError
    except ValueError:
        record = said("failed")
        record.exc_info = sys.exc_info()
    assert once.filter(record)
    assert record.exc_info is None


def test_faust_does_not_repeat_what_the_worker_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its word on a crash is dropped at the root's handlers; the worker's own line passes."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    monkeypatch.setattr(logging.getLogger(), "handlers", [Ear()])
    quiet_clients()
    logging.getLogger("faust.tables.recovery").error("[^--Recovery]: Crashed reason=%r", "x")
    for _ in range(2):
        logging.getLogger("longshore.worker").error("stopped by a failure: %s", "x")
        logging.getLogger("aiokafka").error("Unable to connect")
    said = "stopped by a failure: x"
    assert heard == [said, "Unable to connect", said]


def test_clients_inform_a_verbose_log_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they say of the group is heard where our own lines below INFO are."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    clients, ours = logging.getLogger("aiokafka"), logging.getLogger(OWN_LOGGERS)
    try:
        for level, heard in ((logging.DEBUG, True), (logging.INFO, False)):
            ours.setLevel(level)
            quiet_clients()
            assert clients.isEnabledFor(logging.INFO) == heard
            assert clients.isEnabledFor(logging.WARNING)
    finally:
        ours.setLevel(logging.NOTSET)


def test_lines_of_our_own_are_held_to_the_rule_by_key() -> None:
    """A forger with ten thousand records gets a line a minute; another partition has its own."""
    repeats = Repeats()
    told = [repeats.ending("panes/0", tick / 100) for tick in range(10_000)]
    assert [(at / 100, ending) for at, ending in enumerate(told) if ending is not None] == [
        (0.0, ""),
        (SAME_LINE_EVERY_S, " (5999 more like this since)"),
    ]
    assert repeats.ending("panes/1", 99.0) == ""
    assert repeats.ending("panes/0", 2 * SAME_LINE_EVERY_S) == " (3999 more like this since)"
    assert repeats.ending("panes/0", 4 * SAME_LINE_EVERY_S) == ""
