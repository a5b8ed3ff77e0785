"""Results of retraining jobs in a file, for a replay: NDJSON, as the topics carry them.

Rule.  A line is a record of ``retraining-results``, or one of ``audit`` that tells of a result and
of the close at which a worker took it; lines of ``audit`` about anything else are passed by.
Of several versions, that which ``audit`` says took an answer takes it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import orjson

from engine.retraining_results import AUDIT_KIND, Result, Unusable, read_result


class ResultsFileError(ValueError):
    """A line of the file is no result; the text names it."""


class ToldResult(Result, frozen=True):
    """A result, and who took it."""

    judged_as: str = ""
    """The version whose judge did; empty where the file does not say."""


def results_for(version: str, results: Iterable[Result]) -> list[Result]:
    """Those that the judge of a version is to be given."""
    return [
        one for one in results if not isinstance(one, ToldResult) or one.judged_as in {"", version}
    ]


def read_results(path: Path, model: str) -> list[Result]:
    """The results about a model, in the order of the file; ResultsFileError where one is none."""
    found: list[Result] = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        tree = _tree(line)
        if tree.get("kind", AUDIT_KIND) != AUDIT_KIND or tree.get("model", model) != model:
            continue
        if tree.get("refused") == "too_many":
            continue  # it never acted
        try:
            found.append(_told(read_result(line), tree))
        except Unusable as error:
            raise ResultsFileError(f"{path}:{number}: {error.reason}") from error
    return found


def _told(result: Result, tree: dict[str, Any]) -> Result:
    judged_as = tree.get("judged_as")
    if tree.get("kind") != AUDIT_KIND or not isinstance(judged_as, str):
        return result
    return ToldResult(**msgspec.structs.asdict(result), judged_as=judged_as)


def _tree(line: bytes) -> dict[str, Any]:
    """The line as builtins; empty where it is no object, which its reading then tells."""
    try:
        tree = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return tree if isinstance(tree, dict) else {}
