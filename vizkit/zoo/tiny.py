"""Tiny stand-ins with random weights, for a machine without a network.

`load("tiny/timm/vit_base_patch16_siglip_224.webli")` has the layers, heads, tokens, pooling and
preprocessing of the model that it stands in for, and `HEAD` channels in each attention head. So
every call works and every shape but the width is the true one; what it computes means nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from vizkit.zoo.open_clip_encoder import OpenClipEncoder, known_model, open_clip_files
from vizkit.zoo.timm_encoder import TimmEncoder, timm_weights

HEAD = 8  # channels of an attention head; the real ones have 64, a Swin 32
SHARE = 8  # a ConvNeXt has one in so many of its channels
SEED = 0


def load_tiny(name: str) -> TimmEncoder | OpenClipEncoder:
    """The stand-in for the encoder `name`, "timm/…" or "open_clip/…/…"; the same in every run.

    Raises ValueError for a name that `load` does not know, and for a model that is no ViT,
    ConvNeXt or Swin.
    """
    library, _, model = name.partition("/")
    makers: dict[str, Callable[[str], TimmEncoder | OpenClipEncoder]] = {
        "timm": tiny_timm,
        "open_clip": tiny_open_clip,
    }
    if library not in makers:
        raise ValueError(
            f"expected tiny/ and the name of an encoder of timm or open_clip, received 'tiny/{name}'"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return makers[library](model)


def tiny_timm(model: str) -> TimmEncoder:
    """The stand-in for a model of timm."""
    import timm

    timm_weights(model)  # a ValueError if timm does not know it
    network = timm.create_model(model, **narrow(model))
    config = timm.data.resolve_model_data_config(network)
    return TimmEncoder(f"tiny/timm/{model}", network, timm.data.create_transform(**config))


def tiny_open_clip(model_and_weights: str) -> OpenClipEncoder:
    """The stand-in for a dual encoder of open_clip. It reads with CLIP's words, which ship."""
    import open_clip

    open_clip_files(model_and_weights)  # a ValueError if open_clip does not know it
    model, weights = known_model(model_and_weights)
    network = narrow_dual_encoder(open_clip.get_model_config(model), weights)
    base = open_clip.transform.PreprocessCfg(size=network.visual.image_size)
    config = open_clip.transform.merge_preprocess_dict(base, weights)
    transform = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(**config), is_train=False
    )
    tokenizer = open_clip.SimpleTokenizer(context_length=network.context_length)
    return OpenClipEncoder(f"tiny/open_clip/{model_and_weights}", network, transform, tokenizer)


def narrow(model: str) -> dict[str, Any]:
    """What makes a model of timm narrow and leaves all else: arguments of `timm.create_model`."""
    import timm
    from timm import models

    with torch.device("meta"):  # shapes without numbers: costs neither time nor memory
        whole = timm.create_model(model)
    parts: Any = whole  # what its class has beyond a Module
    if isinstance(whole, models.VisionTransformer | models.Eva):
        return {"embed_dim": HEAD * parts.blocks[0].attn.num_heads}
    if isinstance(whole, models.SwinTransformer):
        return {"embed_dim": HEAD * parts.layers[0].blocks[0].attn.num_heads}
    if isinstance(whole, models.ConvNeXt):
        return {"dims": [stage["num_chs"] // SHARE for stage in parts.feature_info]}
    raise ValueError(
        f"expected a ViT, ConvNeXt or Swin to make tiny, received {model}, a {type(whole).__name__}"
    )


def narrow_dual_encoder(config: dict[str, Any], weights: dict[str, Any]) -> Any:
    """open_clip's model of this configuration with `HEAD` channels in each head of its towers."""
    import open_clip
    import timm

    vision, text = config["vision_cfg"], config["text_cfg"]
    trunk = vision.get("timm_model_name")
    if trunk is None and isinstance(vision["layers"], int):
        heads = vision["width"] // vision.get("head_width", 64)
        vision |= {"width": HEAD * heads, "head_width": HEAD}
        config["embed_dim"] = text["width"] = HEAD * text["heads"]
        return open_clip.model.CLIP(**config, quick_gelu=weights.get("quick_gelu", False))
    if trunk is None or vision["timm_proj"] != "none":
        raise ValueError("expected a CLIP with a ViT, or a SigLIP, to make tiny")
    width = narrow(trunk)
    config["embed_dim"] = text["width"] = width["embed_dim"]
    text |= {"vocab_size": open_clip.tokenizer.SimpleTokenizer().vocab_size}
    del config["custom_text"]
    # open_clip passes no width on to timm: a small trunk first, then the one that is wanted.
    network = open_clip.model.CustomTextCLIP(
        **{**config, "vision_cfg": {**vision, "timm_model_name": "test_vit"}}
    )
    pool = vision["timm_pool"]
    network.visual.trunk = timm.create_model(trunk, num_classes=0, global_pool=pool, **width)
    return network
