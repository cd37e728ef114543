"""Public names of `vizkit.zoo`: a right answer, or an error that says what came."""

from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import timm
import torch
from hypothesis import strategies as st
from torch import Tensor

from tests.unit.constructors import (
    Case,
    checks_of,
    fixed,
    one_of,
)
from vizkit import zoo
from vizkit.models import AttentionCapture

PICTURES = st.integers(1, 3).map(lambda count: np.zeros((count, 20, 30, 3), np.uint8))
WRONG_PICTURES = (
    np.zeros((2, 7, 5), np.uint8),
    np.full((4, 4, 3), 2.5),
    np.full((4, 4, 3), np.nan),
    np.zeros((0, 4, 4, 3), np.uint8),
    np.zeros((1, 5, 7, 6), np.uint8),
    ["a.png"],
    [np.zeros((4, 4, 5), np.uint8)],
)
SENTENCES = st.text(max_size=9) | st.lists(st.text(max_size=9), min_size=1, max_size=3)


def timm_encoder() -> zoo.TimmEncoder:
    """A tiny encoder of timm, untrained."""
    torch.manual_seed(0)
    model = timm.create_model(
        "vit_tiny_patch16_224", depth=1, img_size=32, num_heads=1, embed_dim=8
    )
    return zoo.TimmEncoder("timm/tiny", model, timm.data.create_transform(input_size=32))


def open_clip_encoder() -> zoo.OpenClipEncoder:
    """A tiny CLIP of open_clip, untrained."""
    torch.manual_seed(0)
    model = open_clip.model.CLIP(
        embed_dim=8,
        vision_cfg={"image_size": 32, "patch_size": 16, "width": 8, "head_width": 8, "layers": 1},
        text_cfg={"width": 8, "heads": 1, "layers": 1},
    )
    transform = open_clip.image_transform(32, is_train=False)
    return zoo.OpenClipEncoder("open_clip/tiny", model, transform, open_clip.get_tokenizer("RN50"))


ENCODERS = {
    "PocketEncoder": zoo.load(zoo.list_models()[0]),
    "TimmEncoder": timm_encoder(),
    "OpenClipEncoder": open_clip_encoder(),
}


def count_of(given: Any) -> int:
    """How many pictures or sentences these are: an array with two or three axes is one picture."""
    return 1 if isinstance(given, str) or getattr(given, "ndim", 4) in (2, 3) else len(given)


def unit_vectors(key: str):
    def check(found: Tensor, options: dict[str, Any]) -> None:
        given = options[key]
        assert len(found) == count_of(given)
        torch.testing.assert_close(found.norm(dim=-1), torch.ones(len(found)))

    return check


def a_token_for_each_patch(tokens: Tensor, options: dict[str, Any]) -> None:
    assert tokens.ndim == 3
    assert len(tokens) == count_of(options["images"])
    assert tokens.isfinite().all()


def maps_of_each_picture(capture: AttentionCapture, options: dict[str, Any]) -> None:
    layers = options["layers"]
    assert len(capture.maps) == len(set(layers)) if layers else capture.maps
    for one in capture.maps:
        assert len(one) == count_of(options["images"])
        torch.testing.assert_close(one.sum(-1), torch.ones_like(one[..., 0]))


def a_pocket_encoder(encoder: zoo.Encoder, options: dict[str, Any]) -> None:
    vectors = encoder.encode_text(["a red heart"])
    unit_vectors("texts")(vectors, {"texts": ["a red heart"]})


def known_names(names: list[str], options: dict[str, Any]) -> None:
    pocket = [name for name in names if "/" not in name]
    assert names[: len(pocket)] == pocket
    for name in pocket:
        zoo.pocket.read_card(Path(options["folder"]) / f"{name}.json")
    libraries = {name.partition("/")[0] for name in names[len(pocket) :]}
    assert libraries <= {"timm", "open_clip"}
    assert not options["network"] or len(libraries) == 2


ZOO = {
    "load": Case(
        zoo.load,
        fixed(
            name=st.just("pocket-clip"),
            fallback=one_of(None, "pocket-clip"),
            image_size=st.none(),
        ),
        a_pocket_encoder,
        examples=3,
    ),
    "list_models": Case(
        zoo.list_models,
        fixed(folder=st.just(zoo.pocket.WEIGHTS), network=st.just(True)),
        known_names,
        examples=1,
    ),
    "cached_features": Case(
        zoo.cached_features,
        fixed(
            encoder=st.just(ENCODERS["PocketEncoder"]),
            images=PICTURES,
            kind=st.just("image"),
        ),
        unit_vectors("images"),
        also_odd={"images": WRONG_PICTURES},
        examples=4,
    ),
}
for kind, encoder in ENCODERS.items():
    for method, check in (
        ("encode_image", unit_vectors("images")),
        ("patch_tokens", a_token_for_each_patch),
    ):
        ZOO[f"{kind}.{method}"] = Case(
            getattr(encoder, method),
            fixed(images=PICTURES),
            check,
            also_odd={"images": WRONG_PICTURES},
            examples=4,
        )
    ZOO[f"{kind}.capture_attention"] = Case(
        encoder.capture_attention,
        fixed(images=PICTURES, layers=one_of(None, [0])),
        maps_of_each_picture,
        also_odd={"images": WRONG_PICTURES, "layers": ([], [99], ["0"])},
        examples=4,
    )
for kind in ("PocketEncoder", "OpenClipEncoder"):
    ZOO[f"{kind}.encode_text"] = Case(
        ENCODERS[kind].encode_text, fixed(texts=SENTENCES), unit_vectors("texts")
    )

CASES = {f"vizkit.zoo.{name}": case for name, case in ZOO.items()}


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """Where features are kept during one test."""
    monkeypatch.setenv("VIZKIT_CACHE", str(tmp_path))


test_options_that_fit_give_a_right_answer, test_an_odd_option_is_right_or_a_clear_error = checks_of(
    CASES
)
