"""Whatever a training wraps around a model, the maps are those of the model in it."""

import contextlib
import warnings

import pytest
import torch
import torch.distributed as dist
import transformers
from torch import nn

from tests.processes import join_group
from tests.unit.test_capture import SMALL, images, make_open_clip, make_timm, sharpen
from tests.unit.test_capture_transformers import make as make_transformers
from vizkit.models import VisionTransformer, capture_attention
from vizkit.widgets import AttentionMap

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # lightning warns about torch's own deprecations
    import lightning
    import peft


def make_vizkit():
    torch.manual_seed(0)
    model = VisionTransformer(image_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3)
    sharpen(model)
    return model.eval()


MODELS = {
    "timm": lambda: make_timm("vit_tiny_patch16_224", SMALL),
    "open_clip": lambda: make_open_clip({}),
    "transformers": lambda: make_transformers("ViT"),
    "transformers, CLIP": lambda: make_transformers("CLIP"),
    "vizkit": make_vizkit,
}
QUERIES = {  # the linear layers that an adapter is put on
    "timm": ["qkv"],
    "open_clip": ["attn"],
    "transformers": ["q_proj", "k_proj"],
    "transformers, CLIP": ["q_proj", "k_proj"],
    "vizkit": ["query_key_value"],
}


class Trained(lightning.LightningModule):
    """As people write it: the model is one part, the loss another."""

    def __init__(self, model):
        super().__init__()
        self.model, self.loss = model, nn.CrossEntropyLoss()

    def forward(self, batch):
        return getattr(self.model, "encode_image", self.model)(batch)


class OnlyTrained(lightning.LightningModule):
    """Without a forward pass of its own: what is trained is all there is."""

    def __init__(self, **models):
        super().__init__()
        for name, model in models.items():
            setattr(self, name, model)
        self.loss = nn.CrossEntropyLoss()

    def training_step(self, batch):
        return self.loss(self.model(batch[0]), batch[1])


@contextlib.contextmanager
def group_of_one(folder):
    join_group(0, 1, folder)
    try:
        yield
    finally:
        dist.destroy_process_group()


def same(capture, expected, prefix=""):
    assert len(capture.maps) == len(expected.maps) > 0
    assert all(map(torch.equal, capture.maps, expected.maps))
    assert capture.prefix_names == expected.prefix_names
    assert capture.grids == expected.grids
    assert capture.names == [prefix + name for name in expected.names]


@pytest.mark.parametrize("name", MODELS)
def test_data_parallel(name):
    model = MODELS[name]()
    same(capture_attention(nn.DataParallel(model), images()), capture_attention(model, images()))


def test_distributed_data_parallel(tmp_path):
    expected = {name: capture_attention(make(), images()) for name, make in MODELS.items()}
    with group_of_one(tmp_path):
        for name, make in MODELS.items():
            model = nn.parallel.DistributedDataParallel(make())
            same(capture_attention(model, images()), expected[name])
            widget = AttentionMap.from_model(model, images(), layers=[-1])
            assert widget.models[0].layers[0].grid == (4, 4)


@pytest.mark.parametrize("name", MODELS)
def test_compiled(name):
    model = MODELS[name]()
    same(capture_attention(torch.compile(model), images()), capture_attention(model, images()))


@pytest.mark.parametrize("name", [name for name in MODELS if name != "transformers, CLIP"])
def test_a_lightning_module(name):
    model = MODELS[name]()
    expected = capture_attention(model, images())
    same(capture_attention(Trained(model), images()), expected, prefix="model.")
    widget = AttentionMap.from_model(Trained(model), images(), layers=[1])
    shown = AttentionMap.from_model(model, images(), layers=[1])
    assert (widget.weights() == shown.weights()).all()


@pytest.mark.parametrize("name", MODELS)
def test_a_lightning_module_without_a_forward_pass(name):
    model = MODELS[name]()
    same(capture_attention(OnlyTrained(model=model), images()), capture_attention(model, images()))
    compiled = OnlyTrained(model=torch.compile(model))
    same(capture_attention(compiled, images()), capture_attention(model, images()))


def test_a_lightning_module_of_two_encoders_asks_which():
    model = OnlyTrained(student=make_vizkit(), teacher=make_vizkit())
    with pytest.raises(ValueError, match="several encoders: give one of its parts, student, teach"):
        capture_attention(model, images())


def adapted(name, model, fill):
    settings = peft.LoraConfig(r=4, target_modules=QUERIES[name], init_lora_weights=True)
    model = peft.get_peft_model(model, settings).eval()
    if fill:
        torch.manual_seed(3)
        with torch.no_grad():
            for part, weight in model.named_parameters():
                if "lora_B" in part:
                    weight.copy_(torch.randn_like(weight))
    return model


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", MODELS)
def test_adapters_of_peft(name):
    expected = capture_attention(MODELS[name](), images())
    plain = adapted(name, MODELS[name](), fill=False)
    capture = capture_attention(plain, images())
    assert all(map(torch.equal, capture.maps, expected.maps))
    assert (capture.prefix_names, capture.grids) == (expected.prefix_names, expected.grids)
    # With weights in the adapter: the maps of the model into which it is merged.
    trained = adapted(name, MODELS[name](), fill=True)
    capture = capture_attention(trained, images())
    merged = capture_attention(trained.merge_and_unload(), images())
    assert len(capture.maps) == len(merged.maps) == 2
    for one, other, before in zip(capture.maps, merged.maps, expected.maps, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)
        assert (one - before).abs().max() > 0.01


def test_everything_at_once(tmp_path):
    model = make_transformers("CLIP")
    expected = capture_attention(model, images())
    wrapped = adapted("transformers, CLIP", model, fill=False)
    with group_of_one(tmp_path):
        wrapped = torch.compile(nn.parallel.DistributedDataParallel(wrapped))
        capture = capture_attention(OnlyTrained(model=wrapped), images())
    assert all(map(torch.equal, capture.maps, expected.maps))
    assert isinstance(capture.output, transformers.modeling_outputs.BaseModelOutputWithPooling)


class Classifier(nn.Module):
    """As people write it around a model of transformers, with the argument called as it is there."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(24, 5)

    def forward(self, pixel_values):
        return self.head(self.encoder(pixel_values).last_hidden_state[:, 0])


def test_a_classifier_around_a_model_of_transformers():
    model = make_transformers("ViT")
    expected = capture_attention(model, images())
    same(capture_attention(Classifier(model), images()), expected, prefix="encoder.")
