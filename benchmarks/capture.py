"""The cost of our models: ViT against timm's, and attention capture against a plain forward pass.

    python -m benchmarks.capture

Both sides of a ratio run in turns within one process, and the smallest of many ratios' parts
counts, so that another program's burst does not decide.
"""

import argparse
import time
from collections.abc import Callable

import open_clip
import timm
import torch
from torch import Tensor, nn

from vizkit.models import VisionTransformer, attention_weights, capture_attention


def fastest(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each call, the fastest of `rounds`, the calls taking turns."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds + 1):  # the first round warms up
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def compare_vit(rounds: int) -> None:
    """Forward and backward of our ViT and timm's, the same sizes."""
    images = torch.randn(32, 3, 64, 64)
    ours = VisionTransformer(num_classes=10)
    theirs = timm.create_model(
        "vit_tiny_patch16_224", img_size=64, patch_size=8, depth=4, num_classes=10
    )
    seconds = fastest(
        {"ours": lambda: train_step(ours, images), "timm": lambda: train_step(theirs, images)},
        rounds,
    )
    ratio = seconds["ours"] / seconds["timm"]
    print(
        f"ViT forward + backward, 64 px, batch 32: {32 / seconds['ours']:.0f} images/s, "
        f"timm {32 / seconds['timm']:.0f} images/s, time ratio {ratio:.3f} (at most 1.15)"
    )


def train_step(model: nn.Module, images: Tensor) -> None:
    model.zero_grad()
    model(images).square().mean().backward()


def compare_capture(name: str, model: nn.Module, images: Tensor, rounds: int) -> None:
    """A capture against a plain forward pass, and against that plus the maps alone."""
    model.eval()
    run = getattr(model, "encode_image", model)
    with torch.no_grad():
        capture = capture_attention(model, images)
        heads = [(one.shape, 64) for one in [*capture.maps, *capture.pooling_maps.values()]]
        inputs = [
            (torch.randn(*shape[:3], width), torch.randn(*shape[:2], shape[3], width))
            for shape, width in heads
        ]
        del capture
        seconds = fastest(
            {
                "plain": lambda: run(images),
                "maps": lambda: [attention_weights(*pair) for pair in inputs],
                "capture": lambda: capture_attention(model, images),
            },
            rounds,
        )
    plain, maps, capture_seconds = seconds["plain"], seconds["maps"], seconds["capture"]
    print(
        f"{name}: plain {1e3 * plain:.1f} ms, maps alone {1e3 * maps:.1f} ms, "
        f"capture {1e3 * capture_seconds:.1f} ms; (capture - maps) / plain = "
        f"{(capture_seconds - maps) / plain:.3f} (at most 1.3)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), random weights")
    compare_vit(rounds)
    small, large = torch.randn(1, 3, 64, 64), torch.randn(1, 3, 224, 224)
    compare_capture("vizkit ViT 64 px", VisionTransformer(), small, rounds)
    for name in ("vit_base_patch16_224", "vit_base_patch16_siglip_224", "eva02_tiny_patch14_224"):
        compare_capture(f"timm {name}", timm.create_model(name), large, rounds)
    clip = open_clip.create_model("ViT-B-32", pretrained=None)
    compare_capture("open_clip ViT-B-32", clip, large, rounds)


if __name__ == "__main__":
    main()
