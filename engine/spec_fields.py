"""Typed reading of one mapping of a spec: each field once, every fault noted, unknown keys named.

Rule.  A reader asks for the fields that it knows, with their defaults, and then calls ``close``,
which makes every other key a fault.  A faulty field yields its default and is remembered in
``broken``, so that rules which compare fields can leave it out and one slip gives one fault; of a
section that is no mapping nothing more is told.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final, TypeVar

from engine.durations import MAX_DURATION_MS, DurationError, format_duration, parse_duration
from engine.spec_faults import Fault, child_path, did_you_mean
from engine.spec_yaml import Listing, Mapping, Refused, Scalar, Value

MAX_TEXT: Final = 500
"""Characters of a free text such as an owner or a purpose."""
_NUMBER: Final = re.compile(r"[-+]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][-+]?\d{1,4})?", re.ASCII)
_WHOLE: Final = re.compile(r"[-+]?\d{1,18}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_Choice = TypeVar("_Choice", bound=str)


class Fields:
    """The fields of one mapping; ``absent=True`` reads as an empty mapping without faults."""

    def __init__(self, mapping: Mapping, faults: list[Fault], *, absent: bool = False) -> None:
        self.mapping = mapping
        self.faults = faults
        self.absent = absent
        self.broken: set[str] = set()
        self._asked: list[str] = []

    def has(self, key: str) -> bool:
        """Whether the key is written, whatever its value."""
        return key in self.mapping.entries

    def sound(self, *keys: str) -> bool:
        """Whether none of these fields has a fault so far."""
        return self.broken.isdisjoint(keys)

    def fault(self, key: str, message: str) -> None:
        """Note a fault at ``key``, on its line or, where it is missing, on the mapping's."""
        value = self.mapping.entries.get(key)
        line = value.line if value is not None else self.mapping.line
        self.faults.append(Fault(child_path(self.mapping.path, key), message, line))
        self.broken.add(key)

    def fault_at(self, key: str, value: Value, message: str) -> None:
        """Note a fault at ``value``, a part of the field ``key``."""
        self.faults.append(Fault(value.path, message, value.line))
        self.broken.add(key)

    def know(self, *keys: str) -> None:
        """Say that these keys exist, though this file's need not be read."""
        self._asked.extend(keys)

    def raw(self, key: str, *, required: bool = False) -> Value | None:
        """The value as it stands; None when it is missing or its fault is noted already."""
        self._asked.append(key)
        value = self.mapping.entries.get(key)
        if value is None:
            if required:
                self.fault(key, "is required")
            return None
        if isinstance(value, Refused):
            self.broken.add(key)
            return None
        return value

    def scalar(self, key: str, expected: str, *, required: bool = False) -> Scalar | None:
        """The scalar at ``key``; anything else there is a fault that names ``expected``."""
        value = self.raw(key, required=required)
        if value is None:
            return None
        if not isinstance(value, Scalar):
            self.fault(key, f"must be {expected}, not a {_shape(value)}")
            return None
        if value.kind == "null":
            self.fault(key, f"has no value: give {expected} or leave the key out")
            return None
        return value

    def nothing(self, key: str) -> bool:
        """Whether the key is written with ``null``, for the fields where that says something."""
        value = self.mapping.entries.get(key)
        if isinstance(value, Scalar) and value.kind == "null":
            self._asked.append(key)
            return True
        return False

    def text(
        self, key: str, default: str | None = None, pattern: str = "", meaning: str = ""
    ) -> str:
        """A text, required when there is no default; ``meaning`` says what ``pattern`` allows."""
        found = self.scalar(key, "text", required=default is None)
        if found is None:
            return default or ""
        reason = text_fault(found, pattern, meaning)
        if reason:
            self.fault(key, reason)
            return default or ""
        return found.text

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``."""
        found = self.scalar(key, "a whole number")
        if found is None:
            return default
        if found.quoted or not _WHOLE.fullmatch(found.text):
            self.fault(key, f"must be a whole number, not {found.text[:40]!r}")
            return default
        number = int(found.text)
        if not low <= number <= high:
            self.fault(key, f"must be from {low} to {high}, not {number}")
            return default
        return number

    def number(
        self, key: str, default: float, low: float = -math.inf, high: float = math.inf
    ) -> float:
        """A finite number from ``low`` to ``high``."""
        found = self.scalar(key, "a number")
        if found is None:
            return default
        number = finite_number(found)
        if number is None:
            self.fault(key, f"must be a finite number, not {found.text[:40]!r}")
            return default
        if not low <= number <= high:
            self.fault(key, f"must be {_bounds(low, high)}, not {found.text}")
            return default
        return number

    def flag(self, key: str, *, default: bool) -> bool:
        """``true`` or ``false``."""
        found = self.scalar(key, "true or false")
        if found is None:
            return default
        if found.kind != "bool":
            self.fault(key, f"must be true or false, not {found.text[:40]!r}")
            return default
        return found.text.lower() in {"true", "yes", "on"}

    def choice(self, key: str, default: _Choice | None, choices: Sequence[_Choice]) -> _Choice:
        """One of ``choices``, required when there is no default."""
        listed = ", ".join(choices)
        found = self.scalar(key, f"one of {listed}", required=default is None)
        fallback = choices[0] if default is None else default
        if found is None:
            return fallback
        for choice in choices:
            if found.text == choice:
                return choice
        hint = did_you_mean(found.text, choices)
        self.fault(key, f"must be one of {listed}, not {found.text[:40]!r}{hint}")
        return fallback

    def duration(
        self, key: str, default_ms: int, low_ms: int = 0, high_ms: int = MAX_DURATION_MS
    ) -> int:
        """A duration such as ``10s``, in milliseconds."""
        found = self.scalar(key, "a duration such as 10s")
        if found is None:
            return default_ms
        duration_ms = self.duration_at(key, found, low_ms, high_ms)
        return default_ms if duration_ms is None else duration_ms

    def duration_at(
        self, key: str, value: Value, low_ms: int = 0, high_ms: int = MAX_DURATION_MS
    ) -> int | None:
        """The duration that ``value``, a part of the field ``key``, says; None with a fault."""
        if not isinstance(value, Scalar):
            self.fault_at(key, value, f"must be a duration such as 10s, not a {_shape(value)}")
            return None
        try:
            duration_ms = parse_duration(value.text)
        except DurationError as error:
            self.fault_at(key, value, str(error))
            return None
        if not low_ms <= duration_ms <= high_ms:
            span = f"from {format_duration(low_ms)} to {format_duration(high_ms)}"
            self.fault_at(key, value, f"must be {span}, not {value.text}")
            return None
        return duration_ms

    def items(self, key: str, most: int, *, required: bool = False) -> list[Value]:
        """The items of a list of at most ``most``; refused items are left out."""
        value = self.raw(key, required=required)
        if value is None:
            return []
        if not isinstance(value, Listing):
            self.fault(key, f"must be a list, not a {_shape(value)}")
            return []
        if len(value.items) > most:
            self.fault(key, f"has {len(value.items)} items, at most {most} are allowed")
            return []
        if any(isinstance(item, Refused) for item in value.items):
            self.broken.add(key)
        return [item for item in value.items if not isinstance(item, Refused)]

    def texts(self, key: str, most: int, pattern: str, meaning: str) -> tuple[str, ...]:
        """A list of different texts, in the order written."""
        found: list[str] = []
        for item in self.items(key, most):
            if not isinstance(item, Scalar):
                self.fault_at(key, item, f"must be text, not a {_shape(item)}")
                continue
            reason = text_fault(item, pattern, meaning)
            if reason or item.text in found:
                self.fault_at(key, item, reason or f"{item.text!r} stands here twice")
                continue
            found.append(item.text)
        return tuple(found)

    def section(self, key: str, *, required: bool = False) -> Fields:
        """The mapping at ``key``; where there is none, an absent one."""
        value = self.raw(key, required=required)
        if isinstance(value, Mapping):
            return Fields(value, self.faults)
        if value is not None:
            self.fault(key, f"must be a mapping, not a {_shape(value)}")
        heard = self.faults if self.sound(key) else []
        return Fields(Mapping(child_path(self.mapping.path, key), 0), heard, absent=True)

    def close(self) -> None:
        """Make a fault of every key that nobody asked for."""
        for key in self.mapping.entries:
            if key not in self._asked:
                self.fault(key, f"is not a key of a spec here{did_you_mean(key, self._asked)}")


def text_fault(value: Scalar, pattern: str = "", meaning: str = "") -> str:
    """Why a scalar is no text of this pattern; empty when it is one."""
    text = value.text
    reasons = (
        (value.kind == "null", "has no value: give a text or leave it out"),
        (
            value.kind != "text",
            f'must be text, and YAML reads {text[:40]} as {value.kind}: quote it, "{text[:40]}"',
        ),
        (not text.strip(), "must not be empty"),
        (len(text) > MAX_TEXT, f"has {len(text)} characters, at most {MAX_TEXT} are allowed"),
        (_CONTROL.search(text) is not None, "must not contain control characters"),
        (
            bool(pattern) and not re.fullmatch(pattern, text),
            f"{text[:80]!r} is not allowed: {meaning}",
        ),
    )
    return next((reason for holds, reason in reasons if holds), "")


def finite_number(value: Scalar) -> float | None:
    """The finite number that a plain scalar writes, or None; 1e-6 counts, 1:30 and 0x10 do not."""
    if value.quoted or value.kind not in {"int", "float", "text"}:
        return None
    if not _NUMBER.fullmatch(value.text):
        return None
    number = float(value.text)
    return number if math.isfinite(number) else None


def _bounds(low: float, high: float) -> str:
    if high == math.inf:
        return f"at least {low:g}"
    if low == -math.inf:
        return f"at most {high:g}"
    return f"from {low:g} to {high:g}"


def _shape(value: Value) -> str:
    if isinstance(value, Mapping):
        return "mapping"
    if isinstance(value, Listing):
        return "list"
    return f"single value ({value.text[:40]!r})" if isinstance(value, Scalar) else "refused value"
