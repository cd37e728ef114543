"""AttentionMap.from_text: maps of sentences, their scores on view, and what is refused."""

import numpy as np
import open_clip
import pytest
import torch

from vizkit import zoo
from vizkit.data import COLORS, SHAPES, object_masks, render, sample_scenes
from vizkit.models.patch_text import decompose_score, text_maps
from vizkit.widgets import AttentionMap

TABLE = sample_scenes(3, seed=2, objects="two")
IMAGES, MASKS = render(TABLE), object_masks(TABLE)
TEXTS = [
    f"a {list(COLORS)[TABLE.color[0, slot]]} {list(SHAPES)[TABLE.shape[0, slot]]}"
    for slot in (0, 1)
]


@pytest.fixture(scope="module")
def encoder():
    return zoo.load("pocket-clip")


@pytest.mark.parametrize("method", ["patches", "decomposition", "occlusion"])
def test_what_is_shown_is_what_was_computed(encoder, method):
    widget = AttentionMap.from_text(encoder, IMAGES[0], TEXTS, method=method, mask=MASKS[0])
    found = text_maps(encoder, IMAGES[0], TEXTS, method)
    assert widget.head_names == found.names
    for layer in (0, 1):
        widget.layer = layer
        expected = found.maps[0, layer, 0].numpy()
        np.testing.assert_allclose(
            widget.weights(), expected.ravel(), atol=np.abs(expected).max() / 200
        )
        z = np.array(widget.to_plotly().data[0].z)
        np.testing.assert_allclose(z, widget.weights().reshape(8, 8))
        assert TEXTS[layer] in widget.to_plotly().layout.title.text
    np.testing.assert_array_equal(widget.pictures[0], IMAGES[0])
    assert widget.headline().startswith(f"AttentionMap: 2 sentences, 8 x 8 patches, by {method}; ")


def test_the_score_is_on_view(encoder):
    """In the headline, in the title that the browser shows, and with each map."""
    widget = AttentionMap.from_text(
        encoder, IMAGES[0], TEXTS, method="decomposition", mask=MASKS[0], layer=1
    )
    scores = widget.text_scores[0]
    mean = np.mean([one.average_precision for one in scores])
    random = np.mean([one.random_precision for one in scores])
    told = f"average precision ⟨{mean:.2f}⟩ (a random map ⟨{random:.2f}⟩), pointing "
    assert told in widget.headline()
    assert told.replace("⟨", "").replace("⟩", "") in widget.title
    own = f"average precision {scores[1].average_precision:.2f} (a random map {scores[1].random_precision:.2f})"
    assert own in widget.about["notes"][0][1]
    assert own in widget.to_plotly().layout.title.text
    plain = AttentionMap.from_text(encoder, IMAGES[0], TEXTS)
    assert plain.text_scores == [[None, None]]
    assert "precision" not in plain.headline() + plain.title + plain.about["notes"][0][1]
    assert "cosine" in plain.about["notes"][0][1]
    assert plain.picture().height < widget.picture().height  # its text is written out to the end


def test_heads_add_up_and_each_can_be_seen(encoder):
    widget = AttentionMap.from_text(encoder, IMAGES[0], TEXTS[0], method="decomposition")
    block = widget.models[0].layers[0].blocks[0]
    heads = sum(block.weights(head, 0) for head in range(1, 13))
    step = sum(float(block.scales[head, 0]) / 127 for head in range(13))
    np.testing.assert_allclose(heads, block.weights(0, 0), atol=step)
    parts = decompose_score(
        encoder.model, encoder.preprocess(IMAGES[0]), encoder.encode_text(TEXTS[0])
    )
    through = parts.patches.sum().item()
    told = f"cosine {parts.scores.item():.2f}, {through:.2f} of it by looking at patches"
    assert widget.about["notes"] == [[told]]
    widget.head = 5
    assert "layer 2 head 1" in widget.to_plotly().layout.title.text


def test_several_pictures(encoder):
    widget = AttentionMap.from_text(encoder, list(IMAGES), TEXTS, mask=MASKS)
    assert widget.headline().startswith("AttentionMap: 2 sentences, 8 x 8 patches, 3 pictures")
    widget.image_index = 2
    one = AttentionMap.from_text(encoder, IMAGES[2], TEXTS, mask=MASKS[2])
    np.testing.assert_allclose(widget.weights(), one.weights(), atol=1e-5)
    assert widget.text_scores[2] == one.text_scores[0]
    assert widget.models[0].layers[1].blocks[2].values.shape == (1, 1, 64)


def test_a_thing_that_is_not_there_has_no_score(encoder):
    masks = MASKS[0].copy()
    masks[1] = False
    widget = AttentionMap.from_text(encoder, IMAGES[0], TEXTS, mask=masks)
    assert widget.text_scores[0][0] is not None
    assert widget.text_scores[0][1] is None


def test_occlusion_takes_every_encoder():
    encoder = zoo.load("pocket-clip-cnn")
    with pytest.raises(TypeError, match=r'ConvNet has no patch tokens.*method="occlusion"'):
        AttentionMap.from_text(encoder, IMAGES[0], TEXTS)
    widget = AttentionMap.from_text(encoder, IMAGES[0], TEXTS, method="occlusion", grid=(4, 6))
    assert widget.models[0].layers[0].key_grid == (4, 6)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "gradient"}, ValueError, "patches, decomposition, occlusion, received 'grad"),
        ({"texts": []}, ValueError, "texts must be sentences with words"),
        ({"texts": ["a star", " "]}, ValueError, "texts must be sentences with words"),
        ({"texts": ["a star", "quux"]}, ValueError, "words that pocket-clip knows.*'quux'"),
        ({"texts": 3}, TypeError, "texts must be"),
        ({"mask": MASKS}, ValueError, r"for each of 1 picture\(s\) and 2 sentence"),
        ({"mask": MASKS[0] * 0.5}, ValueError, "mask must hold false and true"),
        ({"methd": "patches"}, TypeError, "'methd'.*'method'"),
        ({"encoder": None}, TypeError, "encoder of vizkit.zoo"),
        ({"encoder": "labels"}, TypeError, "has no text tower|not taken apart"),
        ({"method": "occlusion", "grid": 4}, ValueError, r"grid must be \(rows, columns\)"),
        ({"method": "occlusion", "window": 2}, ValueError, "odd window"),
    ],
)
def test_bad_input_is_refused_by_name(encoder, options, error, message):
    given = {"encoder": encoder, "image": IMAGES[0], "texts": TEXTS} | options
    if given["encoder"] == "labels":
        given["encoder"] = zoo.load("pocket-vit")
    with pytest.raises(error, match=message):
        AttentionMap.from_text(**given)


@pytest.mark.parametrize("method", ["patches", "decomposition", "occlusion"])
def test_an_encoder_of_open_clip(method):
    torch.manual_seed(0)
    vision = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
    text = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 1, "layers": 1}
    model = open_clip.CLIP(16, vision, text)
    transform = open_clip.transform.image_transform(32, is_train=False)
    encoder = zoo.OpenClipEncoder("small", model, transform, open_clip.tokenize)
    widget = AttentionMap.from_text(encoder, IMAGES[0], TEXTS, method=method, mask=MASKS[0])
    assert widget.models[0].layers[0].key_grid == (4, 4)
    assert len(widget.head_names) == (5 if method == "decomposition" else 1)
    assert f"by {method}; average precision" in widget.headline()
    cosine = float(encoder.encode_image(IMAGES[0])[0] @ encoder.encode_text(TEXTS)[1])
    assert widget.notes[0][1].startswith(f"cosine {cosine:.2f}")
