"""YAML text to a tree that keeps the line of every key, and refuses what a spec has no use for.

Rule.  A spec is plain data: mappings, lists and scalars.  Anchors and aliases (which can grow a
kilobyte into gigabytes), tags, several documents, a key written twice and anything over
MAX_SPEC_BYTES or MAX_DEPTH are faults with their place.  A refused value stays in the tree as
:class:`Refused`, so that one fault does not call forth others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import yaml

from engine.spec_faults import Fault, SpecError, child_path

MAX_SPEC_BYTES: Final = 1_048_576
"""A spec of MAX_FEATURES features with everything said about each is under half of it."""
MAX_DEPTH: Final = 12
"""Nesting; the deepest key of a spec is at 5."""

ScalarKind = Literal["text", "int", "float", "bool", "null", "date"]
_KINDS: Final[dict[str, ScalarKind]] = {
    "tag:yaml.org,2002:str": "text",
    "tag:yaml.org,2002:int": "int",
    "tag:yaml.org,2002:float": "float",
    "tag:yaml.org,2002:bool": "bool",
    "tag:yaml.org,2002:null": "null",
    "tag:yaml.org,2002:timestamp": "date",
    # `=` and `<<` mean something to YAML and nothing to a spec.
    "tag:yaml.org,2002:value": "text",
    "tag:yaml.org,2002:merge": "text",
}
_REFUSED_TAG: Final = "!refused"


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value: how YAML reads it, and its text as written."""

    path: str
    line: int
    kind: ScalarKind
    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    path: str
    line: int
    items: list[Value]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping with text keys, each once."""

    path: str
    line: int
    entries: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """Something whose fault is already listed."""

    path: str
    line: int


Value = Scalar | Listing | Mapping | Refused


class _Composer(yaml.SafeLoader):
    """Composes nodes without ever following an alias; ``refused`` says what was left out."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.refused: dict[int, str] = {}
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            return self._refuse(event, "aliases are not used in a spec: write the value out")
        event = self.peek_event()  # type: ignore[no-untyped-call]
        anchored = getattr(event, "anchor", None) is not None
        if self.depth >= MAX_DEPTH:
            raise yaml.composer.ComposerError(
                None, None, f"nested deeper than {MAX_DEPTH} levels", event.start_mark
            )
        event.anchor = None
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if anchored and node is not None:
            self.refused[id(node)] = "anchors are not used in a spec: write the value out"
        return node

    def _refuse(self, event: yaml.Event, why: str) -> yaml.Node:
        node: yaml.Node = yaml.ScalarNode(_REFUSED_TAG, "", event.start_mark)  # type: ignore[arg-type]
        self.refused[id(node)] = why
        return node


def read_tree(text: str, faults: list[Fault]) -> Mapping:
    """The tree of a YAML file whose top is a mapping; what is wrong in it goes to ``faults``.

    Raises SpecError when there is no tree at all: too large, not YAML, or not a mapping.
    """
    size = len(text.encode("utf-8", errors="surrogatepass"))
    if size > MAX_SPEC_BYTES:
        raise SpecError([Fault("", f"has {size} bytes, at most {MAX_SPEC_BYTES} are read")])
    try:
        composer = _Composer(text)
        root = composer.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 0
        problem = (error.problem or "cannot be read").replace("\\t", "a tab")
        raise SpecError([Fault("", f"not YAML: {problem}", line)]) from error
    except yaml.YAMLError as error:
        raise SpecError([Fault("", f"not YAML: {error}")]) from error
    if not isinstance(root, yaml.MappingNode):
        raise SpecError([Fault("", "a spec is a mapping that starts with `model: NAME`", 1)])
    tree = _value(root, "", faults, composer.refused)
    return tree if isinstance(tree, Mapping) else Mapping("", 1)


def _value(node: yaml.Node, path: str, faults: list[Fault], refused: dict[int, str]) -> Value:
    line = node.start_mark.line + 1
    why = refused.get(id(node))
    if why is not None:
        faults.append(Fault(path, why, line))
    if node.tag == _REFUSED_TAG:
        return Refused(path, line)
    if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
        return _mapping(node, path, faults, refused)
    if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        items = [
            _value(item, f"{path}[{index}]", faults, refused)
            for index, item in enumerate(node.value)
        ]
        return Listing(path, line, items)
    if isinstance(node, yaml.ScalarNode) and node.tag in _KINDS:
        kind = _KINDS[node.tag]
        return Scalar(path, line, kind, node.value, quoted=node.style in {"'", '"', "|", ">"})
    faults.append(Fault(path, f"the tag {node.tag!r} is not used in a spec", line))
    return Refused(path, line)


def _mapping(
    node: yaml.MappingNode, path: str, faults: list[Fault], refused: dict[int, str]
) -> Mapping:
    mapping = Mapping(path, node.start_mark.line + 1)
    first_line: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            faults.append(Fault(path, "a key is a plain name", line))
            continue
        key = key_node.value
        place = child_path(path, key)
        kind = _KINDS.get(key_node.tag)
        if kind != "text":
            read_as = f"YAML reads this name as {kind or key_node.tag}: quote it, {key!r}"
            faults.append(Fault(place, read_as, line))
        if key in first_line:
            faults.append(
                Fault(place, f"written twice, first on line {first_line[key]}: keep one", line)
            )
            continue
        first_line[key] = line
        value = _value(value_node, place, faults, refused)
        # A block mapping starts a line below its key; the key is where a reader looks.
        mapping.entries[key] = _at_line(value, line)
    return mapping


def _at_line(value: Value, line: int) -> Value:
    if isinstance(value, Mapping):
        return Mapping(value.path, line, value.entries)
    if isinstance(value, Listing):
        return Listing(value.path, line, value.items)
    return value
