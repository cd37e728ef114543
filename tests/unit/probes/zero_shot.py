"""Notebook 10: a zero-shot classifier from features, recall both ways."""

import itertools

import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

CLASSIFIER, RECALL = "A zero-shot classifier from features", "Recall@k both ways"

# ---------------------------------------------------------------------------- classifier


def classifier(
    image_unit=True, prompt_unit=True, mean_unit=True, pool="mean", act="softmax", scaling="times"
):
    """The solution with some of its steps done otherwise."""

    def classify(images, prompts, scale):
        unit = lambda x: F.normalize(x, dim=-1)  # noqa: E731
        images = unit(images) if image_unit else images
        prompts = unit(prompts) if prompt_unit else prompts
        if pool == "median":
            classes = prompts.median(dim=1).values
        elif pool == "max":
            classes = prompts.amax(dim=1)
        elif pool == "last":
            classes = prompts[:, -1]
        else:
            classes = getattr(prompts, pool)(dim=1)
        classes = unit(classes) if mean_unit else classes
        factor = {"times": scale, "none": 1.0, "squared": scale**2, "root": scale**0.5}[scaling]
        logits = factor * images @ classes.T
        return {
            "softmax": lambda: logits.softmax(dim=1),
            "logits": lambda: logits,
            "log": lambda: logits.log_softmax(dim=1),
            "sigmoid": lambda: logits.sigmoid(),
            "twice": lambda: logits.softmax(dim=1).softmax(dim=1),
            "exp": lambda: logits.exp(),
            "over all": lambda: logits.flatten().softmax(dim=0).view_as(logits),
            "share": lambda: logits / logits.sum(dim=1, keepdim=True),
        }[act]()

    return classify


def by_einsum(images, prompts, scale):
    images = images / images.norm(dim=1, keepdim=True)
    prompts = prompts / prompts.norm(dim=2, keepdim=True)
    classes = F.normalize(prompts.sum(dim=1), dim=1)
    return torch.softmax(scale * torch.einsum("nd,kd->nk", images, classes), dim=-1)


def by_loop(images, prompts, scale):
    rows = []
    for image in images:
        scores = [
            scale * F.cosine_similarity(image, F.normalize(each, dim=1).mean(dim=0), dim=0)
            for each in prompts
        ]
        rows.append(torch.stack(scores).softmax(dim=0))
    return torch.stack(rows)


def in_numpy(images, prompts, scale):
    return by_einsum(images, prompts, scale).numpy()


def mean_of_cosines(images, prompts, scale):
    images, prompts = F.normalize(images, dim=-1), F.normalize(prompts, dim=-1)
    return (scale * torch.einsum("nd,kpd->nkp", images, prompts).mean(dim=2)).softmax(dim=1)


def mean_of_probabilities(images, prompts, scale):
    images, prompts = F.normalize(images, dim=-1), F.normalize(prompts, dim=-1)
    return (scale * torch.einsum("nd,kpd->nkp", images, prompts)).softmax(dim=1).mean(dim=2)


def best_prompt(images, prompts, scale):
    images, prompts = F.normalize(images, dim=-1), F.normalize(prompts, dim=-1)
    return (scale * torch.einsum("nd,kpd->nkp", images, prompts).amax(dim=2)).softmax(dim=1)


def over_images(images, prompts, scale):
    return classifier(act="logits")(images, prompts, scale).softmax(dim=0)


NAMED_STEPS = {
    (False, True, True): "images not normalised",
    (True, False, True): "prompts not normalised before the mean",
    (True, True, False): "ensemble averaged without renormalising",
}
STEPS = [
    Probe(
        CLASSIFIER,
        f"units {units}, {pool}, {act}, scale {scaling}",
        classifier(*units, pool, act, scaling),
        "mistake" if (name := NAMED_STEPS.get(units)) and plain else "wrong",
        name if name and plain else "",
    )
    for units, pool, act, scaling in itertools.product(
        itertools.product((True, False), repeat=3),
        ("mean", "median", "max", "last"),
        ("softmax", "logits", "log", "sigmoid", "twice", "exp", "over all", "share"),
        ("times", "none", "squared", "root"),
    )
    for plain in [(pool, act, scaling) == ("mean", "softmax", "times")]
    if not (plain and all(units)) and (pool == "mean" or (act == "softmax" and scaling == "times"))
]

# -------------------------------------------------------------------------------- recall


def one_way(similarity, k):
    own = torch.arange(len(similarity))[:, None]
    return (similarity.topk(k, dim=1).indices == own).any(dim=1).double().mean()


def recall_by_ranks(similarity, k):
    own = similarity.diagonal()
    rows = ((similarity > own[:, None]).sum(dim=1) < k).double().mean()
    columns = ((similarity > own[None, :]).sum(dim=0) < k).double().mean()
    return torch.stack([rows, columns])


def recall_by_sorting(similarity, k):
    found = []
    for matrix in (similarity, similarity.T):
        order = matrix.argsort(dim=1, descending=True)[:, :k].tolist()
        found.append(sum(i in row for i, row in enumerate(order)) / len(order))
    return tuple(found)


def both(change=lambda x: x, pick=lambda a, b: [a, b], k_of=lambda k, n: k):
    def recall(similarity, k):
        matrix = change(similarity)
        k = k_of(k, len(matrix))
        return pick(float(one_way(matrix, k)), float(one_way(matrix.T, k)))

    return recall


PICKS = {
    "as asked": lambda a, b: [a, b],
    "per cent": lambda a, b: [100 * a, 100 * b],
    "missed": lambda a, b: [1 - a, 1 - b],
    "halved": lambda a, b: [a / 2, b / 2],
    "the mean of both": lambda a, b: [(a + b) / 2] * 2,
    "the larger": lambda a, b: [max(a, b)] * 2,
    "one number": lambda a, b: a,
    "three numbers": lambda a, b: [a, b, (a + b) / 2],
}
KS = {
    "k": (lambda k, n: k, ""),
    "k - 1": (lambda k, n: k - 1, "one candidate too few"),
    "k + 1": (lambda k, n: k + 1, "one candidate too many"),
    "1": (lambda k, n: 1, "recall@1 whatever k is"),
    "all": (lambda k, n: n, ""),
}
CHANGES = {"": lambda x: x, "negative": lambda x: -x}
STEPS_OF_RECALL = [
    Probe(
        RECALL,
        f"{pick}, {k}, {change or 'plain'}",
        both(CHANGES[change], PICKS[pick], KS[k][0]),
        "mistake" if name else "wrong",
        name,
    )
    for pick, k, change in itertools.product(PICKS, KS, CHANGES)
    for name in [
        ""
        if pick != "as asked"
        else "the smallest instead of the largest"
        if change and k == "k"
        else ""
        if change
        else KS[k][1]
    ]
    if not (pick == "as asked" and k == "k" and not change)
]

PROBES = [
    Probe(CLASSIFIER, "einsum", by_einsum, "right"),
    Probe(CLASSIFIER, "loops and cosine_similarity", by_loop, "right"),
    Probe(CLASSIFIER, "a numpy array", in_numpy, "right"),
    Probe(CLASSIFIER, "sum instead of mean", classifier(pool="sum"), "right"),
    Probe(
        CLASSIFIER,
        "mean of cosines",
        mean_of_cosines,
        "mistake",
        "ensemble averaged without renormalising",
    ),
    Probe(CLASSIFIER, "mean of probabilities", mean_of_probabilities, "wrong"),
    Probe(CLASSIFIER, "best prompt", best_prompt, "wrong"),
    Probe(CLASSIFIER, "softmax over images", over_images, "mistake", "softmax over the images"),
    Probe(CLASSIFIER, "transposed", lambda i, p, s: by_einsum(i, p, s).T, "wrong"),
    Probe(CLASSIFIER, "nothing returned", lambda i, p, s: None, "wrong"),
    Probe(CLASSIFIER, "a number", 0.5, "wrong"),
    Probe(CLASSIFIER, "untouched", ..., "not yet attempted"),
    *STEPS,
    Probe(RECALL, "ranks", recall_by_ranks, "right"),
    Probe(RECALL, "argsort and lists", recall_by_sorting, "right"),
    Probe(
        RECALL,
        "swapped",
        both(pick=lambda a, b: [b, a]),
        "mistake",
        "the two directions swapped",
    ),
    Probe(RECALL, "rows twice", both(pick=lambda a, b: [a, a]), "mistake", "rows both times"),
    Probe(RECALL, "columns twice", both(pick=lambda a, b: [b, b]), "mistake", "columns both times"),
    Probe(RECALL, "topk along dim 0 left as it is", lambda s, k: s.topk(k, 0).indices, "wrong"),
    Probe(RECALL, "untouched", ..., "not yet attempted"),
    *STEPS_OF_RECALL,
]
