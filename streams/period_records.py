"""Where a report of a period reads its records: the files of a replay, or the topics.

Rule.  A report reads records several times and keeps few of them, so they are files: those that
``longshore replay`` wrote, or those that :mod:`streams.topic_records` copied from the brokers.  A
file that is not there has no records, but for the judgements, without which there is nothing to
tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from engine.review.review import Topics
from streams.topics import OUTPUT_ROLES

NEEDED: Final = "judgements"


class RecordsError(ValueError):
    """A file that holds no records; the message says where."""


def topics_in(directory: Path) -> Topics:
    """The output topics as files of a directory; RecordsError where it has no judgements."""
    if not (directory / f"{NEEDED}.ndjson").is_file():
        raise RecordsError(
            f"{directory}: has no {NEEDED}.ndjson, which longshore replay --out writes"
        )
    return {role: _reader(directory / f"{role}.ndjson") for role in OUTPUT_ROLES}


def _reader(path: Path) -> Callable[[], Iterable[dict[str, Any]]]:
    return lambda: _records(path)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file, a line each; RecordsError at the first line that is none."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise RecordsError(f"{path}, line {number}: is no JSON: {error}") from error
            if not isinstance(record, dict):
                raise RecordsError(f"{path}, line {number}: is no record")
            yield record
