"""The README keeps its word: its lines run, its pictures and links exist."""

import json
import re
import subprocess
import warnings
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
from PIL import Image

from vizkit.course import NOTEBOOKS
from vizkit.zoo.pocket import WEIGHTS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
LINKS = re.findall(r"\]\(([^)#]+)\)", TEXT)


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What a reader would have at hand: a model, pictures, sentences, embeddings, a folder."""
    from vizkit.models import VisionTransformer

    model = VisionTransformer(image_size=32, embed_dim=16, depth=1, num_heads=2).eval()
    model.image_mean = model.image_std = (0.5, 0.5, 0.5)
    random = np.random.default_rng(0)
    images = list(random.integers(0, 255, (4, 32, 32, 3), dtype=np.uint8))
    captions = ["a red heart", "a blue star", "a green ring", "a flower"]
    holiday = tmp_path / "holiday"
    holiday.mkdir()
    for image, caption in zip(images, captions, strict=True):
        Image.fromarray(image).save(holiday / f"{caption}.png")
    (holiday / "bill.jpg").write_bytes(b"no picture")
    monkeypatch.chdir(tmp_path)
    return {
        "images": images,
        "image": images[0],
        "captions": captions,
        "labels": ["a", "b", "a", "b"],
        "image_embeddings": random.normal(size=(4, 8)),
        "text_embeddings": random.normal(size=(4, 8)),
        "embeddings": random.normal(size=(4, 8)),
        "model": model,
    }


@pytest.fixture
def no_network(tmp_path, monkeypatch):
    """No weights of a real model: nothing of them in the cache, and no way to fetch them."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


def test_the_blocks_run_one_after_the_other_and_show_widgets(names, no_network):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for block in BLOCKS:
            lines = block.strip().splitlines()
            assert len(lines) <= 3
            exec("\n".join(lines[:-1]), names)
            shown = eval(lines[-1], names)
            assert "image/png" in shown._repr_mimebundle_()[0], block
    messages = " ".join(str(warning.message) for warning in caught)
    assert "USING pocket-clip IN PLACE OF open_clip/ViT-B-16/openai" in messages
    assert [name for name, _ in names["mine"].problems] == ["bill.jpg"]
    assert "bill.jpg" in messages
    assert names["mine"].captions == sorted(names["captions"])


@pytest.mark.parametrize(
    "lines",
    ["SimilarityMatrix(image_embeddings", "AttentionMap.from_model(", "EmbeddingSpace(embeddings"],
)
def test_there_is_a_block_for_each_widget(lines):
    assert any(lines in block for block in BLOCKS)


@pytest.mark.parametrize("link", sorted(set(LINKS)))
def test_each_local_link_leads_somewhere(link):
    assert link.startswith("https://") or (ROOT / link).exists(), f"README links to {link}"


def test_the_map_of_the_course_leads_to_every_notebook():
    rows = re.findall(r"^\| \[[^\]]+\]\(notebooks/(\d\d\w+)\.ipynb\)", TEXT, re.MULTILINE)
    assert rows == list(NOTEBOOKS), "each of NOTEBOOKS has its row in the README's map"


def test_the_table_of_pocket_encoders_says_what_their_cards_say():
    cards = {card.stem: json.loads(card.read_text("utf-8")) for card in WEIGHTS.glob("*.json")}
    rows = {}
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].startswith("`pocket-"):
            rows[cells[0].strip("`")] = cells
    assert rows.keys() == cards.keys()
    for name, cells in rows.items():
        scores = cards[name]["scores"]
        kinds = ["shape", "color", "style"]
        found = [scores.get(kind) or scores[f"zero-shot {kind}"] for kind in kinds]
        found += [scores["held-out shape-color pairs"], scores.get("image to text R@1 of 256")]
        expected = [f"{100 * score['share']:.1f}%" if score else "–" for score in found]
        assert cells[2] == f"{cards[name]['parameters']:,}"
        assert cells[3:] == expected, name


def test_the_table_of_settings_names_every_variable_that_the_code_reads():
    listed = re.findall(r"^\| `(VIZKIT_[A-Z_]+)` \|", TEXT, re.MULTILINE)
    assert len(listed) == len(set(listed))
    names = subprocess.run(
        ["git", "ls-files", "-z", "*.py", "notebooks/*.ipynb"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    read = set()
    for name in filter(None, names):
        text = (ROOT / name).read_text(encoding="utf-8")
        read |= set(re.findall(r"""environ(?:\.get\(|\[)\\?["'](VIZKIT_[A-Z_]+)""", text))
    assert set(listed) == read
