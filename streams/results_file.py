"""Results of retraining jobs in a file, for a replay: NDJSON, as the topics carry them.

Rule.  A line is a record of ``retraining-results``, or one of ``audit`` that tells of a result and
of the close at which a worker took it; lines of ``audit`` about anything else are passed by.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from engine.retraining_results import AUDIT_KIND, Result, Unusable, read_result


class ResultsFileError(ValueError):
    """A line of the file is no result; the text names it."""


def read_results(path: Path, model: str) -> list[Result]:
    """The results about a model, in the order of the file; ResultsFileError where one is none."""
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        tree = _tree(line)
        if tree.get("kind", AUDIT_KIND) != AUDIT_KIND or tree.get("model", model) != model:
            continue
        if tree.get("refused") == "too_many":
            continue  # it never acted
        try:
            found.append(read_result(line))
        except Unusable as error:
            raise ResultsFileError(f"{path}:{number}: {error.reason}") from error
    return found


def _tree(line: bytes) -> dict[str, Any]:
    """The line as builtins; empty where it is no object, which its reading then tells."""
    try:
        tree = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return tree if isinstance(tree, dict) else {}
