"""Answers of an eighth referee to the exercises of notebooks 00 to 08.

All of them came out wrong once: an attempt that torch refused with a NotImplementedError was called
"not yet attempted", and so was a right answer with a `...` in an index of its own; ready-made
functions that the text rules out were right when passed as they are, and autograd where the text
says "without autograd".
"""

import torch
import torch.nn.functional as F

from tests.unit.probes import Probe
from vizkit.models import patchify

ATTEND, CUT, TURN = "Scaled dot-product attention", "Cut an image into patches", "Turn the pairs"
CHANCE, SOFTMAX = "The loss of CLIP's batch at chance", "Softmax with a temperature"
SHARES, SLOPE = "Who gets the gradient?", "Gradient of the sigmoid loss"


def turned_by_named_indices(vectors, places, frequencies):
    first, second = (..., slice(0, None, 2)), (..., slice(1, None, 2))
    cosine, sine = torch.outer(places, frequencies).cos(), torch.outer(places, frequencies).sin()
    turned = torch.empty_like(vectors)
    turned[first] = vectors[first] * cosine - vectors[second] * sine
    turned[second] = vectors[first] * sine + vectors[second] * cosine
    return turned


def attended_by_sublists(query, key, value):
    scores = torch.einsum(query, [..., 0, 2], key, [..., 1, 2], [..., 0, 1])
    return (scores / query.shape[-1] ** 0.5).softmax(-1) @ value


def wrong_by_named_index(vectors, places, frequencies):
    first = (..., slice(0, None, 2))
    return vectors[first] * torch.outer(places, frequencies).cos()


def by_backward(logits):
    leaf = logits.clone().requires_grad_()
    (-F.logsigmoid((2 * torch.eye(len(leaf)) - 1) * leaf).sum() / len(leaf)).backward()
    return leaf.grad


PROBES = [
    Probe(TURN, "indices kept in variables", turned_by_named_indices, "right"),
    Probe(ATTEND, "einsum with lists of axes", attended_by_sublists, "right"),
    Probe(TURN, "a `...` in an index, and wrong", wrong_by_named_index, "wrong"),
    Probe(
        CHANCE,
        "whole numbers as logits",
        lambda n: F.cross_entropy(torch.full((n, n), 1), torch.arange(n)),
        "wrong",
    ),
    Probe(
        CHANCE,
        "the whole matrix",
        lambda n: F.cross_entropy(torch.zeros(n, n), torch.arange(n)),
        "right",
    ),
    Probe(
        SHARES,
        "a float where a boolean belongs",
        lambda c, t: (c / t).exp() * ((1 - torch.eye(len(c))) & (c > -1)),
        "wrong",
    ),
    Probe(SOFTMAX, "rounded to whole numbers", lambda c, t: (c / t).long().softmax(1), "wrong"),
    Probe(
        TURN,
        "polar with whole angles",
        lambda v, p, f: torch.polar(torch.ones(len(p), len(f)), torch.outer(p, f).int()),
        "wrong",
    ),
    Probe(ATTEND, "torch's own, passed as it is", F.scaled_dot_product_attention, "wrong"),
    Probe(CUT, "the package's, passed as it is", patchify, "wrong"),
    Probe(SLOPE, "backward", by_backward, "wrong"),
]
