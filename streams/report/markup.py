"""HTML and SVG from parts: the only place that writes a tag.

Rule.  Text and attributes are escaped here and nowhere else; what is already markup has a type of
its own, so that text can never pass for it.  Characters that a document may not hold are written
out.
"""

from __future__ import annotations

from html import escape
from typing import Final

from streams.report.sheets import printable

VOID: Final = frozenset({"meta", "br", "rect", "line", "path", "polyline", "polygon", "circle"})
"""Elements without content; SVG closes them in the tag."""


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def text(content: str) -> Markup:
    """Text as markup."""
    return Markup(escape(printable(content), quote=True))


def tag(name: str, /, *content: str, **attributes: str | float) -> Markup:
    """An element; ``content`` that is no Markup is escaped.  ``class_`` is ``class``, and other
    ``_`` in the names of attributes are ``-``."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(printable(_value(value)), quote=True)}"'
        for key, value in attributes.items()
    )
    inner = "".join(part if isinstance(part, Markup) else text(part) for part in content)
    if name in VOID and not inner:
        return Markup(f"<{name}{said}/>")
    return Markup(f"<{name}{said}>{inner}</{name}>")


def _value(value: str | float) -> str:
    """A number as short as a tenth of a pixel needs it."""
    if isinstance(value, str):
        return value
    return f"{value:.1f}".removesuffix(".0")
