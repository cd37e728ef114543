"""`from vizkit import …`: all public names, each imported when it is first used and not before."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import vizkit

HEAVY = ("torch", "timm", "open_clip", "datasets", "plotly", "sklearn")


def loaded_after(code: str) -> set[str]:
    """Which heavy libraries a fresh Python has loaded after some code."""
    check = f"{code}\nimport sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    return set(eval(done.stdout))


@pytest.mark.parametrize("name", vizkit.__all__)
def test_a_public_name_is_what_its_room_has(name):
    value = getattr(vizkit, name)
    room = import_module(".".join(value.__module__.split(".")[:2]))
    assert name in room.__all__
    assert getattr(room, name) is value
    assert name in dir(vizkit)


def test_the_names_are_sorted_and_each_stands_there_once():
    assert vizkit.__all__ == sorted(set(vizkit.__all__))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'SimilarityMatrx'"):
        _ = vizkit.SimilarityMatrx


@pytest.mark.parametrize(
    "code",
    [
        "import vizkit",
        "from vizkit import SimilarityMatrix, AttentionMap, EmbeddingSpace",
        "from vizkit import SimilarityMatrix as S; S(similarity=[[1.0, 0.0], [0.0, 1.0]]).headline()",
    ],
)
def test_an_instrument_waits_for_no_heavy_library(code):
    assert loaded_after(code) == set()


def test_a_loss_brings_torch():
    assert "torch" in loaded_after("from vizkit import info_nce")
