"""Several versions and models in one tally: each counts its own events by its own spec."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from engine.model import MonitoredModel
from engine.panes import PaneRecord, decode, unpack
from engine.records import RecordBatch
from engine.reference_table import ReferenceTable
from engine.tally import Tally
from tests.engine.models import START, batch, beat, event, model_of, raw, spec_text


def counted(models: list[MonitoredModel], *batches: RecordBatch) -> dict[str, list[int]]:
    """Cells of the pane at START by ``model@version``."""
    tally = Tally(0, 1, models)
    for one in batches:
        tally.accept(one)
        assert tally.outcomes.ended(one.topic) == tally.outcomes.records[one.topic]
    sizes = {m.key: m.layout.size for m in models}
    found = {}
    for effect in tally.flush():
        record = decode(effect.value or b"")
        if isinstance(record, PaneRecord):
            found[record.target] = unpack(record.on_time, sizes[record.target]).tolist()
    return found


def test_inline_and_separate_features_side_by_side() -> None:
    """One version with its features inside predictions and one with features as events of their
    own: moving from one to the other loses nothing of either."""
    inline = model_of(spec_text(version="v1"))
    separate = model_of(spec_text(version="v2", inputs="[features, predictions]"))
    predictions = batch([raw(1, START), raw(2, START, version="v2"), raw(3, START, features=[1])])
    features = batch(
        [raw(2, START, version="v2", score=...), raw(1, START, score=...)], topic="features"
    )
    alone = counted([inline], predictions)["m@v1"]
    alone_v2 = counted([separate], predictions, features)["m@v2"]
    both = counted([inline, separate], predictions, features)
    assert both == {"m@v1": alone, "m@v2": alone_v2}
    for model, cells in ((inline, alone), (separate, alone_v2)):
        column = model.layout.column("x")
        assert sum(cells[column.start : column.start + column.values]) == 1


@pytest.mark.parametrize("value", [3, 3.0, "3", 2.5, True, None, [1], "a"])
def test_a_feature_that_changes_its_type_between_versions(value: object) -> None:
    """Numeric in one version, categorical in the other: each reads the value as its own type, as if
    it were alone."""
    rows = 100
    numbers = ReferenceTable(
        rows=rows, numeric={"f": np.arange(rows, dtype=np.float64)}, categorical={}
    )
    texts = ReferenceTable(
        rows=rows, numeric={}, categorical={"f": ["3", "2.5", "true", "a"] * (rows // 4)}
    )
    one = model_of(
        spec_text(version="v1", features="{f: {type: numeric}}", retraining="{}"), numbers
    )
    two = model_of(
        spec_text(version="v2", features="{f: {type: categorical}}", retraining="{}"), texts
    )
    values = [
        orjson.dumps(event(i, START, version=version, features={"f": value}))
        for i, version in enumerate(["v1", "v2", "v1"])
    ]
    both = counted([one, two], batch(values))
    assert both["m@v1"] == counted([one], batch(values))["m@v1"]
    assert both["m@v2"] == counted([two], batch(values))["m@v2"]


def test_models_with_other_features_in_one_batch() -> None:
    """Mixed models are told apart in one pass; each has its own features, also of the same name."""
    table = ReferenceTable(
        rows=100, numeric={"x": np.arange(100, dtype=np.float64)}, categorical={}
    )
    first = model_of()
    second = model_of(spec_text(name="n", features="{x: {type: numeric}}", retraining="{}"), table)
    values = []
    for i in range(60):
        values.append(raw(i, START, model="nm"[i % 2], features={"x": "bad" if i % 7 == 0 else i}))
        values.append(beat(START, "nm"[i % 2]))
    both = counted([first, second], batch(values))
    for model in (first, second):
        own = [v for v in values if orjson.loads(v)["model"] == model.spec.model]
        assert both[model.key] == counted([model], batch(own))[model.key]
