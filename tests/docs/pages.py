"""The pages of the documentation as a test reads them: fenced blocks, directives, code and links.

Rule.  A directive is an HTML comment, which nobody sees, on the line above a fence or, for a whole
page, anywhere:

* ``<!-- not run: REASON -->`` above a block of commands: it is looked at and not run;
* ``<!-- needs: PROGRAM PACKAGE -->`` above a block: it is run where the program is installed, and
  :mod:`tests.docs.test_commands` says how to get the package where it is not;
* ``<!-- long: REASON -->`` above a block: it is run with ``--long`` only;
* ``<!-- prints -->`` above a block: what the commands before it print, where ``…`` is anything;
* ``<!-- file: NAME -->`` above a block: the reader saves it under that name;
* ``<!-- session: NAME -->`` for a page: what its commands need (:data:`SESSIONS`).

The blocks of commands of one page are one session, in their order.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SESSIONS: Final = ("plain", "broker", "long", "long broker")
"""What a page may need; ``long`` takes more time than the tests of a change have."""
SHELLS: Final = ("sh", "bash", "shell", "console")
ABOVE_A_FENCE: Final = ("not run", "needs", "long", "prints", "file")
DIRECTIVES: Final = (*ABOVE_A_FENCE, "session")
_FENCE: Final = re.compile(r"^(\s*)(`{3,}|~{3,})\s*(\w*)\s*$")
_DIRECTIVE: Final = re.compile(r"^\s*<!--\s*([a-z ]+?)(?::\s*(.*?))?\s*-->\s*$")
_SPAN: Final = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_LINK: Final = re.compile(r"(?<!\\)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
_HEADING: Final = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")
_NAMED_ANCHOR: Final = re.compile(r'<a (?:id|name)="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    line: int
    """Of the opening fence, from 1."""
    language: str
    text: str
    directives: dict[str, str]

    @property
    def needs(self) -> tuple[str, str]:
        """Program and Debian package without which it cannot be run; empty for neither."""
        program, _, package = self.directives.get("needs", "").partition(" ")
        return program, package

    @property
    def is_commands(self) -> bool:
        """Whether a reader would type it into a shell."""
        return self.language in SHELLS


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file."""

    name: str
    """Relative to the repository."""
    blocks: tuple[Block, ...]
    session: str
    prose: tuple[tuple[int, str], ...]
    """(line, text) outside fences."""
    unknown: tuple[str, ...] = field(default=())
    """Comments that look like directives and mean nothing, or are above no fence."""

    @property
    def commands(self) -> tuple[Block, ...]:
        """Blocks of commands."""
        return tuple(block for block in self.blocks if block.is_commands)

    @property
    def run(self) -> tuple[Block, ...]:
        """Those that are run, but for programs that are not there."""
        return tuple(block for block in self.commands if "not run" not in block.directives)


def read_page(path: Path) -> Page:
    """The page in a file below ROOT."""
    return parse(path.read_text(), str(path.relative_to(ROOT)))


def documented() -> list[Path]:
    """README, everything below docs, and the pages of the examples."""
    found = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    return sorted(found)


def parse(text: str, name: str) -> Page:
    """The page of a text; AssertionError where a fence has no end."""
    blocks: list[Block] = []
    prose: list[tuple[int, str]] = []
    unknown: list[str] = []
    above: dict[str, str] = {}
    session = "plain"
    opened: tuple[int, str, str] | None = None
    waiting = ""
    inside: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if opened is not None:
            if line.strip() == opened[1]:
                blocks.append(Block(opened[0], opened[2], "\n".join(inside) + "\n", above))
                opened, above, inside = None, {}, []
            else:
                inside.append(line)
            continue
        fence, directive = _FENCE.match(line), _DIRECTIVE.match(line)
        if fence is not None:
            waiting = ""
            opened = (number, fence[2], fence[3])
        elif directive is not None:
            key, value = directive[1], directive[2] or ""
            if key == "session" and value in SESSIONS:
                session = value
            elif key == "session" or (
                key not in DIRECTIVES and get_close_matches(key, DIRECTIVES, 1)
            ):
                unknown.append(f"{name}:{number}: {line.strip()}")
            above[key] = value
            waiting = f"{name}:{number}: {line.strip()}" if key in ABOVE_A_FENCE else waiting
        else:
            unknown += [waiting] if waiting else []
            waiting = ""
            above = {}
            prose.append((number, line))
    assert opened is None, f"{name}:{opened}: the block has no end"
    return Page(name, tuple(blocks), session, tuple(prose), tuple(unknown))


def spans(page: Page) -> Iterator[tuple[int, str]]:
    """(line, text) of every `code span` and of every line that is indented as code."""
    paragraph: list[str] = []
    first, begun = 0, ""
    for number, line in [*page.prose, (0, "")]:
        if line.strip() and not line.startswith("    "):
            first = first if paragraph else number
            paragraph.append(line)
            continue
        joined = "\n".join(paragraph)
        for match in _SPAN.finditer(joined):
            yield first + joined[: match.start()].count("\n"), " ".join(match[2].split())
        paragraph = []
        if line.startswith("    "):
            begun += line.strip().removesuffix("\\")
            if not line.endswith("\\"):
                yield number, begun
                begun = ""


def command_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line within the text, words) of each simple command: parts of pipes and lists stand alone,
    here-documents and variables in front are left out."""
    lines, number, until = text.splitlines(), 0, ""
    while number < len(lines):
        first, line = number, lines[number]
        number += 1
        if until:
            until = "" if line.strip() == until else until
            continue
        while line.endswith("\\") and number < len(lines):
            line = line[:-1] + " " + lines[number].strip()
            number += 1
        document = re.search(r"<<-?\s*'?\"?(\w+)", line)
        until = document[1] if document else ""
        for part in _simple(line):
            yield first, part


def _simple(line: str) -> Iterator[list[str]]:
    reader = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
    reader.commenters, reader.whitespace_split = "#", True
    try:
        words = list(reader)
    except ValueError:
        words = line.split()
    part: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= set("|&;()") and word:
            yield from [_bare(part)] if _bare(part) else []
            part = []
        else:
            part.append(word)
    for inner in re.findall(r'"[^"]*\$\(([^()]*)\)', line):
        yield from _simple(inner)


def _bare(words: list[str]) -> list[str]:
    """Without assignments, keywords and redirections."""
    kept = list(words)
    while kept and (re.match(r"^\w+=", kept[0]) or kept[0] in KEYWORDS):
        kept.pop(0)
    ends = [at for at, word in enumerate(kept) if word and set(word) <= set("<>")]
    kept = kept[: ends[0]] if ends else kept
    return kept[:-1] if ends and kept and kept[-1].isdigit() else kept


KEYWORDS: Final = {
    "export",
    "until",
    "while",
    "do",
    "done",
    "if",
    "then",
    "else",
    "fi",
    "!",
    "exec",
}


def links(page: Page) -> Iterator[tuple[int, str]]:
    """(line, target) of every link, code spans left out."""
    lines = [(number, _SPAN.sub(lambda m: " " * len(m[0]), line)) for number, line in page.prose]
    text = "\n".join(line for _, line in lines)
    starts = [number for number, _ in lines]
    for match in _LINK.finditer(text):
        yield starts[text[: match.start()].count("\n")], match[1]


def anchors(page: Page) -> set[str]:
    """The anchors that a page has: its headings as the usual forges spell them."""
    found: set[str] = set()
    for _, line in page.prose:
        found.update(_NAMED_ANCHOR.findall(line))
        heading = _HEADING.match(line)
        if heading is None:
            continue
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").lower()
        slug = "".join(c for c in text if c.isalnum() or c in " -_").replace(" ", "-")
        count = sum(1 for other in found if re.fullmatch(rf"{re.escape(slug)}(-\d+)?", other))
        found.add(f"{slug}-{count}" if count else slug)
    return found
