"""Which patches answer to a sentence: three readings of the score of a dual encoder, in plain torch.

    patch_similarity    each patch token through the projection, and its cosine with the sentence
    decompose_score     the score itself as a sum over layers, heads and tokens: nothing is left over
    occlude             how much of the score is lost while a patch is covered

The first is what most demonstrations show, although nothing in the training asks for it. The second
is exact about the model's last steps, but a token that is looked at may carry what came from
elsewhere. The third asks the model itself, one covered picture at a time.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.models.attention import Attention, EncoderBlock
from vizkit.models.capture import capture_attention
from vizkit.models.dual_encoder import DualEncoder
from vizkit.models.text import split_words
from vizkit.models.vit import VisionTransformer

AttentionLayer = Attention | nn.MultiheadAttention


@dataclass
class ReadOut:
    """How a ViT with a linear way from its tokens to its score is put together.

    blocks: attention, MLP and what scales their outputs, block by block;
    projection: weight (E, D) from tokens to the joint space;
    num_prefix_tokens: class token and registers, before the patches;
    mean: whether the patches' mean is read, else the first token.
    """

    tower: nn.Module
    blocks: list[tuple[AttentionLayer, nn.Module, nn.Module | None, nn.Module | None]]
    norm: nn.LayerNorm
    projection: Tensor
    num_prefix_tokens: int
    mean: bool


def read_out(model: nn.Module) -> ReadOut:
    """How the score of `model`, a `DualEncoder` or a CLIP of open_clip, comes from its tokens.

    Raises TypeError, with the reason, where there is no such linear way.
    """
    if isinstance(model, DualEncoder):
        return vizkit_read_out(model)
    tower = getattr(model, "visual", None)
    kinds = [type(part).__name__ for part in (tower, getattr(tower, "transformer", None))]
    own = kinds == ["VisionTransformer", "Transformer"] and "open_clip" in type(tower).__module__
    if own and tower is not None:
        return open_clip_read_out(tower)
    inner = type(getattr(tower, "trunk", tower)).__name__ if tower is not None else ""
    raise TypeError(
        f"{type(model).__name__}{f' with {inner}' if inner else ''} is not taken apart here: known "
        'are the pocket encoders with a ViT and the ViTs of open_clip itself; method="occlusion" '
        "works with every encoder"
    )


def vizkit_read_out(model: DualEncoder) -> ReadOut:
    tower = model.image_tower
    if not isinstance(tower, VisionTransformer):
        raise TypeError(
            f"a {type(tower).__name__} has no patch tokens to read: "
            'method="occlusion" works with every encoder'
        )
    kind = type(tower.pooling).__name__
    if kind == "AttentionPooling" or not isinstance(tower.head, nn.Identity):
        raise TypeError(
            "the score comes through an attention pooling with an MLP of its own, which no single "
            'token goes through: method="occlusion" works with every encoder'
        )
    blocks = cast(Iterable[EncoderBlock], tower.blocks)
    return ReadOut(
        tower=tower,
        blocks=[(block.attention, block.mlp, None, None) for block in blocks],
        norm=tower.norm,
        projection=model.image_projection.weight,
        num_prefix_tokens=tower.num_prefix_tokens,
        mean=kind == "MeanPooling",
    )


class ClipBlock(Protocol):
    """A block of open_clip's own ViT, as far as it is read here."""

    attn: nn.MultiheadAttention
    mlp: nn.Module
    ls_1: nn.Module
    ls_2: nn.Module


class ClipTower(Protocol):
    """open_clip's own ViT, as far as it is read here."""

    attn_pool: nn.Module | None
    final_ln_after_pool: bool
    pool_type: str
    ln_post: nn.LayerNorm
    proj: Tensor | None


def open_clip_read_out(tower: nn.Module) -> ReadOut:
    blocks = list(cast(Iterable[ClipBlock], tower.get_submodule("transformer.resblocks")))
    plain = all(isinstance(block.attn, nn.MultiheadAttention) for block in blocks)
    clip = cast(ClipTower, tower)
    if clip.attn_pool is not None or clip.final_ln_after_pool or clip.proj is None or not plain:
        raise TypeError(
            "the score comes through an attention pooling or another read-out that no single "
            'token goes through: method="occlusion" works with every encoder'
        )
    return ReadOut(
        tower=tower,
        blocks=[(block.attn, block.mlp, block.ls_1, block.ls_2) for block in blocks],
        norm=clip.ln_post,
        projection=clip.proj.T,
        num_prefix_tokens=1,
        mean=clip.pool_type == "avg",
    )


@dataclass
class Watched:
    """What went through the tower: attention maps, tokens into attention, out of MLPs, in and out."""

    maps: list[Tensor]  # (B, H, T, T) each
    entering: list[Tensor]  # (B, T, D) each
    thought: list[Tensor]  # (B, T, D) each
    start: Tensor  # (B, T, D)
    end: Tensor  # (B, T, D), before the last norm
    embedded: Tensor  # (B, E), as the model returns it
    grid: tuple[int, int]


@torch.no_grad()
def watch(model: nn.Module, how: ReadOut, images: Tensor) -> Watched:
    """Run the model on images (B, C, H, W) and keep what its score is made of."""
    entering: list[Tensor] = []
    thought: list[Tensor] = []
    ends: list[Tensor] = []
    with ExitStack() as stack:
        for attention, mlp, _, _ in how.blocks:
            stack.enter_context(kept(attention, entering, inputs=True))
            stack.enter_context(kept(mlp, thought))
        first, last = how.blocks[0], how.blocks[-1]
        blocks = [parent_of(how.tower, part[0]) for part in (first, last)]
        stack.enter_context(kept(blocks[0], ends, inputs=True))
        stack.enter_context(kept(blocks[1], ends))
        capture = capture_attention(model, images)
    embedded = cast(Tensor, capture.output)  # of `encode_image`
    return Watched(capture.maps, entering, thought, ends[0], ends[1], embedded, capture.grid)


@contextmanager
def kept(module: nn.Module, found: list[Tensor], inputs: bool = False) -> Iterator[None]:
    """Within this context, what goes into `module`, or comes out of it, is appended to `found`."""

    def keep(module: nn.Module, args: tuple[Tensor, ...], output: Tensor | None = None) -> None:
        found.append(args[0] if output is None else output)

    handle = (
        module.register_forward_pre_hook(keep) if inputs else module.register_forward_hook(keep)
    )
    try:
        yield
    finally:
        handle.remove()


def parent_of(tower: nn.Module, part: nn.Module) -> nn.Module:
    """The module of the tower that holds `part`."""
    return next(one for one in tower.modules() if any(child is part for child in one.children()))


@torch.no_grad()
def patch_similarity(model: nn.Module, images: Tensor, texts: Tensor) -> Tensor:
    """Cosines (B, K, rows, columns) of every patch token, projected as the read-out is, with texts.

    images: (B, C, H, W) as the model takes them; texts: unit vectors (K, E).
    Raises TypeError, with the reason, where patches have no way through the projection.
    """
    how = read_out(model)
    seen = watch(model, how, images)
    tokens = how.norm(seen.end[:, how.num_prefix_tokens :])  # (B, N, D)
    projected = F.normalize(tokens.float() @ how.projection.float().T, dim=-1)  # (B, N, E)
    cosines = torch.einsum("bne,ke->bkn", projected, texts.to(projected))  # (B, K, N)
    return cosines.unflatten(-1, seen.grid)  # (B, K, rows, columns)


@dataclass
class ScoreParts:
    """The cosine of pictures and texts as a sum; B pictures, K texts, L layers, H heads, T tokens.

    heads: (B, K, L, H, T), what each head adds by looking at each token (prefix tokens first);
    mlps: (B, K, L), what the MLPs add; start: (B, K), what was there before the first block;
    constants: (B, K), the biases; scores: (B, K), the cosines as the model itself computes them.
    """

    heads: Tensor
    mlps: Tensor
    start: Tensor
    constants: Tensor
    scores: Tensor
    num_prefix_tokens: int
    grid: tuple[int, int]

    @property
    def total(self) -> Tensor:
        """(B, K): the sum of all parts, equal to `scores` up to rounding."""
        return self.heads.sum((2, 3, 4)) + self.mlps.sum(-1) + self.start + self.constants

    @property
    def patches(self) -> Tensor:
        """(B, K, rows, columns): what all heads of all layers add by looking at each patch."""
        return self.by_head.sum((2, 3))

    @property
    def by_head(self) -> Tensor:
        """(B, K, L, H, rows, columns): what each head adds by looking at each patch."""
        return self.heads[..., self.num_prefix_tokens :].unflatten(-1, self.grid)


@torch.no_grad()
def decompose_score(model: nn.Module, images: Tensor, texts: Tensor) -> ScoreParts:
    """The score of pictures with texts as an exact sum over layers, heads and tokens.

    What reaches the read-out is a sum: the tokens at the start, what each MLP added, and what each
    head added by looking at each token. The last LayerNorm is linear once its own standard
    deviation is known, and so is the projection; so the score is the sum of the parts' scores.

    images: (B, C, H, W) as the model takes them; texts: unit vectors (K, E).
    Raises TypeError, with the reason, where there is no such linear way. Source: Gandelsman, Efros
    and Steinhardt 2024 (Interpreting CLIP's Image Representation via Text-Based Decomposition),
    equations 4 to 6.
    """
    how = read_out(model)
    seen = watch(model, how, images)
    texts = exact(texts)  # (K, E)
    prefix, norm = how.num_prefix_tokens, how.norm
    length = read_vector(how, seen).norm(dim=-1)  # (B,)
    wanted = texts @ exact(how.projection) * exact(norm.weight)  # (K, D)
    wanted = wanted - wanted.mean(-1, keepdim=True)  # the norm takes the mean away
    shares = read_shares(how, seen.end)  # (B, T)
    spread = exact(seen.end).var(-1, unbiased=False).add(norm.eps).sqrt()  # (B, T)
    weights = shares / spread / length[:, None]  # (B, T)
    heads, mlps = [], []
    constant: Tensor | float = 0.0
    for number, (attention, _, scale_1, scale_2) in enumerate(how.blocks):
        added, bias = head_scores(attention, scaled(wanted, scale_1), seen, number, weights)
        heads.append(added)  # (B, K, H, T)
        constant = constant + bias  # (B, K)
        thought = exact(seen.thought[number])  # (B, T, D)
        mlps.append(torch.einsum("bt,btd,kd->bk", weights, thought, scaled(wanted, scale_2)))
    start = torch.einsum("bt,btd,kd->bk", weights, exact(seen.start), wanted)  # (B, K)
    shift = texts @ (exact(how.projection) @ exact(norm.bias))  # (K,)
    scores = F.normalize(exact(seen.embedded), dim=-1) @ texts.T  # (B, K)
    return ScoreParts(
        heads=torch.stack(heads, 2).float(),
        mlps=torch.stack(mlps, 2).float(),
        start=start.float(),
        constants=(constant + shift / length[:, None]).float(),
        scores=scores.float(),
        num_prefix_tokens=prefix,
        grid=seen.grid,
    )


def exact(tensor: Tensor) -> Tensor:
    """In float64, on the CPU: other devices may not have it."""
    return tensor.detach().cpu().double()


def read_shares(how: ReadOut, tokens: Tensor) -> Tensor:
    """How much of each token is read, (B, T): all of the first, or the same of every patch."""
    shares = torch.zeros(tokens.shape[:2], dtype=torch.float64)
    if how.mean:
        shares[:, how.num_prefix_tokens :] = 1 / (tokens.shape[1] - how.num_prefix_tokens)
    else:
        shares[:, 0] = 1
    return shares


def read_vector(how: ReadOut, seen: Watched) -> Tensor:
    """The projected read-out before it is brought to length 1, float64 (B, E)."""
    norm = how.norm
    tokens = F.layer_norm(
        exact(seen.end),
        norm.normalized_shape,
        exact(norm.weight),
        exact(norm.bias),
        norm.eps,
    )  # (B, T, D)
    read = torch.einsum("bt,btd->bd", read_shares(how, seen.end), tokens)  # (B, D)
    return read @ exact(how.projection).T


def scaled(wanted: Tensor, scale: nn.Module | None) -> Tensor:
    """The wanted direction (K, D) before a LayerScale, where there is one."""
    gamma = getattr(scale, "gamma", None)
    return wanted if gamma is None else wanted * exact(gamma)


def head_scores(
    attention: AttentionLayer, wanted: Tensor, seen: Watched, number: int, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """What each head adds by looking at each token, (B, K, H, T), and what the bias adds, (B, K)."""
    joint: Tensor
    outward: nn.Linear
    if isinstance(attention, nn.MultiheadAttention):
        joint, bias = attention.in_proj_weight, attention.in_proj_bias
        outward = attention.out_proj
    else:
        joint, bias = attention.query_key_value.weight, attention.query_key_value.bias
        outward = attention.projection
    value_weight = exact(joint.chunk(3)[2])  # (D, D)
    values = exact(seen.entering[number]) @ value_weight.T  # (B, T, D)
    if bias is not None:
        values = values + exact(bias.chunk(3)[2])
    values = values.unflatten(-1, (attention.num_heads, -1))  # (B, T, H, d)
    inward = (wanted @ exact(outward.weight)).unflatten(-1, (attention.num_heads, -1))
    answers = torch.einsum("bthd,khd->bkht", values, inward)  # (B, K, H, T)
    looked = torch.einsum("bq,bhqt->bht", weights, exact(seen.maps[number]))  # (B, H, T)
    added = looked[:, None] * answers  # (B, K, H, T)
    constant = 0 if outward.bias is None else wanted @ exact(outward.bias)  # (K,)
    return added, weights.sum(-1, keepdim=True) * constant


@torch.no_grad()
def occlude(
    encode: Callable[[Tensor], Tensor],
    images: Tensor,
    texts: Tensor,
    grid: tuple[int, int],
    window: int = 1,
    batch_size: int = 64,
) -> Tensor:
    """What is lost of each cosine while a part of the picture is covered, (B, K, rows, columns).

    encode: images (B, C, H, W) to vectors (B, E) of any length; texts: unit vectors (K, E);
    grid: (rows, columns) of the parts; window: an odd number of parts that are covered each way,
    around the one that the loss is noted for. Covered with the mean colour of the picture.

    Raises ValueError if the grid or the window does not fit. Source: Zeiler and Fergus 2014
    (Visualizing and Understanding Convolutional Networks), section 4.2.
    """
    rows, columns = grid
    height, width = images.shape[2:]
    if not (1 <= rows <= height and 1 <= columns <= width):
        raise ValueError(f"expected a grid from 1 x 1 to {height} x {width}, received {grid}")
    if window < 1 or window % 2 == 0:
        raise ValueError(f"expected an odd window from 1 on, received {window}")
    texts = texts.to(images.device).float()
    reach, losses = window // 2, []
    for image in images:
        mean = image.mean((1, 2), keepdim=True)  # (C, 1, 1)
        covered = image.expand(rows * columns + 1, -1, -1, -1).clone()
        for row in range(rows):
            top = max(row - reach, 0) * height // rows
            bottom = min(row + reach + 1, rows) * height // rows
            for column in range(columns):
                left = max(column - reach, 0) * width // columns
                right = min(column + reach + 1, columns) * width // columns
                covered[row * columns + column, :, top:bottom, left:right] = mean
        vectors = torch.cat([encode(part) for part in covered.split(batch_size)]).float()
        cosines = (
            F.normalize(vectors, dim=-1) @ texts.T
        )  # (N + 1, K); the last one: nothing covered
        losses.append((cosines[-1:] - cosines[:-1]).T.unflatten(1, grid))  # (K, rows, columns)
    return torch.stack(losses)


METHODS = ("patches", "decomposition", "occlusion")
OCCLUSION_GRID = (8, 8)  # for towers without patches


@dataclass
class TextMaps:
    """Maps of B pictures for K texts, each in M variants, and what they were made from.

    maps: (B, K, M, rows, columns); names: of the variants, "all heads", "layer 1 head 1", ... for
    the decomposition, else the method alone; scores: cosines (B, K); pixels: (B, C, H, W), what the
    model saw.
    """

    maps: Tensor
    names: list[str]
    scores: Tensor
    pixels: Tensor


class PairEncoder(Protocol):
    """An encoder of pictures and texts, as `vizkit.zoo.load` returns it."""

    name: str
    model: nn.Module
    device: torch.device

    def preprocess(self, images: object) -> Tensor:
        """Pictures of any kind to pixels (B, C, H, W) for the model."""
        ...

    def features(self, pixels: Tensor) -> Tensor:
        """Pixels (B, C, H, W) to vectors (B, E)."""
        ...

    def encode_text(self, texts: list[str]) -> Tensor:
        """Texts to unit vectors (K, E)."""
        ...


@torch.no_grad()
def text_maps(
    encoder: PairEncoder,
    images: object,
    texts: list[str],
    method: str,
    *,
    window: int = 1,
    grid: tuple[int, int] | None = None,
) -> TextMaps:
    """Which patches of pictures answer to texts, by one of `METHODS`, for an encoder of the zoo.

    encoder: its `model`, `preprocess`, `features` and `encode_text` are used; window, grid: for the
    occlusion, as `occlude`; the grid is the patches', or 8 x 8 for towers without.

    Raises ValueError on an unknown method and on a text without a known word, TypeError for what is no encoder of pictures and texts,
    and, with the reason, for one whose structure does not allow the method.
    """
    if method not in METHODS:
        raise ValueError(f"expected a method among {', '.join(METHODS)}, received {method!r}")
    missing = [
        one
        for one in ("model", "preprocess", "features", "encode_text")
        if not hasattr(encoder, one)
    ]
    if missing:
        raise TypeError(
            f"expected an encoder of vizkit.zoo, for pictures and texts, received "
            f"{type(encoder).__name__} without {', '.join(missing)}"
        )
    if method != "occlusion":
        read_out(encoder.model)  # says why not, before anything is computed
    check_words(encoder, texts)
    vectors = encoder.encode_text(texts)  # (K, E)
    pixels = encoder.preprocess(images).to(encoder.device)  # (B, C, H, W)
    vectors = vectors.to(pixels)
    names = [method]
    if method == "patches":
        maps = patch_similarity(encoder.model, pixels, vectors)[:, :, None]
    elif method == "occlusion":
        grid = grid or tower_grid(encoder.model)
        maps = occlude(encoder.features, pixels, vectors, grid, window)[:, :, None]
    else:
        parts = decompose_score(encoder.model, pixels, vectors)
        by_head = parts.by_head.flatten(2, 3)  # (B, K, L*H, rows, columns)
        maps = torch.cat([parts.patches[:, :, None], by_head], 2)
        layers, heads = parts.heads.shape[2:4]
        names = ["all heads"]
        names += [
            f"layer {one + 1} head {head + 1}" for one in range(layers) for head in range(heads)
        ]
    scores = F.normalize(encoder.features(pixels).float(), dim=-1) @ vectors.float().T  # (B, K)
    return TextMaps(maps.float().cpu(), names, scores.cpu(), pixels.float().cpu())


def check_words(encoder: PairEncoder, texts: list[str]) -> None:
    """Raise ValueError for a text of which the encoder's own vocabulary knows no word."""
    vocabulary = getattr(getattr(encoder, "tokenizer", None), "vocabulary", None)
    if vocabulary is None:
        return
    for text in texts:
        if set(vocabulary).isdisjoint(split_words(text)):
            raise ValueError(
                f"expected texts with words that {encoder.name} knows, received {text!r}: its "
                "vector would mean nothing"
            )


def tower_grid(model: nn.Module) -> tuple[int, int]:
    """(rows, columns) of the image tower's patches, or 8 x 8 where it has none."""
    for tower in (getattr(model, name, None) for name in ("image_tower", "visual")):
        for name in ("grid", "grid_size"):
            found = getattr(tower, name, None)
            if isinstance(found, tuple):
                return found
    return OCCLUSION_GRID
