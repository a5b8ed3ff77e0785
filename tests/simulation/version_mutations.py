"""Ways to get versions and comparisons wrong, as :mod:`tests.simulation.mutations`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import msgspec

from engine import judge_snapshot, tally_snapshot
from engine.champion.pairing import Pairing, PairingSnapshot
from engine.tenure import Tenure
from engine.version_register import VersionRegister
from streams.registrar import Registrar
from tests.simulation.mutations import mutation


@mutation
def nobody_asks_for_versions() -> Iterator[None]:
    """Whoever meets a version that is unknown here passes it by until the next look."""

    async def pass_by(_self: Any, _names: Any) -> None:  # noqa: ANN401
        """Ask nobody."""

    with mock.patch.object(Registrar, "meet", pass_by):
        yield


@mutation
def judges_forget_their_term() -> Iterator[None]:
    """A judge's snapshot says nothing of the term of its version."""
    save = judge_snapshot.save

    def forgetful(*, decisions: Any, **rest: Any) -> Any:  # noqa: ANN401
        return save(decisions=msgspec.structs.replace(decisions, tenure=Tenure()), **rest)

    with mock.patch.object(judge_snapshot, "save", forgetful):
        yield


@mutation
def what_is_over_is_forgotten() -> Iterator[None]:
    """A tally's snapshot does not say which versions were let go."""
    save = tally_snapshot.save

    def forgetful(snapshot: Any, pieces: Any) -> Any:  # noqa: ANN401
        return save(msgspec.structs.replace(snapshot, over={}), pieces)

    with mock.patch.object(tally_snapshot, "save", forgetful):
        yield


@mutation
def the_old_clock_stands() -> Iterator[None]:
    """What other versions say moves no clock of one whose term has ended."""
    beats = VersionRegister.beats

    def own_only(self: Any, topic: Any, decoded: Any) -> Any:  # noqa: ANN401
        known, self.terms = self.terms, {}
        try:
            return beats(self, topic, decoded)
        finally:
            self.terms = known

    with mock.patch.object(VersionRegister, "beats", own_only):
        yield


@mutation
def pairs_are_not_saved() -> Iterator[None]:
    """A comparison's snapshot forgets who still waits for the second answer to an event."""

    def nothing(_self: Any, _read_ms: Any) -> PairingSnapshot:  # noqa: ANN401
        return PairingSnapshot(b"", [], [], 0)

    with mock.patch.object(Pairing, "save", nothing):
        yield
