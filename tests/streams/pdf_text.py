"""The text of a PDF as Chromium writes it, for tests: pages, and the words on each.

Its objects stand uncompressed, its streams deflated; text is written in glyphs of fonts that each
say which characters these are.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from typing import Final

_OBJECT: Final = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_STREAM: Final = re.compile(rb"stream\r?\n(.*)\nendstream", re.DOTALL)
_FONTS: Final = re.compile(rb"/Font <<(.*?)>>", re.DOTALL)
_REFERENCE: Final = re.compile(rb"/(\w+) (\d+) 0 R")
_SHOWN: Final = re.compile(rb"/(\w+) [\d.]+ Tf|<([0-9A-F]+)> Tj")
_RANGE: Final = re.compile(rb"<(\w{4})> <(\w{4})> <(\w{4})>")
_CHAR: Final = re.compile(rb"<(\w{4})> <(\w{4})>\n")


def pdf_pages(data: bytes) -> list[str]:
    """The text of each page."""
    objects = {int(number): body for number, body in _OBJECT.findall(data)}
    return [_text(objects, body) for body in objects.values() if b"/Type /Page\n" in body]


def _text(objects: dict[int, bytes], page: bytes) -> str:
    fonts = _FONTS.search(page)
    named = dict(_REFERENCE.findall(fonts[1])) if fonts else {}
    maps = {name: _characters(objects, int(number)) for name, number in named.items()}
    contents = dict(_REFERENCE.findall(page))[b"Contents"]
    known: dict[int, str] = {}
    said = []
    for font, glyphs in _SHOWN.findall(_inflated(objects[int(contents)])):
        if font:
            known = maps.get(font, {})
        else:
            codes = [int(glyphs[i : i + 4], 16) for i in range(0, len(glyphs), 4)]
            said.append("".join(known.get(code, "") for code in codes))
    return unicodedata.normalize("NFKC", "".join(said))


def _characters(objects: dict[int, bytes], font: int) -> dict[int, str]:
    """Glyph -> character."""
    found = dict(_REFERENCE.findall(objects[font])).get(b"ToUnicode")
    if found is None:
        return {}
    text = _inflated(objects[int(found)])
    known = {}
    for part in re.findall(rb"beginbfchar\n(.*?)endbfchar", text, re.DOTALL):
        known |= {int(glyph, 16): chr(int(char, 16)) for glyph, char in _CHAR.findall(part)}
    for part in re.findall(rb"beginbfrange\n(.*?)endbfrange", text, re.DOTALL):
        for low, high, char in _RANGE.findall(part):
            for place, glyph in enumerate(range(int(low, 16), int(high, 16) + 1)):
                known[glyph] = chr(int(char, 16) + place)
    return known


def _inflated(body: bytes) -> bytes:
    found = _STREAM.search(body)
    assert found is not None, "an object with a stream"
    return zlib.decompress(found[1])
