"""One browser, and one page that knows a story, for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.browser import Browser, LoopThread
from tests.web.records import HOSTILE, judgement, story
from tests.web.stage import Stage, entry


@pytest.fixture(scope="session")
def thread() -> Iterator[LoopThread]:
    """Where servers and the browser's socket live."""
    with LoopThread() as made:
        yield made


@pytest.fixture(scope="session")
def browser(thread: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium."""
    with Browser(thread, tmp_path_factory.mktemp("chromium")) as made:
        yield made


@pytest.fixture(scope="session")
def told(thread: LoopThread) -> Iterator[Stage]:
    """A page that knows a story, and a model whose names mean harm."""
    with Stage(thread) as stage:
        stage.take(entry(role, tree) for role, tree in story())
        wicked = [
            judgement(n, model=HOSTILE, features=(HOSTILE, "x"), level="DRIFT") for n in (0, 1)
        ]
        stage.take(entry("judgements", tree) for tree in wicked)
        yield stage
