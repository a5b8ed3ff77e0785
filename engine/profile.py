"""The reference profile: the distribution that a model was trained on, as integer counts.

Rule.  Bins are fixed when the profile is built and never move with the data they are compared to.
A profile is a JSON file with a schema version and a hash over its canonical form (sorted keys, the
``hash`` field left out), so that every verdict can name what it was measured against.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec
import orjson

PROFILE_SCHEMA: Final = 2
"""2: rates of bad values, decades, decided and positive counts.  A profile of 1 has none of them
and is refused: it takes a minute to build again, and checks that are off watch nothing."""


class ProfileError(ValueError):
    """A profile cannot be used: unreadable, of another schema, damaged, or not of this spec."""


class OwnBlocks(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much a feature varies within the training period, at one window length: the PSI of each
    block of that length against the rest of the reference (the block left out)."""

    blocks: int
    median: float
    q99: float
    effective_size: float
    """(B-1)/mean over the blocks: the number of independent values that a window is worth."""
    tail_size: float | None = None
    """The same as the tail of the blocks has it, out of sample (:mod:`engine.tail_size`); None of
    too few blocks, and of a profile that was built before there was one."""
    repeat_mean: float | None = None
    repeat_spread: float | None = None
    """Of the largest share of one narrow cell (:mod:`engine.own_repeats`); None as above, and of
    what has no cells of numbers."""

    @property
    def worth(self) -> float:
        """The lesser of the two sizes: what significance is told by."""
        if self.tail_size is None:
            return self.effective_size
        return min(self.effective_size, self.tail_size)


class OwnRate(msgspec.Struct, frozen=True, kw_only=True):
    """How much a rate swings within the training period, at one window length."""

    blocks: int
    lower: float
    upper: float
    """Above ``lower`` and below ``upper`` is one further block with probability 0.99 each."""
    dispersion: float
    """Variance of the blocks' rates over the binomial's, at least 1: n are worth n / this."""


class NumericProfile(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="numeric"):
    """A numeric feature (or the score).  Cells: 0 below ``edges[0]``, i ``[edges[i-1], edges[i])``,
    last at or above ``edges[-1]``; the lowest and highest are empty in the reference by making."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    """len(edges) + 1 reference counts."""
    coarse: tuple[int, ...]
    """Coarse bin of each cell, len(edges) + 1, from 0, non-decreasing: the first (below) and the
    last (above) cell are coarse bins of their own, ``bins`` merged ones between them."""
    missing: int
    invalid: int
    mean: float
    stddev: float
    """> 0; 1.0 for a constant feature."""
    own: dict[str, OwnBlocks]
    """Window name -> own-block calibration; empty without times."""
    decade_low: int
    """Decade (decimal exponent of |x|) of the first of ``decades``."""
    decades: tuple[int, ...]
    """Reference counts per decade (:mod:`detectors.decades`)."""
    range: tuple[float | None, float | None] = (None, None)
    """The spec's range when the profile was built."""
    out_of_range: int = 0
    """Reference values outside ``range``."""
    rates: dict[str, dict[str, OwnRate]] = {}
    """Window name -> kind of fault -> how its rate swings; empty without times."""
    slices: tuple[tuple[int, ...], ...] = ()
    """Counts per seasonal slice (24 hours or 7 weekdays, Monday first, UTC), each like ``counts``;
    empty without a season."""


class CategoricalProfile(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="categorical"
):
    """A categorical feature.  Cells: one per category in order, then other, then unseen.  Each cell
    is its own coarse bin."""

    categories: tuple[str, ...]
    others: tuple[str, ...]
    """Texts that the reference has beside ``categories``, at most MAX_OTHERS of them."""
    open_vocabulary: bool
    """The reference had more texts than are listed, so an unlisted one counts as other."""
    counts: tuple[int, ...]
    missing: int
    invalid: int
    own: dict[str, OwnBlocks]
    rates: dict[str, dict[str, OwnRate]] = {}
    slices: tuple[tuple[int, ...], ...] = ()


FeatureProfile = NumericProfile | CategoricalProfile


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What made the profile, so that it can be made again."""

    code_commit: str
    data_sha256: str
    data_rows: int
    parameters: dict[str, float | int | str | None]
    seed: int
    start_ms: int | None
    end_ms: int | None


class OwnMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """How much a measure of performance swings within the training period, at one window length."""

    blocks: int
    dispersion: float
    """Mean square of the blocks' distance from the whole, in their own standard errors; >= 1."""


class ReferencePerformance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the training table says of performance; there is none of a spec without labels."""

    segments: dict[str, tuple[str, ...]]
    """Segment -> its most frequent values."""
    classes: tuple[str, ...]
    """Most frequent classes of the labels, decisions included; empty unless multiclass."""
    cells: tuple[int, ...]
    """Counts of the table's own labels, as :mod:`engine.performance_layout` lays them out; empty
    without labels."""
    own: dict[str, dict[str, OwnMeasure]] = {}
    """Window name -> measure -> how it swings; empty without times."""


class ClassReference(msgspec.Struct, frozen=True, kw_only=True):
    """What a multiclass model decided in the training table."""

    shares: CategoricalProfile
    """The decided class as if it were a categorical feature."""
    own: dict[str, tuple[OwnRate, ...]]
    """Window name -> how the share of each category, and of the others, swings; empty without
    times."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The reference of one version of a model."""

    schema: int
    model: str
    version: str
    made_by: Provenance
    rows: int
    features: dict[str, FeatureProfile]
    score: NumericProfile | None
    positive_rate: float | None
    decided: int
    """Decisions of the reference, positive or negative; 0 where it has none."""
    positives: int
    positive_own: dict[str, OwnRate]
    """Window name -> how the positive rate swings; empty without times."""
    season: str | None
    volume: tuple[float, ...]
    """Mean events per hour of the week (168, Monday 00:00 UTC first); empty without times."""
    performance: ReferencePerformance | None = None
    volume_dispersion: dict[str, float] = {}
    """Window name -> variance of its event counts over Poisson's, at least 1; one of which there
    are too few blocks to say is left out."""
    classes: ClassReference | None = None
    """None unless the model is multiclass and the table says what was decided."""
    score_by_cell: dict[str, tuple[float, ...]] = {}
    """Feature -> mean score of each of its cells less that of all, in standard deviations of the
    score (:mod:`engine.score_effects`); empty without scores, and of an older profile."""
    hash: str = ""
    """``sha256:<hex>`` of the canonical JSON without this field."""


def profile_hash(profile: Profile) -> str:
    """``sha256:<hex>`` over the canonical JSON of everything but the hash itself."""
    tree = _builtins(profile)
    del tree["hash"]
    return "sha256:" + hashlib.sha256(orjson.dumps(tree, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _builtins(profile: Profile) -> Any:  # noqa: ANN401
    """The profile as builtins; without a part that came later it is what it was before."""
    tree = msgspec.to_builtins(profile)
    for part in ("performance", "classes", "volume_dispersion", "score_by_cell"):
        if not tree[part]:
            del tree[part]
    return tree


def encode_profile(profile: Profile) -> bytes:
    """The profile as an indented JSON file, its hash filled in."""
    sealed = msgspec.structs.replace(profile, hash=profile_hash(profile))
    return orjson.dumps(
        _builtins(sealed),
        option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE,
    )


def decode_profile(data: bytes) -> Profile:
    """Read a profile file.

    Raises ProfileError when it is not JSON, of another schema, of the wrong shape, or its hash does
    not match its content.
    """
    try:
        schema = msgspec.json.decode(data, type=dict[str, msgspec.Raw]).get("schema")
        if schema is None or bytes(schema) != str(PROFILE_SCHEMA).encode():
            found = "none" if schema is None else bytes(schema).decode(errors="replace")
            raise ProfileError(
                f"profile schema {found}, this version reads {PROFILE_SCHEMA}: "
                "build it again with `longshore profile`"
            )
        profile = msgspec.json.decode(data, type=Profile)
        hashed = profile_hash(profile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
        # A TypeError is orjson's: an integer beyond 64 bits.
        raise ProfileError(f"not a profile: {error}") from error
    if profile.hash != hashed:
        raise ProfileError("the profile's hash does not match its content: it was changed by hand")
    return profile
