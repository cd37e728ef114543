"""The README keeps its word: its lines run, its pictures and links exist."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
LINKS = re.findall(r"\]\(([^)#]+)\)", TEXT)


@pytest.fixture
def names():
    """What a reader would have at hand: a model, pictures, sentences and their embeddings."""
    from vizkit.models import VisionTransformer

    random = np.random.default_rng(0)
    images = list(random.integers(0, 255, (4, 32, 32, 3), dtype=np.uint8))
    return {
        "images": images,
        "image": images[0],
        "captions": ["one", "two", "three", "four"],
        "labels": ["a", "b", "a", "b"],
        "image_embeddings": random.normal(size=(4, 8)),
        "text_embeddings": random.normal(size=(4, 8)),
        "embeddings": random.normal(size=(4, 8)),
        "model": VisionTransformer(image_size=32, embed_dim=16, depth=1, num_heads=2).eval(),
    }


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[-1].split("(")[0])
def test_each_block_runs_and_shows_a_widget(block, names):
    lines = block.strip().splitlines()
    assert len(lines) <= 3
    exec("\n".join(lines[:-1]), names)
    shown = eval(lines[-1], names)
    assert "image/png" in shown._repr_mimebundle_()[0]


def test_there_is_a_block_for_each_widget():
    assert len(BLOCKS) == 3


@pytest.mark.parametrize("link", sorted(set(LINKS)))
def test_each_local_link_leads_somewhere(link):
    assert link.startswith("https://") or (ROOT / link).exists(), f"README links to {link}"
