"""The house rules as functions: source text in, complaints out, each naming what to do instead.

Rule.  A rule gets the path (relative to the repository) and the text of one file and returns
``line: complaint`` for every breach; it says by itself which paths it is about.  The core, that is
``detectors`` and ``engine``, is pure: what it must not touch comes in as an argument or goes out as
an effect.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Complaints = Iterator[tuple[int, str]]
    Rule = Callable[[PurePosixPath, str], Complaints]

CORE: Final = ("detectors", "engine")
FILE_LINES: Final = 300
KERNEL_FILE_LINES: Final = 400
FUNCTION_LINES: Final = 60

TIME: Final = "take the time as an argument (event time, ms)"
SEED: Final = "take a numpy Generator or a random.Random(seed) as an argument"
SHELL: Final = "return an effect (engine/effects.py) and let streams/ carry it out"
SETTINGS: Final = "take the setting as an argument; streams/ reads the environment"
BANNED_IMPORTS: Final = {
    "time": TIME,
    "random": SEED,
    "secrets": SEED,
    "asyncio": SHELL,
    "threading": SHELL,
    "socket": SHELL,
    "subprocess": SHELL,
    "logging": SHELL,
    "faust": SHELL,
    "mode": SHELL,
    "aiokafka": SHELL,
    "aiohttp": SHELL,
    "kafka": SHELL,
    "confluent_kafka": SHELL,
    "prometheus_client": "offer the number as a value; streams/ has the collector that reads it",
    "os.environ": SETTINGS,
    "os.getenv": SETTINGS,
}
BANNED_CALLS: Final = {
    "print": SHELL,
    "input": SHELL,
    "open": "take bytes as an argument; streams/ opens files",
    "hash": "use hashlib: hash() differs between processes",
}
BANNED_METHODS: Final = {"now": TIME, "utcnow": TIME, "today": TIME}
SEEDED_RANDOM: Final = {
    *("default_rng", "Generator", "PCG64", "Philox", "SeedSequence", "RandomState"),
    "get_state",  # only to show that the global generator was left alone
}
BELOW: Final = {"detectors": (), "engine": ("detectors",), "streams": ("engine", "detectors")}
"""What each package may import of our own, beside itself."""
OWN: Final = (*BELOW, "tests", "load_tests", "examples")
VAGUE: Final = {"util", "utils", "helper", "helpers", "manager", "managers", "misc", "common"}
VAGUE_ALONE: Final = {"base", "lib", "stuff", "tools"}


def _private_words() -> re.Pattern[str]:
    """Words about where and by what the work is done; spelt apart so that this file has none."""
    hosts = [
        *("pypi.|org", "python|hosted.org", "npm|js.org", "repo1.|maven", "repo.|maven"),
        *("deb.|debian.org", "crates|.io", "proxy.go|lang.org"),
    ]
    words = [
        *("clau|de", "anth|ropic", "chat|gpt", "open|ai", "co|pilot", "lan|guage model"),
        *("co-auth|ored-by", "sub-?ag|ent", "work|place", "this sess|ion", "AI[ -]gener|ated"),
    ]
    paths = ["/wor|k/", "/ro|ot/", "/ho|me/", "/us|ers/", "/op|t/wheels"]
    named = [host.replace(".", r"\.") for host in hosts]
    alternatives = [part.replace("|", "") for part in (*named, *words)]
    rooted = [rf"(?<![\w.$}}-]){part.replace('|', '')}" for part in paths]
    return re.compile(
        "|".join([*(rf"\b{part}\b" for part in alternatives), *rooted]), re.IGNORECASE
    )


PRIVATE_WORDS: Final = _private_words()


@lru_cache(maxsize=1)
def _parsed(text: str) -> ast.Module:
    """The same file is asked about by one rule after the other."""
    return ast.parse(text)


def _in_core(path: PurePosixPath) -> bool:
    return path.parts[0] in CORE


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, full dotted name) of everything imported, ``from a import b`` as ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _dotted(node: ast.AST) -> str:
    """``a.b.c`` of names and attributes; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = _dotted(node.value)
        return f"{left}.{node.attr}" if left else ""
    return ""


def pure_imports(path: PurePosixPath, text: str) -> Complaints:
    """The core imports no clock, chance, environment, event loop, Kafka, Faust or Prometheus."""
    if not _in_core(path):
        return
    for line, name in _imports(_parsed(text)):
        for banned, instead in BANNED_IMPORTS.items():
            if name == banned or name.startswith(f"{banned}."):
                yield line, f"imports {name}: {instead}"


def pure_calls(path: PurePosixPath, text: str) -> Complaints:
    """The core calls nothing that reads or writes the world, or that differs between processes."""
    if not _in_core(path):
        return
    for node in ast.walk(_parsed(text)):
        if isinstance(node, ast.Attribute) and _dotted(node) in BANNED_IMPORTS:
            yield node.lineno, f"uses {_dotted(node)}: {BANNED_IMPORTS[_dotted(node)]}"
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in BANNED_CALLS:
            yield node.lineno, f"calls {node.func.id}(): {BANNED_CALLS[node.func.id]}"
        if isinstance(node.func, ast.Attribute) and node.func.attr in BANNED_METHODS:
            yield node.lineno, f"calls .{node.func.attr}(): {BANNED_METHODS[node.func.attr]}"


def seeded_chance(_path: PurePosixPath, text: str) -> Complaints:
    """Nothing uses numpy's global generator, or one without a seed: a failure must replay."""
    for node in ast.walk(_parsed(text)):
        if not isinstance(node, ast.Call):
            continue
        owner, _, function = _dotted(node.func).rpartition(".")
        if owner in {"np.random", "numpy.random"} and function not in SEEDED_RANDOM:
            yield node.lineno, f"calls {owner}.{function}(): {SEED}"
        elif function in {"default_rng", "RandomState"} and not (node.args or node.keywords):
            yield node.lineno, f"calls {function}() without a seed: {SEED}"


def named_exceptions(path: PurePosixPath, text: str) -> Complaints:
    """The core catches only errors that it can name."""
    if not _in_core(path):
        return
    instead = "name the errors that the input can cause; a broken invariant must crash"
    for node in ast.walk(_parsed(text)):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = [_dotted(each) if each is not None else "everything" for each in caught]
            for name in {"Exception", "BaseException", "everything"} & set(names):
                yield node.lineno, f"catches {name}: {instead}"


def import_direction(path: PurePosixPath, text: str) -> Complaints:
    """Imports go detectors <- engine <- streams, and never to tests, examples or load tests."""
    package = path.parts[0]
    if package not in BELOW:
        return
    for line, name in _imports(_parsed(text)):
        target = name.partition(".")[0]
        if target in OWN and target not in (package, *BELOW[package]):
            yield line, f"{package} imports {name}: imports go detectors <- engine <- streams"


def file_length(path: PurePosixPath, text: str) -> Complaints:
    """A file has one subject: at most 300 lines, 400 for kernels."""
    limit = KERNEL_FILE_LINES if "kernel" in path.stem else FILE_LINES
    lines = len(text.splitlines())
    if lines > limit:
        yield limit, f"{lines} lines, at most {limit}: move one subject into a file of its own"


def function_length(_path: PurePosixPath, text: str) -> Complaints:
    """A function has at most 60 lines."""
    for node in ast.walk(_parsed(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                advice = "name its steps as functions"
                yield node.lineno, f"{node.name} has {lines} lines, at most 60: {advice}"


def telling_names(path: PurePosixPath, text: str) -> Complaints:
    """No file or class is called utils, helper, manager, base, common or misc."""
    instead = "name it after the one thing that it knows"
    for part in (*path.parts[:-1], path.stem):
        if part in VAGUE_ALONE or VAGUE & set(part.split("_")):
            yield 1, f"the name {part!r} says nothing: {instead}"
    for node in ast.walk(_parsed(text)):
        if isinstance(node, ast.ClassDef):
            words = [word.lower() for word in re.findall(r"[A-Z][a-z0-9]*", node.name)]
            if VAGUE & set(words) or words[:1] == ["base"]:
                yield node.lineno, f"the name {node.name!r} says nothing: {instead}"


def docstring_head(path: PurePosixPath, text: str) -> Complaints:
    """Every module starts with a docstring; an empty ``__init__.py`` is none."""
    tree = _parsed(text)
    if tree.body and ast.get_docstring(tree) is None:
        yield 1, f"{path.name} has no docstring: say the rule of the file and its theory"


def no_fastmath(_path: PurePosixPath, text: str) -> Complaints:
    """Kernels keep the semantics of NaN."""
    for node in ast.walk(_parsed(text)):
        if isinstance(node, ast.keyword) and node.arg == "fastmath":
            off = isinstance(node.value, ast.Constant) and node.value.value is False
            if not off:
                yield node.value.lineno, "fastmath breaks NaN: leave it away"


def coded_suppressions(_path: PurePosixPath, text: str) -> Complaints:
    """Every ``noqa`` and ``type: ignore`` names what it silences."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        if re.search(r"#\s*(ruff:\s*)?noqa(?!:\s*[A-Z])", token.string, re.IGNORECASE):
            yield token.start[0], "a bare noqa silences everything: name the rule (noqa: X123)"
        if re.search(r"#\s*type:\s*ignore(?!\[)", token.string):
            yield token.start[0], "a bare ignore silences everything: type: ignore[code]"


def speaks_of_itself(_path: PurePosixPath, text: str) -> Complaints:
    """No text speaks of the machine, the registries or the tools that the work was done with."""
    for number, line in enumerate(text.splitlines(), start=1):
        for match in PRIVATE_WORDS.finditer(line):
            yield number, f"{match[0]!r} is no part of the project: leave it out"


PYTHON_RULES: Final[tuple[Rule, ...]] = (
    pure_imports,
    pure_calls,
    seeded_chance,
    named_exceptions,
    import_direction,
    file_length,
    function_length,
    telling_names,
    docstring_head,
    no_fastmath,
    coded_suppressions,
)
TEXT_RULES: Final[tuple[Rule, ...]] = (speaks_of_itself,)
