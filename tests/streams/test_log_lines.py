"""Log lines that nobody outside can forge."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import textwrap

from streams.log_lines import MAX_LINE_CHARS, LineFormatter, one_line


def logged(message: str, *arguments: object, error: BaseException | None = None) -> str:
    """What the formatter makes of one call of a logger."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter())
    logger = logging.Logger("longshore.test")  # noqa: LOG001 - apart from the session's own
    logger.addHandler(handler)
    logger.error(message, *arguments, exc_info=error)
    return stream.getvalue()


def test_one_call_is_one_line() -> None:
    """A record's line breaks, terminal sequences and turned text are shown, not obeyed."""
    forged = "x\r\n2026-11-24 ERROR longshore.worker forged\x1b[2J\x85\u2028\u202etxt\x00"
    said = logged("no tally's: %s", forged)
    assert said.count("\n") == 1
    assert said.endswith("\n")
    assert r"x\r\n2026-11-24 ERROR longshore.worker forged\x1b[2J\x85\u2028\u202etxt\x00" in said
    assert one_line("tab\tünïcode 漢字") == r"tab\tünïcode 漢字"


def test_a_long_text_is_cut_and_says_so() -> None:
    """A record of megabytes makes no line of megabytes."""
    said = logged("%s", "y" * 1_000_000)
    assert len(said) < MAX_LINE_CHARS + 200
    assert "(1000000 characters)" in said


def test_a_stack_trace_forges_no_line() -> None:
    """An exception's text with a line break stays behind the bar."""
    try:
        raise ValueError("bad\n2026-11-24 ERROR longshore.worker forged")
    except ValueError as error:
        first, *rest = logged("failed", error=error).rstrip("\n").split("\n")
    assert first.endswith("longshore.test failed")
    assert rest
    assert all(line.startswith("  | ") for line in rest)
    assert any("ERROR longshore.worker forged" in line for line in rest)


def test_a_line_is_told_when_no_descriptor_is_left() -> None:
    """What is needed for escaping is there before the first line: nothing is opened then."""
    told = run_python("""
        import logging, os, resource
        from streams.log_lines import log_to_stderr
        log_to_stderr(logging.INFO)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        try:
            os.open("/dev/null", os.O_RDONLY)
        except OSError as error:
            logging.getLogger("longshore.test").error("a\\tb: %s", error)
    """)
    assert told.count("\n") == 1
    assert told.endswith("longshore.test a\\tb: [Errno 24] Too many open files: '/dev/null'\n")


def run_python(program: str) -> str:
    """What a program says on standard error."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr
