"""The text of a category: one text per value, however a producer's language wrote it.

Rule.  5411, 5411.0 and "5411" are one category; ``true`` is "true"; text is itself, untouched.
Anything else (null, NaN, infinities, lists, objects) is no category.
"""

from __future__ import annotations

import math


def category_text(value: object) -> str | None:
    """The category that ``value`` (from JSON or a table) names, or None when it names none.

    A real number that is whole is written as an integer, any other in its shortest exact form.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    return None
