"""Canonical JSON and its hash: one way to name content, so that equal things have equal names."""

from __future__ import annotations

import hashlib

import msgspec
import orjson


def canonical_json(value: object) -> bytes:
    """``value`` (builtins or msgspec structs) as JSON with sorted keys and no white space."""
    return orjson.dumps(msgspec.to_builtins(value), option=orjson.OPT_SORT_KEYS)


def content_hash(value: object) -> str:
    """``sha256:<hex>`` of the canonical JSON of ``value``."""
    return "sha256:" + hashlib.sha256(canonical_json(value)).hexdigest()
