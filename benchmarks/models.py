"""The speed of our ViT against timm's: a training step, forward and backward, the same sizes.

    python -m benchmarks.models [--quick]

Each pair of models has the same weights and sees the same images in one process, in turns (A B A B),
the first rounds thrown away. A ratio is the median of the rounds' ratios: another program's burst
hits both sides of a round, or stands out of the median. Ends with 1 when a requirement is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import timm
import torch
from timm.layers import build_sincos2d_pos_embed
from timm.models.eva import Eva
from torch import Tensor, nn

from vizkit.models import VisionTransformer, load_timm_weights

REQUIRED = 1.15  # our seconds / timm's
ROUNDS, QUICK_ROUNDS, WARM_UP = 30, 5, 2
BATCH = 16
SIZES = {"img_size": 64, "patch_size": 8, "embed_dim": 192, "depth": 4, "num_heads": 3}
ROPE = {
    "rope_axial": {"rope_type": "cat", "rope_temperature": 100.0},
    "rope_mixed": {"rope_type": "mixed", "rope_temperature": 10.0},
}


def timm_model(position: str) -> nn.Module:
    """The timm model that computes what our ViT with this position embedding computes."""
    if position in ROPE:
        return Eva(
            num_classes=10,
            global_pool="token",
            attn_type="rope",
            use_abs_pos_emb=False,
            use_rot_pos_emb=True,
            **SIZES,
            **ROPE[position],
        )
    model = timm.create_model("vit_tiny_patch16_224", num_classes=10, **SIZES)
    if position == "sincos_2d":  # timm has no fixed table: a learned one that does not learn
        table = build_sincos2d_pos_embed((8, 8), SIZES["embed_dim"])  # (N, D)
        with torch.no_grad():
            model.pos_embed.copy_(torch.cat([torch.zeros(1, SIZES["embed_dim"]), table]))
        model.pos_embed.requires_grad_(False)
    return model


def pair(position: str) -> tuple[nn.Module, nn.Module]:
    """Our model and timm's, with the same weights; raises ValueError if their outputs differ."""
    theirs = timm_model(position)
    ours = VisionTransformer(position=position, num_classes=10)
    load_timm_weights(ours, theirs)
    images = torch.randn(2, 3, 64, 64)
    difference = (ours(images) - theirs(images)).abs().max().item()
    if difference > 1e-5:
        raise ValueError(f"expected the same function with {position}, off by {difference:.1e}")
    return ours, theirs


def train_step(model: nn.Module, images: Tensor) -> None:
    model.zero_grad()
    model(images).square().mean().backward()


def seconds(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compare(position: str, rounds: int) -> tuple[float, float, float]:
    """Median seconds of our training step and of timm's, and the median ratio of a round."""
    ours, theirs = pair(position)
    images = torch.randn(BATCH, 3, 64, 64)
    times = []
    for _ in range(WARM_UP + rounds):
        times.append([seconds(lambda m=model: train_step(m, images)) for model in (ours, theirs)])
    times = times[WARM_UP:]
    ratio = statistics.median(mine / other for mine, other in times)
    mine, other = (statistics.median(column) for column in zip(*times, strict=True))
    return mine, other, ratio


def main(quick: bool = False) -> bool:
    """Measure, print the table, say whether every requirement is met; `quick` is noisy."""
    torch.manual_seed(0)
    print(
        f"ViT forward + backward, 64 px, patch 8, 4 layers of 192, batch {BATCH}; "
        f"torch {torch.__version__}, timm {timm.__version__}, {torch.get_num_threads()} thread(s)\n"
    )
    print("| position   | vizkit   | timm     | required | ratio | verdict |")
    print("|------------|----------|----------|----------|-------|---------|")
    met = True
    for position in ("learned_1d", "sincos_2d", "rope_axial", "rope_mixed"):
        mine, other, ratio = compare(position, QUICK_ROUNDS if quick else ROUNDS)
        verdict = "met" if ratio <= REQUIRED else "not met"
        met = met and ratio <= REQUIRED
        print(
            f"| {position:10} | {1e3 * mine:5.1f} ms | {1e3 * other:5.1f} ms "
            f"| ≤ {REQUIRED:.2f}   | {ratio:.3f} | {verdict:7} |"
        )
    return met


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: noisy")
    sys.exit(0 if main(quick=parser.parse_args().quick) else 1)
