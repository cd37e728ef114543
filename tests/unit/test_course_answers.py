"""A right answer that is written in another way is right: one for every exercise of the course.

The solutions are numpy; most answers here are what a learner who knows torch might write instead.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vizkit.course.exercises import all_exercises

COURSE = {exercise.name: exercise for group in all_exercises().values() for exercise in group}
ANSWERS: dict[str, object] = {
    # Values, as other types or formulas.
    "Count the negative pairs": float(24 * 23),
    "Count the parameters of a patch embedding": sum(
        parameter.numel() for parameter in torch.nn.Conv2d(3, 1024, 16, 16).parameters()
    ),
    "Count the tokens of a larger picture": torch.tensor((384 / 16) ** 2 + 1),
    "The loss of CLIP's batch at chance": lambda n: math.log2(n) * math.log(2),
    "The size of one matrix": 32_768**2 * 4 / 2**30,
    "The factor of a gather": np.float32(0.125),
    "The weights of SO400M's patch embedding": sum(
        parameter.numel() for parameter in torch.nn.Conv2d(3, 1152, 14, 14).parameters()
    ),
    "The GPU-days of the largest CLIP ResNet": 592 * 18.0,
    "The picture in LLaVA-1.5's prompt": F.unfold(torch.zeros(1, 1, 336, 336), 14, stride=14).shape[
        -1
    ],
}


def answer(name: str) -> Callable:
    def add(function: Callable) -> Callable:
        ANSWERS[name] = function
        return function

    return add


@answer("Cosine similarity")
def cosine_of_every_pair(images: Tensor, texts: Tensor) -> Tensor:
    return F.cosine_similarity(images[:, None], texts[None], dim=-1)


@answer("Measure the equivariance error")
def equivariance_error(before: Tensor, after: Tensor, shift: int) -> float:
    width = before.shape[2]
    return max(
        (after[..., x] - before[..., x - shift]).abs().max().item() for x in range(shift, width)
    )


@answer("The receptive field of a stack")
def receptive_field_from_the_last_layer(kernels: list[int], strides: list[int]) -> int:
    field = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        field = (field - 1) * stride + kernel
    return field


@answer("Cut an image into patches")
def patches_by_loops(images: Tensor, patch_size: int) -> Tensor:
    _, _, height, width = images.shape
    patches = [
        images[:, :, y : y + patch_size, x : x + patch_size].permute(0, 2, 3, 1).flatten(1)
        for y in range(0, height, patch_size)
        for x in range(0, width, patch_size)
    ]
    return torch.stack(patches, dim=1)


@answer("The price of finer patches")
def price_of_patches(image_size: int, patch_size: int) -> int:
    tokens = 1 + (image_size // patch_size) * (image_size // patch_size)
    return 128 * tokens * tokens


@answer("Scaled dot-product attention")
def attention_by_einsum(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = torch.einsum("hqd,hkd->hqk", query, key) / query.shape[-1] ** 0.5  # (H, T, T)
    return torch.einsum("hqk,hkd->hqd", (scores - scores.logsumexp(-1, True)).exp(), value)


@answer("Split into heads")
def heads_by_chunks(tokens: Tensor, heads: int) -> Tensor:
    return torch.stack(tokens.chunk(heads, dim=-1), dim=1)


@answer("Attention rollout")
def rollout_from_the_top(maps: np.ndarray) -> np.ndarray:
    steps = (maps.mean(1) + np.eye(maps.shape[-1])) / 2
    return np.linalg.multi_dot(list(steps[::-1]))


@answer("Attention distance in pixels")
def distance_by_loops(attention: np.ndarray, columns: int, patch_size: int) -> float:
    total = 0.0
    for i, row in enumerate(attention):
        for j, weight in enumerate(row):
            total += weight * math.dist(divmod(i, columns), divmod(j, columns)) * patch_size
    return total / len(attention)


@answer("Sines and cosines for a grid")
def table_by_loops(rows: int, columns: int, dim: int) -> list[list[float]]:
    table = []
    for place in range(rows * columns):
        row, column = divmod(place, columns)
        angles = [at / 10_000 ** (4 * k / dim) for at in (row, column) for k in range(dim // 4)]
        table.append([math.sin(a) for a in angles] + [math.cos(a) for a in angles])
    return table


@answer("Turn the pairs")
def turn_complex_numbers(vectors: Tensor, places: Tensor, frequencies: Tensor) -> Tensor:
    numbers = torch.view_as_complex(vectors.reshape(len(vectors), -1, 2).contiguous())
    angles = torch.outer(places, frequencies)
    return torch.view_as_real(numbers * torch.polar(torch.ones_like(angles), angles)).flatten(1)


@answer("Resize a learned table")
def resize_by_torch(table: Tensor, old: tuple, new: tuple) -> Tensor:
    maps = table[1:].T.reshape(1, -1, *old)
    maps = F.interpolate(maps, size=tuple(new), mode="bicubic", antialias=True)
    return torch.cat([table[:1], maps[0].flatten(1).T])


@answer("Cut a grid into windows")
def windows_by_loops(tokens: Tensor, side: int) -> Tensor:
    return torch.stack(
        [
            picture[y : y + side, x : x + side].reshape(side * side, -1)
            for picture in tokens
            for y in range(0, tokens.shape[1], side)
            for x in range(0, tokens.shape[2], side)
        ]
    )


@answer("The mask of shifted windows")
def mask_by_where_a_token_came_from(rows: int, columns: int, side: int, shift: int) -> list:
    masks = []
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            places = [(top + i, left + j) for i in range(side) for j in range(side)]
            regions = [(y + shift >= rows, x + shift >= columns) for y, x in places]
            masks.append([[one == other for other in regions] for one in regions])
    return masks


@answer("The cost of attention in windows")
def cost_of_windows(patches: int, side: int, width: int) -> float:
    windows, tokens = patches / side**2, side**2
    return windows * (4 * tokens * width**2 + 2 * tokens**2 * width)


@answer("InfoNCE from scratch")
def info_nce_by_cross_entropy(images: Tensor, texts: Tensor, temperature: float) -> Tensor:
    logits = F.normalize(images) @ F.normalize(texts).T / temperature
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


@answer("Measure the modality gap")
def gap_of_the_means(images: Tensor, texts: Tensor) -> Tensor:
    return (F.normalize(images) - F.normalize(texts)).mean(0).pow(2).sum().sqrt()


@answer("Centre on what was seen")
def centred_by_hand(features: Tensor, seen: Tensor) -> Tensor:
    moved = features - torch.stack([features[place] for place in seen]).mean(dim=0)
    return moved / moved.norm(dim=1, keepdim=True)


@answer("The rank of the right name")
def rank_by_sorting(cosines: Tensor) -> list[int]:
    ordered = cosines.sort(dim=1).values
    return [
        len(row) - int(torch.searchsorted(row, own))
        for row, own in zip(ordered, cosines.diagonal(), strict=True)
    ]


@answer("Names without a seen word")
def names_without(seen: Tensor, unseen: Tensor) -> list[bool]:
    known = seen.sum(dim=0) > 0
    return [not bool((row * known).any()) for row in unseen]


@answer("The mask of packed pictures")
def mask_from_squares(lengths: Tensor) -> Tensor:
    return torch.block_diag(*[torch.ones(n, n) for n in lengths.tolist()]) == 1


@answer("What a canvas keeps")
def kept_by_the_shorter_way(height: int, width: int, canvases: Tensor) -> list[float]:
    found = []
    for tall, wide in canvases.tolist():
        scale = min(1.0, tall / height, wide / width)
        found.append(scale * height * scale * width)
    return found


@answer("Partners to merge")
def partners_one_by_one(keys: Tensor) -> list[int]:
    odd = list(range(1, len(keys), 2))
    likeness = [F.cosine_similarity(key[None], keys[odd], dim=1) for key in keys[::2]]
    return [odd[int(like.argmax())] for like in likeness]


@answer("What a picture costs")
def cost_in_pixels(height: int, width: int) -> float:
    tall, wide = (28 * round(side / 28) for side in (height, width))
    if tall * wide > 1280 * 28**2:
        shrink = math.sqrt(1280 * 28**2 / (height * width))
        tall, wide = (28 * int(side * shrink / 28) for side in (height, width))
    return tall * wide / 28**2


@answer("Softmax with a temperature")
def softmax_of_torch(cosines: Tensor, temperature: float) -> Tensor:
    return F.log_softmax(cosines * (1 / temperature), dim=-1).exp()


@answer("Who gets the gradient?")
def shares_renormalised(cosines: Tensor, temperature: float) -> Tensor:
    powers = (cosines / temperature).exp()
    powers = powers.fill_diagonal_(0)
    return powers / powers.sum(-1, keepdim=True)


@answer("One update of the temperature")
def update_of_the_scale(temperature: float, gradient: float, learning_rate: float) -> float:
    return max(temperature * math.exp(learning_rate * gradient), 0.01)


@answer("Sigmoid loss")
def sigmoid_loss_by_binary_cross_entropy(
    images: Tensor, texts: Tensor, scale: float, bias: float
) -> Tensor:
    logits = images @ texts.T * scale + bias
    same = torch.eye(len(logits))
    return F.binary_cross_entropy_with_logits(logits, same, reduction="none").sum(1).mean()


@answer("Gradient of the sigmoid loss")
def gradient_by_signs(logits: Tensor) -> Tensor:
    signs = 2 * torch.eye(len(logits)) - 1
    return -signs / (1 + (signs * logits).exp()) / len(logits)


@answer("The bias that fits the batch")
def bias_as_a_logit(batch_size: int) -> float:
    share = 1 / batch_size
    return math.log(share / (1 - share))


@answer("Log-sum-exp, one block at a time")
def logsumexp_two_by_two(blocks: list[np.ndarray]) -> np.ndarray:
    result = np.full(len(blocks[0]), -np.inf)
    for block in blocks:
        for column in block.T:
            result = np.logaddexp(result, column)
    return result


@answer("A zero-shot classifier from features")
def classify_by_torch(images: Tensor, prompts: Tensor, scale: float) -> Tensor:
    classes = F.normalize(F.normalize(prompts, dim=-1).sum(1), dim=-1)
    return (scale * torch.einsum("nd,kd->nk", F.normalize(images), classes)).softmax(-1)


@answer("Recall@k both ways")
def recall_by_topk(similarity: Tensor, k: int) -> Tensor:
    own = torch.arange(len(similarity))[:, None]
    both = [(scores.topk(k, dim=1).indices == own).any(1) for scores in (similarity, similarity.T)]
    return torch.stack(both).float().mean(1)


@answer("PCA to two dimensions")
def pca_by_the_covariance(rows: Tensor) -> Tensor:
    directions = torch.linalg.eigh(torch.cov(rows.T)).eigenvectors[:, -2:].flip(1)
    points = (rows - rows.mean(0)) @ directions
    largest = points.gather(0, points.abs().argmax(0, keepdim=True))
    return points * largest.sign()


@answer("Close the modality gap")
def both_clouds_to_the_mean_in_between(images: Tensor, texts: Tensor) -> list[Tensor]:
    clouds = [F.normalize(images), F.normalize(texts)]
    between = torch.stack([cloud.mean(0) for cloud in clouds]).mean(0)
    return [F.normalize(cloud - cloud.mean(0) + between) for cloud in clouds]


@answer("Resize and crop as CLIP does")
def resize_by_pooling(image: Tensor, size: int) -> Tensor:
    factor = min(image.shape[:2]) // size
    small = F.avg_pool2d(image.permute(2, 0, 1), factor)  # (3, high, wide)
    top, left = ((side - size) // 2 for side in small.shape[1:])
    return small.narrow(1, top, size).narrow(2, left, size).permute(1, 2, 0)


@answer("Nearest neighbours by cosine")
def neighbours_by_topk(rows: Tensor, k: int) -> Tensor:
    cosines = F.normalize(rows) @ F.normalize(rows).T
    return cosines.fill_diagonal_(-math.inf).topk(k).indices


@answer("Pixel shuffle")
def shuffle_by_slices(tokens: Tensor, factor: int) -> Tensor:
    side = math.isqrt(tokens.shape[1])
    grid = tokens.reshape(len(tokens), side, side, -1)
    parts = [grid[:, i::factor, j::factor] for i in range(factor) for j in range(factor)]
    return torch.cat(parts, dim=-1).flatten(1, 2)


@answer("The mask of a picture before words")
def mask_by_comparing_places(length: int, num_free: int) -> Tensor:
    place = torch.arange(length)
    return (place[None] <= place[:, None]) | ((place < num_free) & (place < num_free)[:, None])


@answer("The loss of the next word")
def next_word_by_cross_entropy(logits: Tensor, tokens: Tensor, counted: Tensor) -> Tensor:
    labels = tokens.masked_fill(~counted, -100)[:, 1:]
    return F.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), labels.reshape(-1))


@answer("From vectors to probabilities, for CLIP and for SigLIP")
def probabilities_by_torch(
    images: Tensor, texts: Tensor, scale: float, bias: float | None
) -> Tensor:
    logits = scale * images @ texts.T
    return logits.softmax(1) if bias is None else (logits + bias).sigmoid()


@answer("Hide a share of the patches")
def masked_by_scatter(noise: Tensor, share: float) -> Tensor:
    hidden = noise.topk(round(share * noise.shape[1]), dim=1, largest=False).indices
    return torch.zeros_like(noise, dtype=torch.bool).scatter(1, hidden, True)


@answer("DINO's loss")
def dino_by_matrix(student: Tensor, teacher: Tensor, center: Tensor) -> Tensor:
    shares = F.softmax((teacher - center) * 25, dim=-1)
    return -torch.einsum("bk,bk->b", shares, F.log_softmax(student * 10, dim=-1)).mean()


@answer("The effective rank")
def rank_of_the_spectrum(variances: Tensor) -> Tensor:
    return torch.distributions.Categorical(probs=variances).perplexity()


@answer("Intersection over union")
def iou_of_sets(predicted: Tensor, true: Tensor) -> float:
    first, second = ({tuple(place) for place in m.nonzero().tolist()} for m in (predicted, true))
    return len(first & second) / len(first | second)


@answer("A fair swap test")
def swaps_by_weights(true: Tensor, false: Tensor, first: Tensor) -> float:
    counts = torch.bincount(first, minlength=2)
    return float(((true - false > 0) / counts[first]).sum() / 2)


@answer("A head's part of the score")
def parts_by_the_projected_length(heads: Tensor, rest: Tensor, text: Tensor) -> Tensor:
    picture = torch.cat([heads, rest[None]]).sum(dim=0)
    return torch.einsum("hd,d->h", heads, text / picture.square().sum().sqrt())


@answer("Sparse codes")
def codes_by_a_threshold(scores: Tensor, k: int) -> Tensor:
    least = scores.sort(dim=1, descending=True).values[:, k - 1 : k]
    return F.relu(scores) * (scores >= least)


@pytest.mark.parametrize("name", COURSE)
def test_answer_written_another_way_is_right(name):
    assert name in ANSWERS, f"write an answer of another kind to {name!r} here"
    result = COURSE[name].grade(ANSWERS[name])
    assert (result.kind, result.message) == ("right", "")


def test_no_answer_is_left_without_its_exercise():
    assert set(ANSWERS) <= set(COURSE)


@pytest.mark.parametrize("name", COURSE)
def test_course_has_three_named_mistakes_and_a_level(name):
    exercise = COURSE[name]
    assert len(exercise.mistakes) >= 3
    assert len({mistake.name for mistake in exercise.mistakes}) == len(exercise.mistakes)
