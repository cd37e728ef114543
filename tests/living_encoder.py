"""The encoder of LivingEncoder against torch: what torch says of pictures, and what the browser's code says of them.

torch is asked with hooks on the real modules, which switch off what the browser switches off in code of its own.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.models import VisionTransformer
from vizkit.widgets.living_encoder.encoder import Parts, pack_encoder, parts_of

SOURCES = Path(__file__).parents[1] / "js"
# In the page or in Node: answers to every job, as base64 of float32, pictures one after the other.
RUN = """
const bytesOf = (text) => {
  const signs = atob(text);
  const bytes = new Uint8Array(signs.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = signs.charCodeAt(i);
  return bytes;
};
const floatsOf = (text) => new Float32Array(bytesOf(text).buffer);
const textOf = (parts) => {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  const bytes = new Uint8Array(whole.buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8190) text += btoa(String.fromCharCode(...bytes.subarray(at, at + 8190)));
  return text;
};
const received = (encoder) => {
  for (const part of ["numbers", "exact"]) encoder.weights[part].buffer = bytesOf(encoder.weights[part].buffer).buffer;
  return encoder;
};
const ablationOf = ({ heads, layers, ...rest }) => ({ ...rest, heads: new Set(heads), layers: new Set(layers) });
async function run({ encoder, pixels, ablations, captions, simd }) {
  const began = performance.now();
  const engine = makeEngine(received(encoder), simd);
  const times = [];
  const all = Float32Array.from(bytesOf(pixels), (value) => value / 255);
  const size = 3 * engine.facts.imageSize ** 2;
  const pictures = Array.from({ length: all.length / size }, (_, n) => all.subarray(n * size, (n + 1) * size));
  const answers = [];
  for (const ablation of ablations) {
    const found = [];
    for (const picture of pictures) {
      const start = times.length ? performance.now() : began; // the first picture waits for the weights, too
      found.push(engine.image(picture, ablationOf(ablation)));
      times.push(performance.now() - start);
      await new Promise((next) => setTimeout(next)); // whoever drives a browser wants to be heard
    }
    const names = ["feature", "attention", "lens", "norms"];
    answers.push(Object.fromEntries(names.map((name) => [name, textOf(found.map((one) => one[name]))])));
  }
  const readings = captions.length ? engine.text(captions) : engine.facts.labels.length ? engine.labels(0) : null;
  const feature = floatsOf(answers[0].feature);
  return {
    facts: engine.facts,
    times,
    answers,
    vectors: readings ? textOf([readings.vectors]) : "",
    words: readings ? readings.words : [],
    probabilities: readings
      ? textOf([engine.probabilities(engine.scores(feature, readings), readings.names.length)])
      : "",
  };
}
"""


def job(
    packed: dict[str, Any],
    images: Tensor,
    ablations: list[dict[str, Any]],
    captions: list[str],
    simd: bool = True,
) -> dict[str, Any]:
    """What `RUN` takes, as JSON has it. images: (B, 3, S, S), multiples of 1/255 from 0 to 1."""
    weights = {
        name: {**part, "buffer": base64.b64encode(part["buffer"]).decode()}
        if name in ("numbers", "exact")
        else part
        for name, part in packed["weights"].items()
    }
    pixels = base64.b64encode((images * 255).round().byte().numpy().tobytes()).decode()
    return {
        "encoder": {"facts": packed["facts"], "weights": weights},
        "pixels": pixels,
        "ablations": ablations,
        "captions": captions,
        "simd": simd,
    }


def bundle(node: str, folder: Path) -> str:
    """The encoder's code as a module, built with the tests."""
    command = [node, "build.mjs", "--tests", folder]
    subprocess.run([str(part) for part in command], cwd=SOURCES, check=True, capture_output=True)
    return (folder / "engine.mjs").read_text("utf-8")


def run_in_node(node: str, engine: str, folder: Path, work: dict[str, Any]) -> dict[str, Any]:
    """What the browser's code answers, run by Node."""
    engine = engine[: engine.rindex("//# sourceMappingURL")]
    read = 'import { readFileSync } from "node:fs";\n'
    ask = "process.stdout.write(JSON.stringify(await run(JSON.parse(readFileSync(0)))));"
    script = folder / "run.mjs"
    script.write_text(f"{read}{engine}\n{RUN}\n{ask}", "utf-8")
    done = subprocess.run(
        [node, str(script)], input=json.dumps(work), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def floats(text: str, *shape: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(shape)


# ------------------------------------------------------------------------------------------ torch


@contextmanager
def switched_off(tower: nn.Module, ablation: dict[str, Any]) -> Iterator[None]:
    """The tower with parts of it off, by hooks; see `Ablation` in js/living-encoder/engine.ts."""
    with ExitStack() as stack:

        def hook(handle: Any) -> None:
            stack.callback(handle.remove)

        for layer in ablation.get("layers", ()):
            hook(tower.blocks[layer].register_forward_hook(lambda module, args, out: args[0]))
        for key in ablation.get("heads", ()):
            layer, head = map(int, key.split(","))
            hook(
                tower.blocks[layer].attention.projection.register_forward_pre_hook(
                    silence(tower, head)
                )
            )
        positions, stem = ablation.get("positions", "kept"), ablation.get("stem", "whole")
        entrance = getattr(tower, "patch_embed", None)
        if stem == "alone":
            hook(entrance.register_forward_hook(alone))
        if stem == "off":
            hook(entrance.register_forward_hook(lambda module, args, out: torch.zeros_like(out)))
        if not isinstance(positions, str):
            hook(entrance.register_forward_hook(lambda module, args, out: out[:, positions]))
        if positions == "none":
            stack.enter_context(without_places(tower))
        yield


def silence(tower: nn.Module, head: int) -> Any:
    """A hook that empties one head's part of what the projection receives."""

    def emptied(module: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
        heads = tower.blocks[0].attention.num_heads
        width = args[0].shape[-1] // heads
        mixed = args[0].clone()
        mixed[..., head * width : (head + 1) * width] = 0
        return (mixed,)

    return emptied


def alone(stem: nn.Module, args: tuple[Tensor], out: Tensor) -> Tensor:
    """A hook that sends every patch through the stem as a picture of its own."""
    (images,) = args
    size = stem.patch_size
    cells = images.unfold(2, size, size).unfold(3, size, size)  # (B, C, R, S, P, P)
    patches = cells.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)  # (B*N, C, P, P)
    return type(stem).forward(stem, patches).reshape(out.shape)  # (B, N, D)


@contextmanager
def without_places(tower: nn.Module) -> Iterator[None]:
    """Every patch is told the mean of all places, and nothing is turned."""
    position = tower.position
    prefix = tower.num_prefix_tokens

    def told(tokens: Tensor) -> Tensor:
        if not hasattr(position, "table"):
            return tokens
        table = position.table[0].clone()
        table[prefix:] = table[prefix:].mean(dim=0)
        return tokens + table

    position.forward, position.rotations = told, lambda: [None] * position.depth
    try:
        yield
    finally:
        del position.forward, position.rotations


@torch.no_grad()
def asked_of_torch(parts: Parts, images: Tensor, ablation: dict[str, Any]) -> dict[str, np.ndarray]:
    """feature, attention, lens and norms of pixels (B, 3, S, S) as the tower receives them."""
    tower = parts.tower
    project = getattr(parts.model, "image_projection", None)

    def unit(tokens: Tensor) -> Tensor:
        return tokens if project is None else F.normalize(project(tokens), dim=-1)

    if not isinstance(tower, VisionTransformer):
        _, named = tower(images, return_intermediates=True)
        cells = list(named.values())[-2].flatten(2).transpose(1, 2)  # (B, T, D)
        return answer(unit(named["pooled"]), torch.zeros(0), unit(cells)[:, None], cells[:, None])
    streams, maps = [], []

    def mapped(module: nn.Module, args: tuple, kwargs: dict, out: Tensor) -> None:
        rotation = kwargs["rotation"]
        maps.append(type(module).forward(module, *args, return_map=True, rotation=rotation)[1])

    with switched_off(tower, ablation), ExitStack() as stack:
        for block in tower.blocks:
            for handle in (
                block.register_forward_pre_hook(lambda module, args: streams.append(args[0])),
                block.attention.register_forward_hook(mapped, with_kwargs=True),
            ):
                stack.callback(handle.remove)
        last = tower.norm.register_forward_pre_hook(lambda module, args: streams.append(args[0]))
        stack.callback(last.remove)
        _, named = tower(images, return_intermediates=True)
        streams = streams[: len(tower.blocks) + 1]
        last.remove()
        read = torch.stack([each_alone(tower, stream) for stream in streams], 1)  # (B, L+1, T, D)
    attention = torch.stack(maps, 1)
    for layer in ablation.get("layers", ()):
        attention[:, layer] = 0
    return answer(unit(named["pooled"]), attention, unit(read), torch.stack(streams, 1))


def answer(feature: Tensor, attention: Tensor, lens: Tensor, streams: Tensor) -> dict[str, Any]:
    parts = {
        "feature": feature,
        "attention": attention,
        "lens": lens,
        "norms": streams.norm(dim=-1),
    }
    return {name: value.numpy() for name, value in parts.items()}


def each_alone(tower: VisionTransformer, tokens: Tensor) -> Tensor:
    """What the pooling makes of each token (B, T, D) by itself."""
    encoded = tower.norm(tokens)
    if type(tower.pooling).__name__ != "AttentionPooling":
        return encoded
    return torch.stack([tower.pooling(encoded[:, t : t + 1]) for t in range(encoded.shape[1])], 1)


# ------------------------------------------------------------------------------------- in a browser

# Asks the encoder in the page and compares with what torch said: the smallest cosine, the largest difference.
COMPARE = """
async function compared(work, wanted) {
  const found = await run(work);
  const largest = (a, b) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
  const cosines = (a, b, width) => {
    let least = 1;
    for (let at = 0; at < b.length; at += width) {
      let [product, one, other] = [0, 0, 0];
      for (let i = at; i < at + width; i++) {
        product += a[i] * b[i];
        one += a[i] ** 2;
        other += b[i] ** 2;
      }
      least = Math.min(least, product / Math.sqrt(one * other));
    }
    return least;
  };
  const [{ feature, attention }] = found.answers;
  const { dim, kernel } = found.facts;
  const features = floatsOf(feature);
  return {
    kernel,
    feature: cosines(features, floatsOf(wanted.feature).subarray(0, features.length), dim),
    text: cosines(floatsOf(found.vectors), floatsOf(wanted.text), dim),
    attention: largest(floatsOf(wanted.attention), floatsOf(attention)),
    pictures: features.length / dim,
    times: found.times,
  };
}
"""


MAPS = 20  # pictures whose attention is compared, 200 kB each


def comparing_page(engine: str, encoder: Any, images: Tensor, captions: list[str]) -> str:
    """A page that leaves in `window.found` how an encoder with captions compares with torch.

    All pictures with WebAssembly; the first 20 without it.
    """
    parts = parts_of(encoder, None, None)
    packed = pack_encoder(parts)
    wanted = asked_of_torch(parts, images * 2 - 1, {})
    wanted = {"feature": wanted["feature"], "attention": wanted["attention"][:MAPS]}
    wanted["text"] = encoder.encode_text(captions).numpy()
    told = {
        name: base64.b64encode(value.astype("<f4").tobytes()).decode()
        for name, value in wanted.items()
    }
    engine = engine[: engine.rindex("//# sourceMappingURL")]
    work = json.dumps(job(packed, images, [{}], captions))
    return f"""<!DOCTYPE html><meta charset="utf-8"><title>compared</title>
<script type="module">{engine}
{{ // names of its own
{RUN}{COMPARE}
const work = {work};
const wanted = {json.dumps(told)};
const {{ imageSize }} = work.encoder.facts;
const few = work.pixels.slice(0, {MAPS} * imageSize ** 2 * 4);
const plain = structuredClone({{ ...work, pixels: few, simd: false }});
const simd = await compared(work, wanted);
window.found = {{ simd, plain: await compared(plain, wanted) }};
}}
</script>"""
