"""The cost of reading attention maps: a capture against a plain forward pass.

    python -m benchmarks.capture [--quick]

All sides of a ratio run in turns within one process and the fastest of many rounds counts, so that
another program's burst does not decide. Ends with 1 when a requirement is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import open_clip
import timm
import torch
from torch import Tensor, nn

from vizkit.models import VisionTransformer, attention_weights, capture_attention

REQUIRED = 1.3  # (capture - the maps alone) / plain forward pass
ROUNDS, QUICK_ROUNDS = 10, 2
TIMM_MODELS = ("vit_base_patch16_224", "vit_base_patch16_siglip_224", "eva02_tiny_patch14_224")


def fastest(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each call, the fastest of `rounds`, the calls taking turns."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds + 1):  # the first round warms up
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


@torch.no_grad()
def compare(model: nn.Module, images: Tensor, rounds: int) -> dict[str, float]:
    """Seconds of a plain forward pass, of the maps alone, and of a capture."""
    model.eval()
    run = getattr(model, "encode_image", model)
    capture = capture_attention(model, images)
    heads = [(one.shape, 64) for one in [*capture.maps, *capture.pooling_maps.values()]]
    inputs = [
        (torch.randn(*shape[:3], width), torch.randn(*shape[:2], shape[3], width))
        for shape, width in heads
    ]
    del capture
    calls = {
        "plain": lambda: run(images),
        "maps": lambda: [attention_weights(*pair) for pair in inputs],
        "capture": lambda: capture_attention(model, images),
    }
    return fastest(calls, rounds)


def models() -> dict[str, tuple[Callable[[], nn.Module], int]]:
    """What is measured: name -> (how it is made, pixels of its picture)."""
    found: dict[str, tuple[Callable[[], nn.Module], int]] = {"vizkit ViT": (VisionTransformer, 64)}
    for name in TIMM_MODELS:
        found[f"timm {name}"] = (lambda name=name: timm.create_model(name), 224)
    found["open_clip ViT-B-32"] = (lambda: open_clip.create_model("ViT-B-32", pretrained=None), 224)
    return found


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
        seconds = compare(make(), torch.randn(1, 3, size, size), QUICK_ROUNDS if quick else ROUNDS)
        ratio = (seconds["capture"] - seconds["maps"]) / seconds["plain"]
        met = met and ratio <= REQUIRED
        plain, maps, capture = (1e3 * seconds[part] for part in ("plain", "maps", "capture"))
        print(
            f"| {name:32} | {plain:6.1f} ms | {maps:5.1f} ms | {capture:6.1f} ms "
            f"| ≤ {REQUIRED:.2f}   | {ratio:.3f} | {'met' if ratio <= REQUIRED else 'not met':7} |",
            flush=True,
        )
    return met


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capture", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: noisy")
    sys.exit(0 if main(quick=parser.parse_args().quick) else 1)
