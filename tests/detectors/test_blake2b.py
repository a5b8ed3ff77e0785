"""Digests of many texts are those of the standard library."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.blake2b_kernel import digest_texts
from tests.detectors.test_kernels import jit_is_off


def digests(texts: list[bytes]) -> list[bytes]:
    """What the kernel says."""
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    found = np.empty((len(texts), 2), np.uint64)
    digest_texts(np.frombuffer(b"".join(texts), np.uint8), ends, found)
    return [row.astype("<u8").tobytes() for row in found]


def plain(text: bytes) -> bytes:
    """The plain twin."""
    return hashlib.blake2b(text, digest_size=16).digest()


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(st.binary(max_size=300), max_size=6))
@example(texts=[])
@example(texts=[b"", b""])
def test_digests_equal_the_standard_library(texts: list[bytes]) -> None:
    """Any bytes, none included."""
    assert digests(texts) == list(map(plain, texts))


@pytest.mark.parametrize("size", [1, 7, 8, 127, 128, 129, 255, 256, 257, 1024])
def test_blocks_end_where_they_should(size: int) -> None:
    """One byte less and more than whole blocks, between others."""
    texts = [b"first", b"x" * size, b"last"]
    assert digests(texts) == list(map(plain, texts))


def test_the_kernel_ran_compiled() -> None:
    """It has a compiled signature after a call (or, announced, is a plain function)."""
    digests([b"a"])
    assert bool(getattr(digest_texts, "nopython_signatures", [])) is not jit_is_off()
