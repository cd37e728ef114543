"""The cost of reading attention maps: a capture against a plain forward pass.

    python -m benchmarks.capture [--quick]

All sides of a ratio run in turns within one process and the fastest of many rounds counts, so that
another program's burst does not decide. Then the memory of one layer out of 24, captured and shown
by a widget: each in a process of its own, the peak above that of a plain forward pass. Ends with 1
when a requirement is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import open_clip
import timm
import torch
from torch import Tensor, nn

from benchmarks.losses import resident_peak
from vizkit.models import (
    SwinTransformer,
    VisionTransformer,
    attention_weights,
    capture_attention,
)
from vizkit.widgets import AttentionMap

REQUIRED = 1.3  # (capture - the maps alone) / plain forward pass
REQUIRED_MEMORY = 1.3  # peak of AttentionMap.from_model(layers=[23]) / of capture_attention
ROUNDS, QUICK_ROUNDS = 10, 2  # at least
SECONDS, QUICK_SECONDS = 3.0, 0.0  # models of a few milliseconds take their turns for this long
VIZKIT_MODELS = {
    "ViT": VisionTransformer,
    "ViT, RoPE": partial(VisionTransformer, position="rope_mixed"),
    "hybrid": partial(VisionTransformer, stem="residual"),
    "Swin": SwinTransformer,
}
TIMM_MODELS = (
    "vit_base_patch16_224",
    "vit_base_patch16_siglip_224",
    "eva02_tiny_patch14_224",
    "vit_small_patch16_dinov3",
    "vit_small_r26_s32_224",
    "swin_tiny_patch4_window7_224",
)


def fastest(
    calls: dict[str, Callable[[], object]], rounds: int, seconds: float
) -> dict[str, float]:
    """Seconds of each call, the fastest of at least `rounds` in which the calls take turns.

    They go on for `seconds`: a call of 5 ms needs more of them until none of its rounds is
    disturbed than one of 250 ms.
    """
    best = dict.fromkeys(calls, float("inf"))
    end, done = time.perf_counter() + seconds, 0
    while done <= rounds or time.perf_counter() < end:  # the first round warms up
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
        done += 1
    return best


@torch.no_grad()
def compare(model: nn.Module, images: Tensor, quick: bool) -> dict[str, float]:
    """Seconds of a plain forward pass, of the maps alone, and of a capture."""
    model.eval()
    run = getattr(model, "encode_image", model)
    capture = capture_attention(model, images)
    named = [*zip(capture.names, capture.maps, strict=True), *capture.pooling_maps.items()]
    makes = [maps_alone(model.get_submodule(layer), one.shape) for layer, one in named]
    del capture, named
    calls = {
        "plain": lambda: run(images),
        "maps": lambda: [make() for make in makes],
        "capture": lambda: capture_attention(model, images),
    }
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if quick else (ROUNDS, SECONDS)
    return fastest(calls, rounds, seconds)


def maps_alone(attention: nn.Module, shape: torch.Size) -> Callable[[], Tensor]:
    """A call that computes one map (B, H, T, S) from a random query and key, and nothing else.

    Of windows: the maps of all of them, and writing them into a map of the whole grid.
    """
    batch, heads, queries, keys = shape
    index = getattr(attention, "relative_position_index", getattr(attention, "index", None))
    if index is None:
        pair = torch.randn(batch, heads, queries, 64), torch.randn(batch, heads, keys, 64)
        return lambda: attention_weights(*pair)
    area = len(index)
    windows = (batch * queries // area, heads, area, 32)
    pair = torch.randn(windows), torch.randn(windows)
    index = torch.arange(queries * area).expand(batch, heads, -1)

    def lay_out() -> Tensor:
        values = attention_weights(*pair).reshape(index.shape)
        return torch.zeros(batch, heads, queries * keys).scatter_(2, index, values)

    return lay_out


def models() -> dict[str, tuple[Callable[[], nn.Module], int]]:
    """What is measured: name -> (how it is made, pixels of its picture)."""
    found: dict[str, tuple[Callable[[], nn.Module], int]] = {}
    for name, make in VIZKIT_MODELS.items():
        found[f"vizkit {name}"] = (make, 64)
    for name in TIMM_MODELS:
        found[f"timm {name}"] = (lambda name=name: timm.create_model(name), 224)
    found["open_clip ViT-B-32"] = (lambda: open_clip.create_model("ViT-B-32", pretrained=None), 224)
    return found


def megabytes_of(way: str) -> float:
    """Peak of memory for one layer of a ViT with 24 layers, 1,600 patches and 6 heads."""
    model = timm.create_model(
        "vit_small_patch16_224", img_size=640, depth=24, embed_dim=96, num_heads=6
    ).eval()
    picture = np.random.default_rng(0).integers(0, 256, (640, 640, 3), np.uint8)
    images = torch.randn(1, 3, 640, 640)
    with torch.no_grad():
        model(images)
        before = resident_peak()
        if way == "capture":
            capture_attention(model, images, layers=[23])
        else:
            AttentionMap.from_model(model, picture, layers=[23])
    return resident_peak() - before


def compare_memory() -> bool:
    """Print what one layer costs, captured and shown; say whether the requirement is met."""
    found = {}
    for way in ("capture", "from_model"):
        command = [sys.executable, "-m", "benchmarks.capture", "--memory", way]
        found[way] = float(subprocess.run(command, check=True, capture_output=True).stdout)
    ratio = found["from_model"] / found["capture"]
    print(
        f"\none layer of 24, peak above a forward pass: capture_attention {found['capture']:.0f} MB, "
        f"AttentionMap.from_model {found['from_model']:.0f} MB, ratio {ratio:.2f} "
        f"(required ≤ {REQUIRED_MEMORY:.2f}): {'met' if ratio <= REQUIRED_MEMORY else 'not met'}"
    )
    return ratio <= REQUIRED_MEMORY


def main(quick: bool = False) -> bool:
    """Measure, print the table, say whether every requirement is met; `quick` is noisy."""
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), random weights\n")
    print(
        "| model                            | plain     | maps     | capture   | required | ratio | verdict |"
    )
    print(
        "|----------------------------------|-----------|----------|-----------|----------|-------|---------|"
    )
    met = True
    for name, (make, size) in models().items():
        seconds = compare(make(), torch.randn(1, 3, size, size), quick)
        ratio = (seconds["capture"] - seconds["maps"]) / seconds["plain"]
        met = met and ratio <= REQUIRED
        plain, maps, capture = (1e3 * seconds[part] for part in ("plain", "maps", "capture"))
        print(
            f"| {name:32} | {plain:6.1f} ms | {maps:5.1f} ms | {capture:6.1f} ms "
            f"| ≤ {REQUIRED:.2f}   | {ratio:.3f} | {'met' if ratio <= REQUIRED else 'not met':7} |",
            flush=True,
        )
    if resident_peak() is None:  # a system that does not say
        return met
    return compare_memory() and met


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capture", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: noisy")
    parser.add_argument("--memory", choices=("capture", "from_model"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(megabytes_of(options.memory))
        sys.exit(0)
    sys.exit(0 if main(quick=options.quick) else 1)
