"""What keeps decoding quick, as rules: none of it may change where a record ends."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import orjson
import pytest

from engine.decode import LENIENT_AFTER, Decoder
from engine.decoded import Decoded
from engine.timestamps import ms_to_rfc3339
from tests.engine.models import START, batch, beat, event, model_of, raw, spec_text

MODELS: Final = [
    *(model_of(spec_text(f"m{k}")) for k in (3, 1, 2)),
    model_of(spec_text("m1", "v2")),
]
SPOILT: Final = {"x": "text", "y": 1, "c": "a"}


def columns(decoded: Decoded, rows: list[int]) -> list[tuple[str, list[Any]]]:
    """Model and values of each block of events, its positions looked up in ``rows``."""
    found = []
    for block in decoded.events:
        assert block.numeric is not None
        assert block.codes is not None
        assert block.outcome is not None
        numbers = [block.numeric, block.codes, block.outcome]
        at = [rows[i] for i in block.rows.tolist()]
        values = [at, block.ts_ms.tolist(), list(block.ids), *(repr(n.tolist()) for n in numbers)]
        found.append((block.model.key, values))
    return found


def mixture(seed: int, rows: int, spoilt: float) -> tuple[list[bytes], list[str]]:
    """Events and heartbeats of three models in any order, and each one's model."""
    random = np.random.default_rng(seed)
    names = [f"m{k}" for k in random.integers(1, 4, rows)]
    values = []
    for i, name in enumerate(names):
        ts: int | str = START + i if random.random() < 0.5 else ms_to_rfc3339(START + i)
        features = SPOILT if random.random() < spoilt else {"x": i / 7, "y": 1, "c": "b"}
        version = ("v1", "v1", "v2", "v3")[int(random.integers(0, 4))]
        tree = event(i, ts, model=name, version=version, features=features)
        values.append(beat(ts, name) if random.random() < 0.1 else orjson.dumps(tree))
    return values, names


@pytest.mark.parametrize("spoilt", [0.0, 0.02, 0.5])
def test_models_in_one_batch_are_decoded_as_each_alone(spoilt: float) -> None:
    """A batch of many models gives each model what a batch of its own records gives, in the order
    of the models and not of the records."""
    values, names = mixture(3, 300, spoilt)
    together = Decoder(MODELS, "predictions").decode(batch(values))
    expected, others = [], []
    for name in ("m3", "m1", "m2"):
        rows = [i for i, own in enumerate(names) if own == name]
        alone = Decoder(MODELS, "predictions").decode(batch([values[i] for i in rows]))
        found = columns(alone, rows)
        assert found
        expected += found
        others += [(rows[row], beaten, ts) for row, beaten, ts in alone.heartbeats]
        others += [(rows[row], shadow, None) for row, shadow in alone.shadows]
    assert columns(together, list(range(len(values)))) == expected
    seen = [*together.heartbeats, *((row, shadow, None) for row, shadow in together.shadows)]
    assert sorted(seen, key=str) == sorted(others, key=str)
    assert len(seen) + sum(len(block.rows) for block in together.events) == len(values)


class Counted:
    """A decoder that counts what it is asked."""

    def __init__(self, decode: Any) -> None:  # noqa: ANN401 - of msgspec, for made types
        self.decode = decode
        self.asked = 0

    def __call__(self, value: bytes) -> Any:  # noqa: ANN401 - a made type
        """Decode one record."""
        self.asked += 1
        return self.decode(value)


def readings(values: list[bytes]) -> tuple[int, int, Decoded]:
    """How often the strict and the lenient decoder were asked, and what came out."""
    decoder = Decoder(MODELS, "predictions")
    strict = decoder._strict = Counted(decoder._strict)
    lenient = decoder._lenient = Counted(decoder._lenient)
    decoded = decoder.decode(batch(values))
    return strict.asked, lenient.asked, decoded


def test_a_shadow_is_never_read_a_second_time_with_untyped_features() -> None:
    """Its name says enough; and however many they are, the good events keep the typed decoder."""
    shadows = [raw(i, START, model="other", features=SPOILT) for i in range(3 * LENIENT_AFTER)]
    good = [raw(i, START, model="m1") for i in range(10)]
    strict, lenient, decoded = readings([*shadows, *good])
    assert (strict, lenient) == (len(shadows) + len(good), 0)
    assert decoded.shadows == [(i, "other") for i in range(len(shadows))]
    assert [len(block.rows) for block in decoded.events] == [len(good)]


def test_many_wrong_types_go_straight_to_the_untyped_decoder() -> None:
    """After LENIENT_AFTER of them no record is decoded twice, not even one that is refused."""
    bad = [raw(i, START, model="m1", features=SPOILT) for i in range(LENIENT_AFTER)]
    rest = [raw(i, START, model="m1") for i in range(10)] + [b"{", beat(START, "m1")]
    strict, lenient, decoded = readings([*bad, *rest])
    assert (strict, lenient) == (len(bad), len(bad) + len(rest))
    assert decoded.rejected == [(len(bad) + 10, "malformed_json")]
    assert decoded.heartbeats == [(len(bad) + 11, "m1", START)]


MORE: Final[dict[str, tuple[bytes, str]]] = {
    "a name twice, the last unknown": (b'"model":"zz"', "shadow"),
    "a name twice, the last no text": (b'"model":7', "bad_model"),
    "a name twice, the last null": (b'"model":null', "missing_model"),
    "the same name twice": (b'"model":"m1"', "event"),
    "another model's name": (b'"model":"m2"', "wrong_type"),
    "no UTF-8 in a field that nobody reads": (b'"more":"\xff"', "event"),
    "a number past a double in such a field": (b'"more":1e999', "event"),
}


@pytest.mark.parametrize("name", MORE)
@pytest.mark.parametrize("before", [0, LENIENT_AFTER])
def test_a_diagnosis_refuses_no_event(name: str, before: int) -> None:
    """The diagnosis comes before the second reading and takes nothing from it: the same record
    ends at the same place whether it is read strictly first or not."""
    more, end = MORE[name]
    value = raw(1, START, model="m1", features=SPOILT)[:-1] + b"," + more + b"}"
    bad = [raw(i, START, model="m1", features=SPOILT) for i in range(before)]
    decoded = Decoder(MODELS, "predictions").decode(batch([*bad, value]))
    events = sum(len(block.rows) for block in decoded.events) - before
    assert decoded.rejected == ([] if end in {"event", "shadow"} else [(before, end)])
    assert decoded.shadows == ([(before, "zz")] if end == "shadow" else [])
    assert events == (end == "event")


@pytest.mark.parametrize("features", [SPOILT, {"x": 1}])
@pytest.mark.parametrize("before", [0, LENIENT_AFTER])
def test_a_heartbeat_is_one_whatever_else_it_holds(features: object, before: int) -> None:
    """It costs no second reading, and says what it would have said there."""
    bad = [raw(i, START, model="m1", features=SPOILT) for i in range(before)]
    beats = [beat(START + 1, "m1")]
    beats += [raw(1, ts, model="m1", features=features, heartbeat=True) for ts in (START + 2, 5)]
    _, lenient, decoded = readings([*bad, *beats])
    assert sorted(decoded.heartbeats) == [(before, "m1", START + 1), (before + 1, "m1", START + 2)]
    assert decoded.rejected == [(before + 2, "timestamp_too_old")]
    assert lenient == (before + len(beats) if before else 0)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (b'"more":"\xff"', "malformed_json"),
        (b'"more":1e999', "number_out_of_range"),
        (b'"more":[', "malformed_json"),
    ],
)
def test_a_shadow_is_well_formed(more: bytes, reason: str) -> None:
    """A record of an unknown model that cannot be read whole is malformed, as it always was."""
    value = raw(1, START, model="zz")[:-1] + b"," + more + b"}"
    decoded = Decoder(MODELS, "predictions").decode(batch([value]))
    assert (decoded.rejected, decoded.shadows) == ([(0, reason)], [])
