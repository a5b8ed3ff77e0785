"""Commands of the documentation that are looked at without running them.

Rule.  Whatever a page tells a reader to type must exist: a target of the Makefile, a subcommand and
options of ``longshore``, a module behind ``python -m``, a service or profile of compose, a file of
the repository.  Values are not looked at: pages write ``PROFILE`` for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click
import yaml

from streams.cli import main
from tests.docs.pages import ROOT, Page, command_lines, spans

TOP: Final = tuple(
    path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")
)
_TARGET: Final = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
_WITH_VALUE: Final = {"-C", "-f", "-j"}
"""Options of make that take a word."""


@cache
def make_targets() -> frozenset[str]:
    """Targets of the Makefile."""
    return frozenset(_TARGET.findall((ROOT / "Makefile").read_text()))


@cache
def compose() -> dict[str, Any]:
    """The compose file."""
    read: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return read


def page_faults(page: Page) -> list[str]:
    """``page:line: fault`` of all commands of a page, in blocks, code spans and indented lines."""
    faults = []
    for block in page.commands:
        for line, words in command_lines(block.text):
            place = f"{page.name}:{block.line + 1 + line}"
            faults += [f"{place}: {fault}" for fault in command_faults(words)]
    for number, text in spans(page):
        for _, words in command_lines(text):
            # Prose may name an option without its value.
            found = [fault for fault in command_faults(words) if "requires an arg" not in fault]
            faults += [f"{page.name}:{number}: {fault}" for fault in found]
        faults += [f"{page.name}:{number}: {fault}" for fault in path_faults(text)]
    return faults


def command_faults(words: list[str]) -> Iterator[str]:
    """What is wrong with one command; nothing with those that are not ours."""
    name, *rest = words
    if name == "make":
        yield from _make_faults(rest)
    elif name == "longshore":
        yield from longshore_faults(rest)
    elif name in {"python", "python3"} and rest[:1] == ["-m"] and len(rest) > 1:
        yield from _module_faults(rest[1])
    elif name == "docker" and rest[:1] == ["compose"]:
        yield from _compose_faults(rest[1:])
    for word in rest:
        yield from path_faults(word)


def _make_faults(words: list[str]) -> Iterator[str]:
    skip = False
    for word in words:
        if skip or word.startswith("-") or "=" in word:
            skip = word in _WITH_VALUE
        elif re.fullmatch(r"[a-z-]+", word) and word not in make_targets():
            yield f"make {word}: there is no such target"


def longshore_faults(words: list[str]) -> Iterator[str]:
    """What click would say of the subcommand and the names of the options."""
    command: click.Command = main
    path = "longshore"
    words = [word for word in words if not re.fullmatch(r"\[.*\]|\.\.\.", word)]
    while isinstance(command, click.Group):
        if not words or words[0].startswith("-"):
            break
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            yield f"{path} {words[0]}: there is no such command"
            return
        command, path, words = found, f"{path} {words[0]}", words[1:]
    context = click.Context(command, info_name=path)
    try:
        _, left, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        if not isinstance(error, click.MissingParameter):
            yield f"{path}: {error.format_message()}"
        return
    if left and not isinstance(command, click.Group):
        yield f"{path}: one word too many: {left[0]}"


def _module_faults(name: str) -> Iterator[str]:
    if not re.fullmatch(r"[a-z_]\w*(\.\w+)*", name):
        return
    try:
        found = find_spec(name)
    except ModuleNotFoundError:
        found = None
    if found is None:
        yield f"python -m {name}: there is no such module"


def _compose_faults(words: list[str]) -> Iterator[str]:
    known = compose()["services"]
    profiles = {name for service in known.values() for name in service.get("profiles", ())}
    for before, word in zip(["", *words], words, strict=False):
        if before == "--scale" and word.partition("=")[0] not in known:
            yield f"--scale {word}: there is no such service"
        if before == "--profile" and word not in profiles:
            yield f"--profile {word}: there is no such profile"


def path_faults(text: str) -> Iterator[str]:
    """Paths of the repository that are not there; what a command makes is none."""
    for word in text.split():
        path = word.strip(".,:;()[]'\"").partition("::")[0].partition("#")[0]
        if not re.fullmatch(rf"(?:{'|'.join(TOP)})/[\w./-]*\w", path):
            continue
        made = Path(path).name in MADE or "retrained" in path
        if not made and not (ROOT / path).exists():
            yield f"{path}: there is no such file"


MADE: Final = {"profile.json", "replayed", "data", "reference.parquet", "predictions.ndjson.gz"} | {
    "labels.ndjson.gz",
    "generated",
}
"""Names of what the commands of the examples make."""
