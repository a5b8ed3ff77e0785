"""Snapshots of judges that nobody is told of: deleted where their version is gone, few otherwise.

Rule.  A judge whose version was taken off the topic ``models`` has no use for what was saved of it:
it is deleted once its partition was saved without it, a few names at each checkpoint, so that
after a crash in between a snapshot may be left.  A judge that is neither here nor on the saved list
may be of a version that a worker with other files knows; of such MAX_ABSENT_JUDGES are kept in each
partition, and those that were saved longest ago go.  Only what was written before this worker took
the partition up, or by itself, is ever deleted.
"""

from __future__ import annotations

from typing import Final

from streams.benches import Bench, judge_name
from streams.snapshot_table import SnapshotTable

MAX_ABSENT_JUDGES: Final = 100
"""Snapshots in a partition of judges of which this worker was not told."""
FORGOTTEN_AT_ONCE: Final = 16
"""Names deleted at one checkpoint of a partition."""


async def forget(bench: Bench, snapshots: SnapshotTable) -> None:
    """Delete what is left of judges that are no more; after the bench was saved without them.

    Raises streams.snapshot_table.GivenUpError when the partition was given up meanwhile.
    """
    if bench.swept and not bench.forgotten:
        return
    partition = bench.name.partition
    known = {judge_name(key) for key in (*bench.seats, *bench.listed)}
    kept = snapshots.kept_of("judge", partition)
    absent = sorted((number, name) for name, number in kept.items() if name not in known)
    surplus = absent[: max(0, len(absent) - MAX_ABSENT_JUDGES)]
    gone = {judge_name(key) for key in bench.forgotten}
    due = [each for each in absent if each[1] in gone or each in surplus]
    for number, name in due[:FORGOTTEN_AT_ONCE]:
        await snapshots.delete(name, partition, number)
    if len(due) <= FORGOTTEN_AT_ONCE:
        bench.swept = True
        bench.forgotten.clear()
