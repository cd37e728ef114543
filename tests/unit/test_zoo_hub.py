"""timm's and open_clip's models from a hub: the same numbers as the libraries', on this machine."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import open_clip
import pytest
import timm
import tokenizers
import torch
from PIL import Image
from safetensors.torch import save

from tests.hub import Hub, as_json
from vizkit.widgets import AttentionMap
from vizkit.zoo import Encoder, OpenClipEncoder, TimmEncoder, hub_encoder, list_models, load
from vizkit.zoo import open_clip_encoder as zoo_open_clip
from vizkit.zoo.timm_encoder import patches_of

ROOT = Path(__file__).parents[2]
VIT, CNN = "test_vit.r160_in1k", "test_convnext.r160_in1k"
CLIP_CONFIG = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 32, "patch_size": 16, "width": 8, "head_width": 4, "layers": 2},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1},
}
SIGLIP_CONFIG = {
    "embed_dim": 64,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 160,
        "timm_model_name": "test_vit",
        "timm_model_pretrained": False,
        "timm_pool": "map",
        "timm_proj": "none",
    },
    "text_cfg": {
        "context_length": 8,
        "vocab_size": 32,
        "hf_tokenizer_name": "test/tiny-siglip",
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "width": 64,
        "heads": 2,
        "layers": 1,
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
    },
}
WORDS = ["</s>", "<unk>", "▁a", "▁red", "▁heart", "▁blue"]


@pytest.fixture(scope="module", autouse=True)
def on_the_cpu():
    """The tolerances below are the CPU's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIZKIT_DEVICE", "cpu")
        yield


@pytest.fixture
def pictures():
    random = np.random.default_rng(0)
    return [random.integers(0, 255, (*size, 3), dtype=np.uint8) for size in ((40, 60), (200, 90))]


@pytest.fixture(scope="module")
def known_to_open_clip():
    """Two tiny models among open_clip's own."""
    configs = open_clip.factory._MODEL_CONFIGS
    weights = open_clip.pretrained._PRETRAINED
    clip = open_clip.pretrained._pcfg(hf_hub="test/tiny-clip/", quick_gelu=True)
    siglip = open_clip.pretrained._slpcfg(hf_hub="test/tiny-siglip/")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(configs, "tiny-clip", CLIP_CONFIG)
        patch.setitem(weights, "tiny-clip", {"first": clip})
        patch.setitem(configs, "tiny-SigLIP", SIGLIP_CONFIG)
        patch.setitem(weights, "tiny-SigLIP", {"webli": siglip})
        yield


@pytest.fixture(scope="module")
def models(known_to_open_clip):
    """The libraries' models with random weights: the oracle."""
    torch.manual_seed(0)
    made = {
        "vit": timm.create_model(VIT),
        "cnn": timm.create_model(CNN),
        "clip": open_clip.model.CLIP(**copy.deepcopy(CLIP_CONFIG), quick_gelu=True),
        "siglip": open_clip.create_model("tiny-SigLIP"),
    }
    for model in made.values():
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        model.eval()
    return made


def tokenizer_json() -> bytes:
    vocabulary = [(word, -float(index)) for index, word in enumerate(WORDS)]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(vocabulary, unk_id=1))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 0)]
    )
    return tokenizer.to_str().encode()


@pytest.fixture
def hub(models, tmp_path, monkeypatch):
    """A hub with these models in the files of timm and open_clip; an empty cache and store."""
    monkeypatch.setenv("VIZKIT_WEIGHTS", str(tmp_path / "weights"))
    weights = {name: save(model.state_dict()) for name, model in models.items()}
    with Hub() as hub, hub.used_by_this_process(tmp_path / "cache"):
        for name, key in ((VIT, "vit"), (CNN, "cnn")):
            hub.repos[f"timm/{name}"] = {
                "model.safetensors": weights[key],
                "config.json": as_json({"architecture": name.partition(".")[0]}),
            }
        hub.repos["test/tiny-clip"] = {
            "open_clip_model.safetensors": weights["clip"],
            "open_clip_config.json": as_json({"model_cfg": CLIP_CONFIG}),
        }
        hub.repos["test/tiny-siglip"] = {
            "open_clip_model.safetensors": weights["siglip"],
            "open_clip_config.json": as_json({"model_cfg": SIGLIP_CONFIG}),
            "tokenizer.json": tokenizer_json(),
            "tokenizer_config.json": as_json({"pad_token": {"content": "</s>"}}),
        }
        yield hub


def unit(vectors):
    return torch.nn.functional.normalize(vectors, dim=-1)


def as_pil(pictures):
    return [Image.fromarray(picture) for picture in pictures]


# timm


def test_a_model_of_timm_gives_timms_numbers(hub, models, pictures):
    encoder = load(f"timm/{VIT}")
    assert isinstance(encoder, TimmEncoder)
    config = timm.data.resolve_model_data_config(models["vit"])
    transform = timm.data.create_transform(**config)
    pixels = torch.stack([transform(picture) for picture in as_pil(pictures)])
    assert torch.equal(encoder.preprocess(pictures), pixels)
    with torch.no_grad():
        tokens = models["vit"].forward_features(pixels)
        expected = models["vit"].forward_head(tokens, pre_logits=True)
    torch.testing.assert_close(encoder.encode_image(pictures), unit(expected))
    torch.testing.assert_close(encoder.patch_tokens(pictures), tokens[:, 1:])
    capture = encoder.capture_attention(pictures)
    assert [tuple(layer.shape) for layer in capture.maps] == [(2, 2, 101, 101)] * 6
    assert capture.grid == (10, 10)


def test_a_model_of_timm_has_no_text_tower(hub):
    with pytest.raises(TypeError, match=rf"timm/{VIT} has no text tower.*open_clip"):
        load(f"timm/{VIT}").encode_text("a red heart")


def test_a_cnn_of_timm_has_vectors_but_no_tokens_and_no_attention(hub, models, pictures):
    encoder = load(f"timm/{CNN}")
    with torch.no_grad():
        features = models["cnn"].forward_features(encoder.preprocess(pictures))
        expected = models["cnn"].forward_head(features, pre_logits=True)
    torch.testing.assert_close(encoder.encode_image(pictures), unit(expected))
    with pytest.raises(TypeError, match=f"timm/{CNN} has a ConvNeXt, which has no patch tokens"):
        encoder.patch_tokens(pictures)
    with pytest.raises(TypeError, match="no attention"):
        encoder.capture_attention(pictures)


def test_the_tokens_of_a_swin_lie_row_by_row():
    model = timm.create_model(
        "swin_tiny_patch4_window7_224",
        img_size=32,
        window_size=2,
        embed_dim=12,
        depths=(1, 1),
        num_heads=(1, 2),
    ).eval()
    pixels = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        tokens = patches_of(model, pixels, "swin")
        on_grid = model.forward_features(pixels)  # (B, rows, columns, D)
    assert tokens.shape == (2, 16, 24)
    assert torch.equal(tokens[:, 4 * 2 + 3], on_grid[:, 2, 3])


def test_a_short_name_of_timm_means_its_first_weights(hub):
    assert load("timm/test_vit").encode_image(np.zeros((9, 9, 3), np.uint8)).shape == (1, 64)


# open_clip


def test_clip_gives_open_clips_numbers(hub, models, pictures):
    encoder = load("open_clip/tiny-clip/first")
    assert isinstance(encoder, OpenClipEncoder)
    pixels = encoder.preprocess(pictures)
    texts = ["a red heart", "a blue ring"]
    with torch.no_grad():
        images = models["clip"].encode_image(pixels, normalize=True)
        ids = open_clip.get_tokenizer("RN50")(texts)
        sentences = models["clip"].encode_text(ids, normalize=True)
        tower = models["clip"].visual
        tower.output_tokens = True
        tokens = tower(pixels)[1]
        tower.output_tokens = False
    torch.testing.assert_close(encoder.encode_image(pictures), images)
    torch.testing.assert_close(encoder.encode_text(texts), sentences)
    torch.testing.assert_close(encoder.patch_tokens(pictures), tokens)
    assert encoder.logit_scale == pytest.approx(models["clip"].logit_scale.exp().item())
    assert encoder.logit_bias is None
    capture = encoder.capture_attention(pictures)
    assert [tuple(layer.shape) for layer in capture.maps] == [(2, 2, 5, 5)] * 2


def test_weights_that_need_quick_gelu_get_it(hub, models, pictures):
    """open_clip itself only warns: the numbers would be subtly wrong."""
    encoder = load("open_clip/tiny-clip/first")
    assert type(encoder.model.visual.transformer.resblocks[0].mlp.gelu).__name__ == "QuickGELU"


def test_siglip_gives_open_clips_numbers(hub, models, pictures):
    encoder = load("open_clip/tiny-SigLIP/webli")
    pixels = encoder.preprocess(pictures)
    trunk = models["siglip"].visual.trunk
    ids = torch.tensor([[2, 3, 4, 0, 0, 0, 0, 0], [3, 3, 3, 3, 3, 3, 3, 0]])
    with torch.no_grad():
        images = models["siglip"].encode_image(pixels, normalize=True)
        sentences = models["siglip"].encode_text(ids, normalize=True)
        tokens = trunk.forward_features(pixels)[:, trunk.num_prefix_tokens :]
    texts = ["A red,   heart!", "red " * 20]  # canonical, padded, cut
    assert torch.equal(encoder.tokenizer(texts), ids)
    torch.testing.assert_close(encoder.encode_image(pictures), images)
    torch.testing.assert_close(encoder.encode_text(texts), sentences)
    torch.testing.assert_close(encoder.patch_tokens(pictures), tokens)
    assert encoder.logit_bias == pytest.approx(models["siglip"].logit_bias.item())
    assert encoder.capture_attention(pictures).pooling_maps


def test_clip_crops_and_siglip_squashes(hub):
    """Claim B6, read from the encoders themselves."""
    clip, siglip = load("open_clip/tiny-clip/first"), load("open_clip/tiny-SigLIP/webli")
    assert repr(clip.preprocess).splitlines() == [
        "1. Resize(size=32, interpolation=bicubic, max_size=None, antialias=True)",
        "2. CenterCrop(size=(32, 32))",
        "3. MaybeConvertMode()",
        "4. MaybeToTensor()",
        "5. Normalize(mean=(0.4815, 0.4578, 0.4082), std=(0.2686, 0.2613, 0.2758))",
    ]
    assert repr(siglip.preprocess).splitlines()[0].startswith("1. Resize(size=(160, 160)")
    assert "CenterCrop" not in repr(siglip.preprocess)
    stripe = np.zeros((32, 96, 3), np.uint8)
    stripe[:, :32] = 255  # the left third
    assert clip.preprocess(stripe).unique(dim=3).shape[3] == 1  # cut off
    assert (siglip.preprocess(stripe)[0, 0, 0] > 0.9).sum().item() in range(50, 56)  # a third


# All of them


def test_an_encoder_from_the_hub_has_the_face_of_an_encoder(hub):
    wanted = {name for name in vars(Encoder) if not name.startswith("_")}
    for name in (f"timm/{VIT}", "open_clip/tiny-clip/first"):
        encoder = load(name)
        assert encoder.name == name
        assert not encoder.model.training
        for part in wanted | set(Encoder.__annotations__):
            assert hasattr(encoder, part), part


def test_large_calls_run_in_bounded_batches(hub, pictures, monkeypatch):
    encoder = load("open_clip/tiny-clip/first")
    many = pictures * 4
    together = encoder.encode_image(many)
    sizes = []
    plain = encoder.model.encode_image
    encoder.model.encode_image = lambda pixels: sizes.append(len(pixels)) or plain(pixels)
    monkeypatch.setattr(hub_encoder, "BATCH", 3)
    torch.testing.assert_close(encoder.encode_image(many), together)
    assert sizes == [3, 3, 2]
    texts = [f"{count} hearts" for count in range(5)]
    whole = encoder.encode_text(texts)
    monkeypatch.setattr(zoo_open_clip, "TEXTS", 2)
    torch.testing.assert_close(encoder.encode_text(texts), whole)
    assert not together.requires_grad
    assert not whole.requires_grad


@pytest.mark.parametrize("mode", ["RGBA", "L", "CMYK", "P", "1", "LA"])
def test_pictures_of_any_mode_are_read_as_rgb(hub, mode, pictures):
    picture = Image.fromarray(pictures[0]).convert(mode)
    for name in (f"timm/{VIT}", "open_clip/tiny-clip/first"):
        encoder = load(name)
        assert torch.equal(encoder.preprocess(picture), encoder.preprocess(picture.convert("RGB")))


def test_the_weights_are_fetched_once_and_with_a_progress_bar(hub, capfd, monkeypatch):
    monkeypatch.setenv("TQDM_POSITION", "-1")  # a bar, although nobody watches this terminal
    load("open_clip/tiny-SigLIP/webli")
    assert "open_clip_model.safetensors: 100%" in capfd.readouterr().err
    assert sum(request.startswith("GET /storage") for request in hub.requests) == 1
    hub.requests.clear()
    load("open_clip/tiny-SigLIP/webli")
    assert hub.requests == []


def test_list_models_names_what_loads_now(hub):
    before = list_models()
    assert "pocket-clip" in before
    assert not any("/" in name for name in before)
    for name in (f"timm/{CNN}", "open_clip/tiny-SigLIP/webli"):
        assert name not in list_models()
        assert name in list_models(network=True)
        load(name)
        assert name in list_models()
    hub.requests.clear()
    every = list_models(network=True)
    assert {"timm/vit_base_patch16_siglip_224.webli", "open_clip/ViT-B-16/openai"} <= set(every)
    assert not any("roberta" in name for name in every)  # needs the transformers library
    assert hub.requests == []


def test_siglip_without_its_tokenizer_does_not_load_now(hub):
    from vizkit.zoo.hub import HubFile, fetch

    fetch(HubFile("test/tiny-siglip", ("open_clip_model.safetensors",)))
    assert "open_clip/tiny-SigLIP/webli" not in list_models()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("timm/", "such as"),
        ("timm/vit_base_patch16_siglip_22", "vit_base_patch16_siglip_224.webli"),
        ("timm/test_vit.imagenet", VIT),
        ("timm/../../etc", "such as"),
        ("open_clip/", "ViT-B-16/openai"),
        ("open_clip/ViT-B-16", "ViT-B-16/openai"),
        ("open_clip/ViT-B-16/laion", "ViT-B-16/laion2b_s34b_b88k"),
        ("open_clip/ViT-B/16/nobody", "ViT-B-16/openai"),
        ("open_clip/roberta-ViT-B-32/laion2b_s12b_b32k", "transformers"),
        ("hub/model", "timm/<model> and open_clip/<model>/<pretrained>"),
    ],
)
def test_an_unknown_name_says_what_is_known(hub, name, hint):
    with pytest.raises(ValueError, match="expected") as caught:
        load(name, fallback="pocket-clip")  # a typing error is no reason to fall back
    assert hint in str(caught.value)
    assert repr(name) in str(caught.value)
    assert hub.requests == []


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Pocket-CLIP", "pocket-clip"),
        ("pocket_clip", "pocket-clip"),
        ("openai/clip-vit-base-patch16", "open_clip/ViT-B-16/openai"),
        ("openai/clip-vit-base-patch32", "open_clip/ViT-B-32/openai"),
        ("openai/clip-vit-large-patch14-336", "open_clip/ViT-L-14-336/openai"),
        ("ViT-B/32", "open_clip/ViT-B-32/openai"),
        ("ViT-L/14@336px", "open_clip/ViT-L-14-336/openai"),
        ("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "open_clip/ViT-B-32/laion2b_s34b_b79k"),
        ("google/siglip-base-patch16-224", "open_clip/ViT-B-16-SigLIP/webli"),
        ("google/siglip-so400m-patch14-384", "open_clip/ViT-SO400M-14-SigLIP-384/webli"),
        ("google/siglip2-base-patch16-224", "open_clip/ViT-B-16-SigLIP2/webli"),
        ("google/siglip2-base-patch16-512", "open_clip/ViT-B-16-SigLIP2-512/webli"),
        ("google/siglip2-base-patch32-256", "open_clip/ViT-B-32-SigLIP2-256/webli"),
        ("google/siglip2-so400m-patch14-384", "open_clip/ViT-SO400M-14-SigLIP2-378/webli"),
        ("google/siglip2-giant-opt-patch16-384", "open_clip/ViT-gopt-16-SigLIP2-384/webli"),
        ("facebook/dinov2-small", "timm/vit_small_patch14_dinov2.lvd142m"),
        ("facebook/dinov2-with-registers-base", "timm/vit_base_patch14_reg4_dinov2.lvd142m"),
        (
            "facebook/dinov3-vits16plus-pretrain-lvd1689m",
            "timm/vit_small_plus_patch16_dinov3.lvd1689m",
        ),
        ("Open_CLIP/vit-b-16/OpenAI", "open_clip/ViT-B-16/openai"),
        ("vit_base_patch16_siglip_224.webli", "timm/vit_base_patch16_siglip_224.webli"),
    ],
)
def test_a_name_from_elsewhere_is_translated(hub, name, near):
    with pytest.raises(ValueError, match="Did you mean ") as caught:
        load(name)
    assert str(caught.value).endswith(f"Did you mean {near!r}?")
    assert hub.requests == []


@pytest.mark.parametrize("name", ["qwertzuiop", "", "   ", None, 3])
def test_where_no_name_is_near_none_is_made_up(hub, name):
    with pytest.raises(ValueError, match="expected") as caught:
        load(name)
    assert "Did you mean" not in str(caught.value)


def test_an_encoder_hands_its_model_to_the_attention_map(hub, pictures):
    for name, shown in (
        (f"timm/{VIT}", "6 layers x 2 heads, 10 x 10 patches + 1 prefix token"),
        ("open_clip/tiny-clip/first", "2 layers x 2 heads, 2 x 2 patches + 1 prefix token"),
    ):
        encoder = load(name)
        widget = AttentionMap.from_model(
            encoder.model, pictures[0], preprocess=encoder.preprocess.transform
        )
        assert shown in widget.headline()


def test_a_pocket_encoder_does_not_wait_for_the_large_libraries():
    program = (
        "import sys; from vizkit.zoo import load; load('pocket-clip'); "
        "print({'timm', 'open_clip', 'torchvision', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


# Pickles


class Bomb:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize(
    ("name", "repo", "file"),
    [
        (f"timm/{VIT}", f"timm/{VIT}", "pytorch_model.bin"),
        ("open_clip/tiny-clip/first", "test/tiny-clip", "open_clip_pytorch_model.bin"),
    ],
)
def test_a_repository_with_pickles_only_is_refused(hub, name, repo, file):
    hub.repos[repo] = {file: pickle.dumps(Bomb()), "config.json": b"{}"}
    with pytest.raises(FileNotFoundError, match=r"never pickled ones.*list_models"):
        load(name)
    assert not any(file in request for request in hub.requests)


@pytest.mark.parametrize("weights", ["vit", "clip"])
def test_a_pickle_under_the_name_of_safetensors_is_not_opened(hub, weights):
    name, repo, file = {
        "vit": (f"timm/{VIT}", f"timm/{VIT}", "model.safetensors"),
        "clip": ("open_clip/tiny-clip/first", "test/tiny-clip", "open_clip_model.safetensors"),
    }[weights]
    hub.repos[repo][file] = pickle.dumps(Bomb())
    with pytest.raises(OSError, match=f"the weights of {name} do not fit"):
        load(name)


def test_weights_of_another_model_are_refused(hub):
    files = hub.repos[f"timm/{VIT}"]
    files["model.safetensors"] = hub.repos[f"timm/{CNN}"]["model.safetensors"]
    with pytest.raises(OSError, match=f"the weights of timm/{VIT} do not fit"):
        load(f"timm/{VIT}")


def test_a_file_that_is_no_safetensors_cannot_even_be_named():
    from vizkit.zoo.hub import HubFile, weights_file

    assert weights_file("a/b", "pytorch_model.bin", "x").names == ("pytorch_model.safetensors",)
    for names in ((), ("model.bin",), ("model.safetensors", "model.pt")):
        with pytest.raises(ValueError, match="safetensors"):
            HubFile("a/b", names)
