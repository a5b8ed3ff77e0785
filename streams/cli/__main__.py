"""``python -m streams.cli`` is the command ``longshore``."""

from __future__ import annotations

from streams.cli import main

if __name__ == "__main__":
    main(prog_name="longshore")
