"""docs/reference, made from the code; run as a module to write it.

    python -m tests.docs.reference

Rule.  Names, types, defaults and bounds come from what reads them; words stand beside names in
:mod:`tests.docs.spec_says` and :mod:`tests.docs.reference_says`, and one without the other fails.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args, get_origin

import click
import msgspec

from engine.events import EVENT_TYPES
from streams.cli import COMMANDS, main
from streams.security_settings import HttpSettings, Secret, SecuritySettings
from streams.settings import ENVIRONMENT_PREFIX, Settings
from streams.topics import COMPACTED_ROLES, INPUT_ROLES, ROLES
from tests.docs.pages import ROOT
from tests.docs.reference_says import EVENTS_SAY, SETTINGS_SAY, TOPICS_SAY
from tests.docs.spec_fields_asked import Asked, fields_asked
from tests.docs.spec_says import SAYS, SECTIONS
from tests.docs.whole_specs import WHOLE

DIRECTORY: Final = ROOT / "docs" / "reference"
MADE: Final = "Made by `python -m tests.docs.reference`; a test compares it with the code."
OF_SPECS: Final = f"""\
{MADE}
A spec is YAML; `longshore init` drafts one, `longshore check` lists every fault with its line.
Durations are whole numbers with a unit: `500ms`, `10s`, `5m`, `1h`, `7d`. Shares and points are
absolute: 0.05 is five in a hundred. Names in capitals stand for one of many. A key that is not here
is a fault."""
OF_SETTINGS: Final = f"""\
{MADE}
One YAML file (`--config`, `LONGSHORE_CONFIG`), the environment over it, the options of a command
over both. Lists are separated by commas in the environment, a model there is `SPEC:PROFILE`. All
faults are told at once, each with its place. Secrets: [security](../security.md)."""
OF_EVENTS: Final = f"""\
{MADE}
The JSON Schemas are in [schemas/](../../schemas). An event is one JSON object, bare or in a
structured CloudEvents envelope; its key is the `event_id`, its partition the murmur2 of that
([producers](../how-to/producers.md)). Unknown fields are ignored, `null` is missing, a wrong type
in one feature spoils that feature only. What cannot be used goes to `dead-letters`, with its
reason."""
NOTHING: Final = "-"


def spec_page() -> str:
    """Every field of a spec, a table a section."""
    asked = fields_asked(WHOLE)
    lines = [
        "# The spec",
        "",
        OF_SPECS,
        "",
    ]
    for section, words in SECTIONS.items():
        rows = [asked[path] for path in SAYS if path in asked and section_of(path) == section]
        lines += [f"## {section or 'At the top'}", "", *([words, ""] if words else [])]
        lines += ["| field | type | default | bounds | what it says |", "|---|---|---|---|---|"]
        lines += [_spec_row(row, section) for row in rows]
        lines.append("")
    return "\n".join(lines)


def section_of(path: str) -> str:
    """The first key of a path; empty for the fields at the top."""
    first = path.replace("[]", ".").split(".")[0]
    return first if first in SECTIONS else ""


def _spec_row(row: Asked, section: str) -> str:
    name = row.path.removeprefix(f"{section}.") if section else row.path
    return _row(f"`{name}`", row.type, row.default, row.bounds, SAYS[row.path])


def settings_page() -> str:
    """Every setting of a worker."""
    lines = [
        "# Settings of a worker",
        "",
        OF_SETTINGS,
        "",
        "| setting | environment | type | default | what it says |",
        "|---|---|---|---|---|",
    ]
    for prefix, kind in (("", Settings), ("http.", HttpSettings), ("security.", SecuritySettings)):
        for field in msgspec.structs.fields(kind):
            if not prefix and field.name in {"http", "security"}:
                continue
            name = prefix + field.name
            variable = ENVIRONMENT_PREFIX + name.replace(".", "_").upper()
            default = _default(field)
            says = SETTINGS_SAY[name]
            lines.append(_row(f"`{name}`", f"`{variable}`", _type(field.type), default, says))
    return "\n".join([*lines, ""])


def _default(field: Any) -> str:  # noqa: ANN401 - msgspec's FieldInfo
    if field.default is msgspec.NODEFAULT or field.default in (None, "", ()):
        return NOTHING
    if isinstance(field.default, tuple):
        return f"`{','.join(map(str, field.default))}`"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    if isinstance(field.default, int | float):
        return f"{field.default:,}" if isinstance(field.default, int) else f"{field.default:g}"
    return f"`{field.default}`"


def _type(kind: Any) -> str:  # noqa: ANN401 - a type expression
    options = [one for one in get_args(kind) if one is not type(None)]
    if get_origin(kind) is tuple:
        return "list"
    if options and all(isinstance(one, str) for one in options):
        return ", ".join(f"`{one}`" for one in options)
    if options:
        return " or ".join(dict.fromkeys(_type(one) for one in options))
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return "secret" if kind is Secret else names.get(kind, "any")


def events_page() -> str:
    """What producers send, and every topic."""
    lines = [
        "# Events and topics",
        "",
        OF_EVENTS,
        "",
    ]
    for name, kind in EVENT_TYPES.items():
        lines += [f"## {name}", "", str(inspect.getdoc(kind)), ""]
        lines += ["| field | type | needed | what it is |", "|---|---|---|---|"]
        for field in msgspec.structs.fields(kind):
            needed = "yes" if field.required else "no"
            says = EVENTS_SAY.get(f"{name}.{field.name}", EVENTS_SAY.get(field.name, ""))
            lines.append(_row(f"`{field.name}`", _event_type(field.type), needed, says))
        lines.append("")
    lines += ["## Topics", "", "With the prefix `drift.`, or that of the settings (`prefix`).", ""]
    lines += ["| topic | key | kept | what is on it |", "|---|---|---|---|"]
    for role in ROLES:
        key, says = TOPICS_SAY[role]
        kept = "compacted" if role in COMPACTED_ROLES else "by time"
        lines.append(
            _row(f"`{role}`" + (" (input)" if role in INPUT_ROLES else ""), key, kept, says)
        )
    return "\n".join([*lines, ""])


def _event_type(kind: Any) -> str:  # noqa: ANN401 - a type expression
    if get_origin(kind) is dict:
        return f"object of {_event_type(get_args(kind)[1])}"
    options = [one for one in get_args(kind) if one is not type(None)]
    if options and not all(isinstance(one, str | bool) for one in options):
        return ", ".join(dict.fromkeys(_event_type(one) for one in options))
    return "true" if options == [True] else _type(kind)


def cli_page() -> str:
    """Every command with its options."""
    lines = [
        "# The command line",
        "",
        MADE,
        "",
        "Exit codes: 0 done, 1 failed, 2 wrong usage or bad ",
    ]
    lines[-1] += "configuration. A message says what is wrong, where, and what to do next."
    context = click.Context(main, info_name="longshore")
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None, name
        lines += _command(command, f"longshore {name}")
    return "\n".join([*lines, ""])


def _command(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _command(inner, f"{path} {name}")
        return
    context = click.Context(command, info_name=path)
    words = " ".join(command.collect_usage_pieces(context))
    yield from ("", f"## {path}", "", f"    {path} {words}", "")
    yield from _help(inspect.cleandoc(command.help or ""))
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    if options:
        yield from ("", "| option | value | default | what it does |", "|---|---|---|---|")
        yield from (_option(one, context) for one in options)


def _help(text: str) -> Iterator[str]:
    """Paragraphs as they are, examples as code."""
    for paragraph in text.split("\n\n"):
        if paragraph.lstrip().startswith("\b"):
            lines = paragraph.split("\n")[1:]
            yield from [f"  {line}" if line.startswith(" ") else f"{line}\n" for line in lines]
            continue
        yield from (paragraph, "")


def _option(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    value = NOTHING if option.is_flag else f"`{option.make_metavar(context)}`"
    told = option.to_info_dict()["default"]
    shown = told if isinstance(told, int | float | str | Path) and not option.is_flag else None
    default = "required" if option.required else NOTHING if shown is None else f"`{shown}`"
    often = " (may be given again)" if option.multiple else ""
    variable = f" (`{option.envvar}`)" if option.envvar else ""
    return _row(names, value, default, f"{option.help}{often}{variable}")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


PAGES: Final = {
    "spec.md": spec_page,
    "settings.md": settings_page,
    "events.md": events_page,
    "cli.md": cli_page,
}
"""File of :data:`DIRECTORY` -> what makes it."""


if __name__ == "__main__":
    for file, page in PAGES.items():
        (DIRECTORY / file).write_text(page())
