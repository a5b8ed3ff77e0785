"""Links of the documentation lead somewhere, anchors included; the index has every page."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import ROOT, Page, anchors, documented, links, parse, read_page

PAGES: Final = [*documented(), ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"]
INDEX: Final = ROOT / "docs" / "README.md"
ELSEWHERE: Final = ("http://", "https://", "mailto:")


@cache
def page_of(path: Path) -> Page:
    """A page, read once."""
    return read_page(path)


def broken(page: Page, path: Path) -> list[str]:
    """``page:line: why`` of each link that leads nowhere."""
    found = []
    for line, target in links(page):
        if target.startswith(ELSEWHERE):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        if not there.exists() or ROOT not in [there, *there.parents]:
            found.append(f"{page.name}:{line}: {target}: there is no such file")
        elif anchor and (there.suffix != ".md" or anchor not in anchors(page_of(there))):
            found.append(f"{page.name}:{line}: {target}: there is no such heading")
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    """Files and headings are there."""
    assert broken(page_of(path), path) == []


def test_the_index_has_every_page() -> None:
    """Who starts at docs/README.md finds all of docs."""
    linked = {(INDEX.parent / target).resolve() for _, target in links(page_of(INDEX))}
    pages = {path for path in documented() if path.parts[len(ROOT.parts)] == "docs"} - {INDEX}
    missing = {str(path.relative_to(ROOT)) for path in pages - linked}
    assert not missing, f"add to docs/README.md: {sorted(missing)}"


def test_a_broken_link_is_found() -> None:
    """A file, a heading, a file outside of the repository; links within code are none."""
    text = (
        "# Here we are\n[a](no.md) [b](README.md#nowhere) [c](#here-we-are) `[d](x.md)`\n"
        "[e](../../etc/passwd) [f](https://example.com/none)\n"
    )
    found = broken(parse(text, "docs/x.md"), INDEX)
    assert [line.split(": ")[1] for line in found] == [
        "no.md",
        "README.md#nowhere",
        "#here-we-are",
        "../../etc/passwd",
    ]
    assert anchors(parse("## `a_b`: C & d\n### C\n### C\n", "x")) == {"a_b-c--d", "c", "c-1"}
