"""What is made small, quick or its own for the length of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import engine.pieces
import streams.judging
import streams.model_register
import streams.pending
import streams.tallying
from tests.simulation.plan import Plan
from tests.simulation.registering import in_turn
from tests.simulation.versions import built_once


@contextmanager
def small_bounds(plan: Plan) -> Iterator[None]:
    """Limits so small that little state reaches them; versions are built once, in no thread."""
    with (
        mock.patch.object(engine.pieces, "MIN_PIECE_BYTES", plan.piece_bytes),
        mock.patch.object(streams.tallying, "MAX_UNSETTLED", plan.unsettled),
        mock.patch.object(streams.judging, "MAX_UNSETTLED", plan.unsettled),
        mock.patch.object(streams.pending, "MAX_OVERLAY_CHANGES", plan.overlay),
        mock.patch.object(streams.model_register, "build_version", built_once),
        mock.patch.object(asyncio, "to_thread", in_turn),
    ):
        yield
