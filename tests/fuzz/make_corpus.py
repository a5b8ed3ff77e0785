"""``python -m tests.fuzz.make_corpus``: writes the seeds of every target as files.

Rule.  Seeds are small and made from the project's own good and bad examples; a file is named by the
hash of its content, so that the same seed is there once.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from typing import Final

from tests.fuzz.target import CORPUS, load, target_names

BYTES_AT_MOST: Final = 300_000
"""Of all seeds together."""


def main() -> None:
    """Write all of them anew."""
    total = 0
    shutil.rmtree(CORPUS, ignore_errors=True)
    for name in target_names():
        directory = CORPUS / name
        directory.mkdir(parents=True)
        target = load(name)
        for seed in target.seeds().values():
            data = seed[: target.MAX_BYTES]
            (directory / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
            total += len(data)
    assert total <= BYTES_AT_MOST, f"{total} bytes of seeds"
    sys.stdout.write(f"{total} bytes of seeds\n")


if __name__ == "__main__":
    main()
