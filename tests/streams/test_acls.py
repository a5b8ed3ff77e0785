"""The list of least rights: what it grants to whom, and that docs and command say the same."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

import msgspec
import orjson
import pytest
from click.testing import CliRunner, Result

from streams.acls import PARTS, Part, rights, table, topic_operations
from streams.broker_answers import TopicAnswer, refusal
from streams.cli import main
from streams.rights import missing_rights
from streams.security_settings import HttpSettings, SecuritySettings
from streams.settings import Settings
from streams.topics import INPUT_ROLES, ROLES

PAGE: Final = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")


def run(*arguments: str) -> Result:
    """`longshore acls` with these arguments."""
    return CliRunner().invoke(main, ["acls", *arguments])


def rows(start: str) -> list[tuple[str, ...]]:
    """The rows of the page's table with this head, their cells without blanks around them."""
    lines = PAGE.split(start, 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def test_the_page_has_the_list() -> None:
    """The table of rights is the list that the command prints, the brokers are granted in the
    tests, and a worker compares its own with."""
    assert rows("| part | on | names | operations |") == table()


def test_the_page_has_every_setting() -> None:
    """Each setting of the sections ``security`` and ``http`` with its name in the environment."""
    told = [(row[0].strip("`"), row[1].strip("`")) for row in rows("| setting | environment |")]
    sections = (("security", SecuritySettings), ("http", HttpSettings))
    assert told == [
        (f"{section}.{field.name}", f"LONGSHORE_{section}_{field.name}".upper())
        for section, kind in sections
        for field in msgspec.structs.fields(kind)
    ]


def test_nobody_but_workers_may_write_what_verdicts_are_made_of() -> None:
    """Panes, snapshots, pending and all that is published are the workers' alone, and the inputs
    are never theirs to write."""
    own = ("panes", "snapshots", "pending", "judgements", "alerts", "retraining-triggers")
    for part in PARTS:
        writes = {role for role, done in topic_operations(part).items() if "Write" in done}
        if part == "worker":
            assert writes >= set(own)
            assert not writes & set(INPUT_ROLES)
        else:
            assert not writes & set(own)
        creates = {role for role, done in topic_operations(part).items() if "Create" in done}
        assert creates == (set(ROLES) if part == "operator" else set())


@pytest.mark.parametrize("part", PARTS)
def test_names_follow_prefix_and_groups(part: Part) -> None:
    """Topics carry the prefix, groups are those given, nothing is a wildcard."""
    settings = Settings(prefix="team-a.", group="watchers")
    for right in rights(settings, part, "User:x", "trainers"):
        assert right.principal == "User:x"
        if right.resource == "topic":
            assert right.name.startswith("team-a.")
        else:
            assert right.name == {"worker": "watchers", "retraining": "trainers"}[part]
        assert "*" not in right.name


def test_the_command_prints_what_a_shell_reads() -> None:
    """Every right of everybody named is in exactly one command, quoted for the shell."""
    principals = [
        "--principal",
        "User:CN=a b",
        "--producer",
        "User:fraud",
        "--retraining",
        "User:t",
    ]
    told = run(*principals, "--prefix", "p.", "--broker", "k:1", "--operator", "User:o")
    assert told.exit_code == 0, told.output
    granted = set()
    for line in told.output.splitlines():
        words = shlex.split(line)
        assert words[:3] == ["kafka-acls.sh", "--bootstrap-server", "k:1"]
        assert words[3:6] == ["--command-config", "admin.properties", "--add"]
        pairs = list(zip(words[6::2], words[7::2], strict=True))
        values = {key: [value for name, value in pairs if name == key] for key, _ in pairs}
        (who,) = values["--allow-principal"]
        for resource in ("topic", "group"):
            for name in values.get(f"--{resource}", ()):
                new = {(who, one, resource, name) for one in values["--operation"]}
                assert not granted & new
                granted |= new
    listed = run(*principals, "--prefix", "p.", "--broker", "k:1", "--operator", "User:o", "--json")
    as_json = {tuple(right.values()) for right in orjson.loads(listed.output)}
    assert granted == as_json
    assert ("User:CN=a b", "Write", "topic", "p.panes") in granted
    assert {who for who, *_ in granted} == {"User:CN=a b", "User:fraud", "User:t", "User:o"}


def test_what_is_missing_is_named() -> None:
    """A line per topic with the rights that lack; brokers that do not say are believed."""
    needed = {"t1": ("Read", "Write"), "t2": ("Write",), "t3": ("Read",), "t4": ("Read",)}
    answers = {
        "t1": TopicAnswer(4, frozenset({"READ", "DESCRIBE"})),
        "t2": TopicAnswer(0, frozenset()),
        "t3": TopicAnswer(4, None),
    }
    assert missing_rights(needed, answers) == [
        "topic t1: no right to Write, grant it (longshore acls)",
        "topic t2: no right to Write, grant it (longshore acls)",
    ]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("_AUTHENTICATION", "sasl_ssl://k:1/bootstrap: SASL error: no (after 1ms in x)", "'ann'"),
        ("_SSL", "x: SSL handshake failed: certificate verify failed: y", "security.ssl_ca"),
        ("_TRANSPORT", "x: SSL routines::ssl/tls alert bad certificate: z", "security.ssl_cert"),
        ("_TRANSPORT", "ipv4#127.0.0.1:1: Connection refused (after 1ms)", None),
        ("_SSL", "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker?", None),
        ("_ALL_BROKERS_DOWN", "1/1 brokers are down", None),
    ],
)
def test_a_refusal_is_told_from_an_outage(name: str, text: str, line: str | None) -> None:
    """Login and certificates end the asking, a broker that is away does not."""
    security = SecuritySettings(protocol="SASL_SSL", sasl_user="ann", sasl_mechanism="PLAIN")
    found = refusal(name, text, security)
    assert (found is None) == (line is None)
    assert (line or "") in (found or "")
    assert "(after" not in (found or "")


def test_no_option_of_any_command_takes_a_secret() -> None:
    """Every user of a machine can read command lines, so none may hold a password or token."""
    for name in main.list_commands(None):  # type: ignore[arg-type]  # no context is needed
        command = main.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        inner = getattr(command, "commands", {}).values()
        for one in (command, *inner):
            for option in one.params:
                names = " ".join((option.name or "", *option.opts))
                assert not any(word in names for word in ("password", "token", "secret")), names
