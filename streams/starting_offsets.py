"""Where each source is read on from, once its state is restored.

Rule.  What the state needs next must be in the log.  When it is not, retention deleted it or the
topic is a new one of the same name; reading on would skip records in silence, or take other
records for those of before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

Source = tuple[str, int]
"""Role of the topic, partition."""


class LogMismatchError(RuntimeError):
    """What must be read next is not in the log: deleted by retention, or the topic is a new one."""


def starting_offsets(
    bounds: Mapping[Source, tuple[int, int]],
    needed: Mapping[Source, int],
    reread: Callable[[Source], int],
) -> dict[Source, int]:
    """First offset to read of each source.

    ``bounds`` are the log's [first, end), ``needed`` the next offset that the state needs (0 or
    absent: never read), ``reread`` how many records before it are wanted again as far as the log
    has them.  Raises LogMismatchError naming every source whose needed offset is not in its log.
    """
    starts, faults = {}, []
    for source, (low, high) in bounds.items():
        need = needed.get(source, 0)
        if need and not low <= need <= high:
            role, partition = source
            faults.append(
                f"{role}/{partition}: offset {need} is needed next, the log has [{low}, {high})"
            )
        starts[source] = max(low, need - reread(source))
    if faults:
        raise LogMismatchError("; ".join(sorted(faults)))
    return starts
