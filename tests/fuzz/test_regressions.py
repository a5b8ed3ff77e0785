"""What the fuzzer starts from and what it once found hold, without the fuzzer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from engine import pieces
from tests.fuzz.make_corpus import BYTES_AT_MOST
from tests.fuzz.target import CORPUS, REGRESSIONS, BrokenRuleError, Execution, load, target_names

FOUND: Final = sorted(path for path in REGRESSIONS.rglob("*") if path.is_file())


@pytest.fixture(scope="module", autouse=True)
def _lighter_engine() -> Iterator[None]:
    """What targets set for their process is set back for the tests that follow."""
    kept = pieces.MIN_PIECE_BYTES
    yield
    pieces.MIN_PIECE_BYTES = kept


@cache
def execution(name: str) -> Execution:
    """A target's function."""
    return load(name).prepare()


def title(path: Path) -> str:
    """Target and file."""
    return f"{path.parent.name}-{path.name}"


@pytest.mark.parametrize("path", FOUND, ids=title)
def test_what_was_found_once_holds(path: Path) -> None:
    """An input that broke a target's rule when it was found breaks it no more."""
    execution(path.parent.name)(path.read_bytes())


@pytest.mark.parametrize("name", target_names())
def test_seeds_hold(name: str) -> None:
    """Every committed seed keeps the target's rule, and all are as the script makes them."""
    files = {path.name: path.read_bytes() for path in (CORPUS / name).iterdir()}
    target = load(name)
    made = {seed[: target.MAX_BYTES] for seed in target.seeds().values()}
    assert set(files.values()) == made, "run python -m tests.fuzz.make_corpus"
    for data in files.values():
        execution(name)(data)


def test_seeds_are_small() -> None:
    """The corpus is no burden to a clone, and its files are named by their content."""
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= BYTES_AT_MOST
    assert all(hashlib.sha256(p.read_bytes()).hexdigest().startswith(p.name) for p in files)


def test_findings_belong_to_targets() -> None:
    """A renamed target would leave its findings behind unplayed."""
    assert {path.parent.name for path in FOUND} <= set(target_names())


def test_a_broken_rule_is_an_error() -> None:
    """The targets' own check can fail: a wrong verdict breaks the decoder's rule."""
    decoder = load("decoder")
    assert decoder.same(("rejected", "too_large"), ("rejected", "too_large"))  # type: ignore[attr-defined]
    assert not decoder.same(("shadow", "x"), ("rejected", "too_large"))  # type: ignore[attr-defined]
    with pytest.raises(BrokenRuleError, match="ended nowhere"):
        decoder.verdicts(decoder.Decoded(), 1)  # type: ignore[attr-defined]
