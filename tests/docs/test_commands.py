"""What README and docs tell a reader to type: run where it can be, looked at where it cannot."""

from __future__ import annotations

import shutil
import sys
from functools import partialmethod
from pathlib import Path
from typing import Final

import polars as pl
import pytest

from streams.publisher import Publisher
from tests.docs.command_checks import command_faults, page_faults
from tests.docs.not_run import NOT_RUN
from tests.docs.pages import ROOT, SESSIONS, Page, command_lines, documented, parse, read_page
from tests.docs.sandbox import checkout_copy, is_run, run, unlike
from tests.kafka.oracles import SPRING_MS
from tests.left_out import missing

PAGES: Final = {str(path.relative_to(ROOT)): read_page(path) for path in documented()}
LIMIT_S: Final = {False: 150.0, True: 550.0}
"""Of a page, and of a whole one."""
NONE: Final = {("", "")}
USUAL_PROGRAMS: Final = ("curl", "jq", "openssl")
"""What readers are taken to have."""
PROGRAMS_TYPED: Final = ("longshore", "make", "python", "docker", "promtool", *USUAL_PROGRAMS)
EVERY: Final = 4
"""Of so many flights one is replayed."""
PLAIN, BROKER, LONG, LONG_BROKER = (
    [page for page in PAGES.values() if page.run and page.session == kind] for kind in SESSIONS
)
WITH_LONG_BLOCKS: Final = [
    page for page in (*PLAIN, *BROKER) if any("long" in block.directives for block in page.run)
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository for pages whose reader stands in it, with fewer flights."""
    for program in USUAL_PROGRAMS:
        if shutil.which(program) is None:
            missing(program, f"apt-get install {program}")
    tables = tmp_path_factory.mktemp("tables")
    flights = ROOT / "examples" / "flights"
    predictions = pl.read_parquet(flights / "predictions.parquet")
    predictions = predictions.filter(pl.col("ts").is_between(*SPRING_MS)).gather_every(EVERY)
    labels = pl.read_parquet(flights / "labels.parquet")
    labels = labels.filter(pl.col("label_ts").is_between(*SPRING_MS))
    labels = labels.join(predictions.select("event_id"), on="event_id", how="semi")
    predictions.write_parquet(tables / "predictions.parquet")
    labels.write_parquet(tables / "labels.parquet")
    return checkout_copy(tmp_path_factory.mktemp("checkout"), tables)


def verified(
    page: Page, directory: Path, checkout: Path, brokers: str = "", *, whole: bool = False
) -> None:
    """Run a page; every command succeeded, and printed what the page says."""
    went = run(page, directory, checkout, brokers=brokers, limit_s=LIMIT_S[whole], whole=whole)
    for each in went.told:
        sys.stdout.write(f"{page.name}:{each.block.line} took {each.seconds:.1f} s\n")
    assert not went.failure(), f"{page.name}, {went.failure()}"
    there = [block for block in page.run if is_run(block, whole=whole)]
    assert [each.block for each in went.told] == there
    told = {each.block.line: each.text for each in went.told}
    before = 0
    for block in page.blocks:
        if "prints" in block.directives and before in told:
            missing_lines = unlike(block.text, told[before])
            assert not missing_lines, f"{page.name}:{block.line}: {missing_lines}: {told[before]}"
        elif block.is_commands:
            before = block.line


@pytest.mark.parametrize("page", PLAIN, ids=lambda page: page.name)
def test_commands_of_a_page(page: Page, tmp_path: Path, checkout: Path) -> None:
    """All blocks of a page that needs no broker, as one session."""
    verified(page, tmp_path, checkout)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("page", BROKER, ids=lambda page: page.name)
def test_commands_on_a_broker(page: Page, tmp_path: Path, checkout: Path, kafka: str) -> None:
    """The same with the session's broker and real workers."""
    verified(page, tmp_path, checkout, kafka)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "page", [*LONG, *LONG_BROKER, *WITH_LONG_BLOCKS], ids=lambda page: page.name
)
def test_whole_pages(page: Page, tmp_path: Path, checkout: Path, kafka: str) -> None:
    """Pages that take minutes, and those of which a block does."""
    verified(page, tmp_path, checkout, kafka, whole=True)


def test_python_that_no_reader_saves_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a page shows in passing, where no broker answers: names and arguments are right."""
    shown = [
        block.text
        for page in PAGES.values()
        for block in page.blocks
        if block.language == "python" and "file" not in block.directives
    ]
    assert shown
    monkeypatch.setattr(Publisher, "close", partialmethod(Publisher.close, timeout=0.1))
    for text in shown:
        quick = text.replace("kafka:9092", "127.0.0.1:1").replace("flush(5.0)", "flush(0.1)")
        exec(compile(quick, "a page", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out.startswith("0 {")


@pytest.mark.parametrize("needs", sorted({b.needs for p in PAGES.values() for b in p.run} - NONE))
def test_programs_of_the_pages_are_there(needs: tuple[str, str]) -> None:
    """Without one its block is left out, and it is said how to get it."""
    program, package = needs
    if shutil.which(program) is None:
        missing(package, f"apt-get install {package}")


def test_no_block_is_left_out() -> None:
    """Every block of commands is in a session or in the list of those that are not run."""
    sessions = [page for kind in (PLAIN, BROKER, LONG, LONG_BROKER) for page in kind]
    run_blocks = {(page.name, block.line) for page in sessions for block in page.run}
    all_blocks = {(page.name, block.line) for page in PAGES.values() for block in page.commands}
    left = {
        (page.name, block.line)
        for page in PAGES.values()
        for block in page.commands
        if "not run" in block.directives
    }
    assert run_blocks | left == all_blocks
    assert not run_blocks & left
    assert len(run_blocks) > len(left), "most of it is run"


def test_commands_stand_in_fences() -> None:
    """Where they are typed; only the help that the command line prints is indented."""
    loose = [
        f"{page.name}:{number}: {line.strip()}"
        for page in PAGES.values()
        if not page.name.startswith("docs/reference/")
        for number, line in page.prose
        if line.startswith("    ") and line.split()[0] in PROGRAMS_TYPED
    ]
    assert loose == []


def test_what_is_not_run_has_a_known_reason() -> None:
    """The list of blocks that are not run, with the reasons that the pages give."""
    told = [
        (page.name, block.directives["not run"])
        for page in PAGES.values()
        for block in page.commands
        if "not run" in block.directives
    ]
    assert told == NOT_RUN


def test_no_directive_is_misspelt() -> None:
    """A misspelt one would be a comment, and what it asks for would not happen."""
    assert [line for page in PAGES.values() for line in page.unknown] == []
    assert parse("<!-- not rum: x -->\n", "x").unknown == ("x:1: <!-- not rum: x -->",)
    assert parse("<!-- prints -->\n\n```text\na\n```\n", "x").unknown == ("x:1: <!-- prints -->",)
    assert parse("<!-- long: x -->\n<!-- prints -->\n```sh\na\n```\n", "x").unknown == ()


def never_compared(page: Page) -> list[str]:
    """``page:line`` of what is said to be printed by commands that are never run, or by none, or
    holds no word to compare."""
    found, run_before = [], False
    for block in page.blocks:
        if block.is_commands:
            run_before = block in page.run
        elif "prints" in block.directives and not (run_before and block.text.strip(" …\n")):
            found.append(f"{page.name}:{block.line}")
    return found


def test_what_is_said_to_be_printed_is_compared() -> None:
    """It stands after commands that are run."""
    assert [line for page in PAGES.values() for line in never_compared(page)] == []
    prints = "<!-- prints -->\n```text\n{}\n```\n"
    assert never_compared(parse(prints.format("a"), "x")) == ["x:2"]
    not_run = "<!-- not run: y -->\n```sh\na\n```\n"
    assert never_compared(parse(not_run + prints.format("a"), "x")) == ["x:6"]
    run_block = "```sh\na\n```\n"
    assert never_compared(parse(run_block + prints.format("…"), "x")) == ["x:5"]
    assert never_compared(parse(run_block + prints.format("a"), "x")) == []


def test_every_fence_says_what_it_is() -> None:
    """One without a language would be no commands to the tests, whatever it holds."""
    without = [
        f"{page.name}:{block.line}"
        for page in PAGES.values()
        for block in page.blocks
        if not block.language
    ]
    assert without == []


@pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.name)
def test_commands_exist(page: Page) -> None:
    """Also of those that are not run: targets, subcommands, options, modules, services, files."""
    assert page_faults(page) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("make nosuch", "no such target"),
        ("cd x && make -s -C .. nosuch | head", "no such target"),
        ("longshore nosuch", "no such command"),
        ("longshore topics nosuch", "no such command"),
        ("longshore replay s --nosuch", "No such option"),
        ("longshore check a b", "one word too many"),
        ("until longshore check --nosuch; do :; done", "No such option"),
        ("X=$(longshore nosuch)", "no such command"),
        ("python -m streams.nosuch", "no such module"),
        ("docker compose up --scale nosuch=4", "no such service"),
        ("docker compose --profile nosuch up", "no such profile"),
        ("python examples/nosuch.py", "no such file"),
    ],
)
def test_what_does_not_exist_is_found(line: str, fault: str) -> None:
    """Each kind of check can fail."""
    found = [fault for _, words in command_lines(line) for fault in command_faults(words)]
    assert len(found) == 1
    assert fault in found[0]


def test_a_failing_command_is_told(tmp_path: Path) -> None:
    """With the line of its block; what comes after it is not run, and a process in the background
    is ended."""
    page = parse("```sh\nsleep 600 &\necho one\n```\n\n```sh\nfalse\necho two\n```\n", "docs/x.md")
    went = run(page, tmp_path, tmp_path / "none", limit_s=20)
    assert went.failure().startswith("line 6: exit code 1")
    assert [each.text for each in went.told] == ["one\n", ""]


@pytest.mark.parametrize(
    "command",
    [
        "false | cat",
        "false && true",
        "true && false && true",
        "export X=$(false)",
        "export X=$(false | cat)",
        "cat > x <<END\na && b\nEND\ngrep -q 'a && b' x; false && true",
        "echo $UNSET",
        "(exit 3)",
        "exit 0",
    ],
)
def test_no_failing_command_passes(command: str, tmp_path: Path) -> None:
    """Also where the shell by itself would go on; a page that ends early has not been run."""
    page = parse(f"```sh\n{command}\n```\n\n```sh\necho two\n```\n", "docs/x.md")
    with pytest.raises(AssertionError):
        verified(page, tmp_path, tmp_path / "none")


@pytest.mark.parametrize(
    "command",
    [
        "false || true",
        "until false || true; do :; done",
        "if false; then :; fi",
        "awk 'BEGIN {exit !(1 && 1)}' && test \"a && b\" = 'a && b'",
    ],
)
def test_conditions_may_fail(command: str, tmp_path: Path) -> None:
    """What asks is no failure."""
    verified(parse(f"```sh\n{command}\n```\n", "docs/x.md"), tmp_path, tmp_path / "none")


@pytest.mark.parametrize(
    "command",
    ["pip install x", "python -m pip install x", "apt-get install x", "docker ps", "make demo"],
)
def test_the_sandbox_changes_no_machine(command: str, tmp_path: Path) -> None:
    """What would install or start something outside of the folder is refused, so that a block which
    lacks its marker fails instead."""
    page = parse(f"```sh\n{command}\n```\n", "docs/x.md")
    went = run(page, tmp_path, tmp_path / "none", limit_s=20)
    assert "sandbox" in went.failure()


def test_what_is_printed_is_compared() -> None:
    """Order and words count, white space does not, ``…`` is anything."""
    printed = "a  b\nc 17 d\ne\n"
    assert unlike("a b\nc … d\n…\ne\n", printed) == []
    assert unlike("c … d\na b\n", printed) == ["a b"]
    assert unlike("c … x\n", printed) == ["c … x"]
