"""A page of docs whose sections are written by different tools, each its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TITLE: Final = """\
# Cost

What saving and restoring state and joining labels cost, measured by the command
that each section names.
"""


def write_section(page: Path, name: str, text: str) -> None:
    """Put ``text`` in place of the section ``name`` (``## name`` up to the next), or at the end."""
    old = page.read_text(encoding="utf-8") if page.exists() else TITLE
    head, *rest = old.split("\n## ")
    sections = {each.split("\n", 1)[0]: each.split("\n", 1)[1] for each in rest}
    sections[name] = f"\n{text.strip()}\n"
    page.parent.mkdir(parents=True, exist_ok=True)
    body = [
        head.rstrip("\n"),
        *(f"## {title}\n\n{each.strip()}" for title, each in sections.items()),
    ]
    page.write_text("\n\n".join(body) + "\n", encoding="utf-8")
