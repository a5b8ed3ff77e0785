"""Any bytes as a profile: a profile, or ProfileError; and with its spec a model, or ProfileError.

Profiles are changed inside and sealed again with the right hash, as a careful hand would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import orjson

from engine.model import build_model
from engine.profile import ProfileError, decode_profile, encode_profile
from tests.fuzz.draw import Draw
from tests.fuzz.models_under_fuzz import judged, lighten
from tests.fuzz.target import holds
from tests.fuzz.tree_edits import edited

RUNS: Final = 50_000
MAX_BYTES: Final = 256
INSTRUMENTED: Final = ("engine",)
WORDS: Final = (b'"schema":2', b'"hash":""', b'{"schema":', b"1e999", b"null")
_RAW: Final = 0xC0


def prepare() -> Callable[[bytes], None]:
    """The profile of a small model as a tree to be changed."""
    lighten()
    model = judged()
    tree: Any = orjson.loads(encode_profile(model.profile))
    sound = model.layout.hash

    def execute(data: bytes) -> None:
        draw = Draw(data)
        raw = draw.byte() >= _RAW
        text = draw.rest() if raw else sealed(edited(tree, draw, 20))
        try:
            profile = decode_profile(text)
            found = build_model(model.spec, profile)
        except ProfileError as error:
            holds(str(error), "a refusal without a reason")
        else:
            holds(len(found.layout.hash) == len(sound), "no layout")
            holds(decode_profile(encode_profile(profile)) == profile, "it does not come back")

    return execute


def sealed(tree: Any) -> bytes:  # noqa: ANN401 - plain values
    """The tree as JSON, with the hash that its content has as far as it has one."""
    text = msgspec.json.encode(tree, enc_hook=repr)
    if not isinstance(tree, dict):
        return text
    content = {key: value for key, value in tree.items() if key != "hash"}
    try:
        canonical = orjson.dumps(
            msgspec.json.decode(msgspec.json.encode(content)), option=orjson.OPT_SORT_KEYS
        )
    except (TypeError, ValueError):
        return text
    tree["hash"] = "sha256:" + hashlib.sha256(canonical).hexdigest()
    return msgspec.json.encode(tree)


def seeds() -> Mapping[str, bytes]:
    """No change that matters, one of every kind, and JSON that is no profile."""
    found = {
        f"edit {how} at {at}": bytes([0, 0, at, at, 0xFF, how, how])
        for how in range(8)
        for at in range(6)
    }
    return found | {
        "raw": b"\xff" + b'{"schema":1}',
        "list": b"\xff[1]",
        "deep": b"\xff" + b"[" * 200,
    }
