"""The encoder of LivingEncoder in every browser: equal to torch on 100 scenes, with WebAssembly and without."""

from __future__ import annotations

import pytest
import torch

from tests.living_encoder import MAPS, bundle, comparing_page
from tests.support.engines import ENGINES, opened, wait_for
from tests.support.node import find_node
from vizkit.data.render import render
from vizkit.data.scenes import sample_scenes
from vizkit.zoo import load

pytestmark = pytest.mark.browser
CAPTIONS = [
    "a red circle",
    "a small blue star left of a large green heart",
    "the picture of a ring",
]
SCENES = 100


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    node = find_node("the encoder was not taken out of its bundle")
    folder = tmp_path_factory.mktemp("engine")
    drawn = render(sample_scenes(SCENES, seed=3))
    images = torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 255
    path = folder / "compared.html"
    text = comparing_page(bundle(node, folder), load("pocket-clip"), images, CAPTIONS)
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("name", ENGINES)
def test_the_encoder_equals_torch(request, page, name):
    with opened(name, request) as engine:
        engine.open(page)
        found = wait_for(engine, "window.found", seconds=180)
    for kernel in ("simd", "plain"):
        assert found[kernel]["kernel"] == kernel
        assert found[kernel]["pictures"] == (SCENES if kernel == "simd" else MAPS)
        assert found[kernel]["feature"] >= 0.9999
        assert found[kernel]["text"] >= 0.9999
        assert found[kernel]["attention"] <= 1e-3
