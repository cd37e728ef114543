"""The losses at large batch sizes: time in matrix products, and peak memory, beside their peers.

    python -m benchmarks.losses [--quick]

Peers: open_clip's `ClipLoss` and `SigLipLoss`; for InfoNCE also torch's chunked
`linear_cross_entropy`, called once for each direction.

- **time**: forward and backward in processor seconds of one thread, divided by those of one
  N x N x 512 matrix product (in strips of 2,048 rows, always into the same memory), which takes
  turns with it in the same process. Processor seconds, because another program's burst is no time
  of the loss; the fastest of some rounds, because other programs share the cache.
- **memory**: the peak of the resident memory in the first round above what was there with the
  inputs. Gradients are in it; libraries are not, a small batch has warmed them up.

Every measurement has a process of its own. Features: float32, unit vectors that partly agree.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
DIM, BLOCK_SIZE, STRIP = 512, 1024, 2048
MEGABYTE = 1e6

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
Result = dict[str, float | None]


# ── Contenders ────────────────────────────────────────────────────────────────────────────────────


def vizkit_info_nce() -> Loss:
    from vizkit.losses import info_nce

    return lambda images, texts, scale, _: info_nce(images, texts, scale, block_size=BLOCK_SIZE)


def vizkit_sigmoid() -> Loss:
    from vizkit.losses import sigmoid_loss

    return lambda *inputs: sigmoid_loss(*inputs, block_size=BLOCK_SIZE)


def open_clip_info_nce() -> Loss:
    from open_clip.loss import ClipLoss

    loss = ClipLoss()
    return lambda images, texts, scale, _: loss(images, texts, scale)


def open_clip_sigmoid() -> Loss:
    from open_clip.loss import SigLipLoss

    return SigLipLoss()


def torch_info_nce() -> Loss:
    """Texts as the classes of images, then images as the classes of texts."""
    options = torch.nn.LinearCrossEntropyOptions()

    def loss(images: Tensor, texts: Tensor, scale: Tensor, _: Tensor) -> Tensor:
        own = torch.arange(len(images))
        image_to_text = F.linear_cross_entropy(scale * images, texts, own, options=options)
        text_to_image = F.linear_cross_entropy(scale * texts, images, own, options=options)
        return (image_to_text + text_to_image) / 2

    return loss


CONTENDERS = {
    "vizkit info_nce": vizkit_info_nce,
    "open_clip ClipLoss": open_clip_info_nce,
    "torch linear_cross_entropy": torch_info_nce,
    "vizkit sigmoid_loss": vizkit_sigmoid,
    "open_clip SigLipLoss": open_clip_sigmoid,
}
PEERS = {
    "vizkit info_nce": "open_clip ClipLoss",
    "vizkit sigmoid_loss": "open_clip SigLipLoss",
}


# ── One measurement, in its own process ───────────────────────────────────────────────────────────


def features(count: int) -> list[Tensor]:
    """Images and texts (N, 512), filled in place, because a copy would raise the peak before."""
    generator = torch.Generator().manual_seed(0)
    images, texts = torch.empty(2, count, DIM).normal_(generator=generator)
    texts.add_(images, alpha=0.7)
    for part in (images, texts):
        for rows in part.split(STRIP):
            rows.copy_(F.normalize(rows, dim=1))
        part.requires_grad_()
    return [images, texts]


def step(loss: Loss, inputs: list[Tensor]) -> float:
    """Forward and backward; the value of the loss."""
    for part in inputs:
        part.grad = None
    value = loss(*inputs)
    value.backward()
    return value.item()


def one_product(images: Tensor, texts: Tensor, strip: Tensor) -> None:
    """The N x N x 512 product, strip after strip into the same memory."""
    with torch.no_grad():
        for rows in images.split(STRIP):
            torch.mm(rows, texts.T, out=strip[: len(rows)])


def seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def resident_peak() -> float | None:
    """The most megabytes this process has ever held; None where the system does not tell.

    Linux hands `ru_maxrss` on to a process that is started: it would begin with the peak of the
    process that started it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) * 1024 / MEGABYTE
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (MEGABYTE if sys.platform == "darwin" else MEGABYTE / 1024)


def measure(contender: str, count: int, rounds: int) -> Result:
    """Megabytes and, with `rounds`, the time in matrix products of one contender."""
    torch.set_num_threads(1)
    loss = CONTENDERS[contender]()
    scalars = [torch.tensor(value, requires_grad=True) for value in (14.3, -10.0)]
    step(loss, features(2 * BLOCK_SIZE) + scalars)
    inputs = features(count) + scalars
    before = resident_peak()
    value = step(loss, inputs)
    found = {"value": value, "megabytes": None, "seconds": None, "products": None}
    if before is not None:
        found["megabytes"] = resident_peak() - before
    if rounds:
        strip = torch.empty(STRIP, count)
        images, texts = inputs[:2]
        one_product(images[:STRIP], texts, strip)
        times = [
            (
                seconds(lambda: one_product(images, texts, strip)),
                seconds(lambda: step(loss, inputs)),
            )
            for _ in range(rounds)
        ]
        product, whole = map(min, zip(*times, strict=True))
        found |= {"seconds": whole, "products": whole / product}
    return found


def in_own_process(contender: str, count: int, rounds: int) -> Result:
    """`measure`, from a fresh interpreter."""
    task = json.dumps([contender, count, rounds])
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.losses", "--measure", task],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise RuntimeError(f"measuring {contender} at N = {count} failed:\n{run.stderr}")
    return json.loads(run.stdout)


# ── The table ─────────────────────────────────────────────────────────────────────────────────────


class Bound(NamedTuple):
    """What a vizkit loss must reach at one batch size."""

    products: float | None
    megabytes: float | None
    peer: bool  # not slower than open_clip


BOUNDS = {
    ("vizkit info_nce", 4096): Bound(None, None, peer=True),
    ("vizkit info_nce", 16384): Bound(4.5, 150, peer=True),
    ("vizkit info_nce", 32768): Bound(None, 300, peer=False),
    ("vizkit sigmoid_loss", 4096): Bound(None, None, peer=True),
    ("vizkit sigmoid_loss", 16384): Bound(3.5, 150, peer=True),
    ("vizkit sigmoid_loss", 32768): Bound(None, 300, peer=False),
}
# N, and how many rounds are timed, in full and with --quick; none: memory only.
ROUNDS = {4096: (7, 3), 16384: (3, 1), 32768: (0, 0)}


def main(quick: bool = False) -> bool:
    """Measure, print the table; True if every row is met.

    With `quick`, fewer rounds and, above N = 4,096, no peers.
    """
    print(f"torch {torch.__version__}, one thread, block_size {BLOCK_SIZE}, D {DIM}, float32\n")
    print_row(["N", "loss", "s", "products", "MB", "required", ""])
    print_row(["-" * width for width in WIDTHS])
    every_row_is_met = True
    for count, rounds in ROUNDS.items():
        found = {}
        for contender in contenders(count, quick):
            found[contender] = in_own_process(contender, count, rounds[quick])
        for contender, ours in found.items():
            bound = BOUNDS.get((contender, count))
            required, met = compare(bound, ours, found.get(PEERS.get(contender)))
            every_row_is_met &= met
            numbers = [
                cell(ours["seconds"], 2),
                cell(ours["products"], 2),
                cell(ours["megabytes"], 0),
            ]
            verdict = ("met" if met else "NOT MET") if required else ""
            print_row([f"{count:,}", contender, *numbers, required, verdict])
    print("\nevery row is met" if every_row_is_met else "\nnot every row is met")
    return every_row_is_met


def contenders(count: int, quick: bool) -> list[str]:
    """Whose turn it is: at 32,768 the whole matrices of the peers would take tens of gigabytes."""
    if count > 16384 or (quick and count > 4096):
        return list(PEERS)
    return list(CONTENDERS)


def compare(bound: Bound | None, ours: Result, theirs: Result | None) -> tuple[str, bool]:
    """What is required, in words, and whether it is met."""
    words, met = [], True
    if bound is None:
        return "", True
    if bound.products is not None:
        words.append(f"≤ {bound.products} products")
        met &= ours["products"] <= bound.products
    if bound.megabytes is not None:
        words.append(f"≤ {bound.megabytes} MB")
        met &= ours["megabytes"] is not None and ours["megabytes"] <= bound.megabytes
    if bound.peer and theirs is not None:
        words.append("≤ open_clip")
        met &= ours["products"] <= theirs["products"]
    return ", ".join(words), met


WIDTHS = (6, 26, 6, 8, 7, 36, 7)


def print_row(cells: list[str]) -> None:
    parts = [f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)]
    print("| " + " | ".join(parts) + " |", flush=True)


def cell(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.losses", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, few peers: noisy")
    parser.add_argument("--measure", metavar="TASK", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*json.loads(options.measure))))
        sys.exit(0)
    sys.exit(not main(options.quick))
