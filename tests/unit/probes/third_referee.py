"""Wrong answers of a third referee to the exercises of notebooks 10 to 16.

Each is what a learner might well hand in, and none may be taken for another mistake. What is right
after all, or is another way to a mistake that has a name, stands in RIGHT and in NAMED.
"""

# ruff: noqa: E741
import math

import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

ANSWERS: dict[str, list[tuple]] = {}


def unit(x, d=-1):
    return F.normalize(x, dim=d)


# 10
ANSWERS["A zero-shot classifier from features"] = [
    (
        "prompts weighted by their length before and after",
        lambda i, p, s: (s * unit(i) @ unit((p * p.norm(dim=-1, keepdim=True)).mean(1)).T).softmax(
            1
        ),
    ),
    (
        "the largest prompt of a class",
        lambda i, p, s: (
            s * (unit(i) @ unit(p).flatten(0, 1).T).view(len(i), len(p), -1).amax(-1)
        ).softmax(1),
    ),
    (
        "softmax before the mean over prompts",
        lambda i, p, s: (
            (s * (unit(i) @ unit(p).flatten(0, 1).T)).softmax(1).view(len(i), len(p), -1).sum(-1)
        ),
    ),
    (
        "softmax for each prompt, then the mean",
        lambda i, p, s: torch.stack(
            [(s * unit(i) @ unit(p[:, k]).T).softmax(1) for k in range(p.shape[1])]
        ).mean(0),
    ),
    ("logits, no softmax", lambda i, p, s: s * unit(i) @ unit(unit(p).mean(1)).T),
    ("log probabilities", lambda i, p, s: (s * unit(i) @ unit(unit(p).mean(1)).T).log_softmax(1)),
    ("sigmoid", lambda i, p, s: torch.sigmoid(s * unit(i) @ unit(unit(p).mean(1)).T)),
    ("the argmax", lambda i, p, s: (s * unit(i) @ unit(unit(p).mean(1)).T).argmax(1)),
    (
        "one-hot of the winner",
        lambda i, p, s: F.one_hot((unit(i) @ unit(unit(p).mean(1)).T).argmax(1), len(p)).float(),
    ),
    ("transposed", lambda i, p, s: (s * unit(i) @ unit(unit(p).mean(1)).T).softmax(1).T),
    ("scale squared", lambda i, p, s: (s * s * unit(i) @ unit(unit(p).mean(1)).T).softmax(1)),
    ("scale forgotten", lambda i, p, s: (unit(i) @ unit(unit(p).mean(1)).T).softmax(1)),
    (
        "images centred first",
        lambda i, p, s: (s * unit(i - i.mean(0)) @ unit(unit(p).mean(1)).T).softmax(1),
    ),
    (
        "the median of the prompts",
        lambda i, p, s: (s * unit(i) @ unit(unit(p).median(1).values).T).softmax(1),
    ),
    ("the last prompt", lambda i, p, s: (s * unit(i) @ unit(p[:, -1]).T).softmax(1)),
    (
        "images normalised along the batch",
        lambda i, p, s: (s * unit(i, 0) @ unit(unit(p).mean(1)).T).softmax(1),
    ),
    (
        "prompts normalised along the prompts",
        lambda i, p, s: (s * unit(i) @ unit(unit(p, 1).mean(1)).T).softmax(1),
    ),
    (
        "divided by the mean of the features' width",
        lambda i, p, s: (s * unit(i) @ unit(unit(p).mean(1)).T / i.shape[1] ** 0.5).softmax(1),
    ),
    (
        "softmax twice",
        lambda i, p, s: (s * unit(i) @ unit(unit(p).mean(1)).T).softmax(1).softmax(1),
    ),
    (
        "squared distance in place of the cosine",
        lambda i, p, s: (-s * torch.cdist(unit(i), unit(unit(p).mean(1))) ** 2).softmax(1),
    ),
    (
        "distance in place of the cosine",
        lambda i, p, s: (-s * torch.cdist(unit(i), unit(unit(p).mean(1)))).softmax(1),
    ),
]
ANSWERS["Recall@k both ways"] = [
    ("harmonic", lambda m, k: [1.0, 1.0]),
    (
        "both directions in one mean",
        lambda m, k: (
            [
                (
                    (
                        (m.topk(k, 1).indices == torch.arange(len(m))[:, None])
                        .any(1)
                        .float()
                        .mean()
                        + (m.T.topk(k, 1).indices == torch.arange(len(m))[:, None])
                        .any(1)
                        .float()
                        .mean()
                    )
                    / 2
                ).item()
            ]
            * 2
        ),
    ),
    (
        "precision: divided by k",
        lambda m, k: [
            (x.topk(k, 1).indices == torch.arange(len(x))[:, None]).float().mean().item()
            for x in (m, m.T)
        ],
    ),
    (
        "misses",
        lambda m, k: [
            1 - (x.topk(k, 1).indices == torch.arange(len(x))[:, None]).any(1).float().mean().item()
            for x in (m, m.T)
        ],
    ),
    (
        "per cent",
        lambda m, k: [
            100
            * (x.topk(k, 1).indices == torch.arange(len(x))[:, None]).any(1).float().mean().item()
            for x in (m, m.T)
        ],
    ),
    (
        "all k must be right",
        lambda m, k: [
            (x.topk(k, 1).indices == torch.arange(len(x))[:, None]).all(1).float().mean().item()
            for x in (m, m.T)
        ],
    ),
    (
        "the k smallest indices",
        lambda m, k: [
            (x.argsort(1)[:, :k] == torch.arange(len(x))[:, None]).any(1).float().mean().item()
            for x in (m, m.T)
        ],
    ),
    (
        "only the k-th",
        lambda m, k: [
            (x.topk(k, 1).indices[:, -1] == torch.arange(len(x))).float().mean().item()
            for x in (m, m.T)
        ],
    ),
    (
        "normalised rows first",
        lambda m, k: [
            (x.softmax(0).topk(k, 1).indices == torch.arange(len(x))[:, None])
            .any(1)
            .float()
            .mean()
            .item()
            for x in (m, m.T)
        ],
    ),
    (
        "topk along columns, compared with rows",
        lambda m, k: [
            (x.topk(k, 0).indices.T[:, :1] == torch.arange(len(x))[:, None])
            .any(1)
            .float()
            .mean()
            .item()
            for x in (m, m.T)
        ],
    ),
]


# 11
def turned(p):
    return p * p[p.abs().argmax(0), torch.arange(p.shape[1])].sign()


def vh(x):
    return torch.linalg.svd(x, full_matrices=False).Vh


ANSWERS["PCA to two dimensions"] = [
    (
        "divided by the singular values",
        lambda r: turned(
            (r - r.mean(0)) @ vh(r - r.mean(0))[:2].T / torch.linalg.svdvals(r - r.mean(0))[:2]
        ),
    ),
    (
        "whitened to spread 1",
        lambda r: turned((lambda p: p / p.std(0))((r - r.mean(0)) @ vh(r - r.mean(0))[:2].T)),
    ),
    ("directions two and three", lambda r: turned((r - r.mean(0)) @ vh(r - r.mean(0))[1:3].T)),
    ("the first direction twice", lambda r: turned((r - r.mean(0)) @ vh(r - r.mean(0))[[0, 0]].T)),
    ("axes exchanged", lambda r: turned((r - r.mean(0)) @ vh(r - r.mean(0))[[1, 0]].T)),
    ("three directions", lambda r: turned((r - r.mean(0)) @ vh(r - r.mean(0))[:3].T)),
    (
        "rows at length 1 first",
        lambda r: (lambda x: turned((x - x.mean(0)) @ vh(x - x.mean(0))[:2].T))(unit(r)),
    ),
    ("the first two columns", lambda r: turned((r - r.mean(0))[:, :2])),
    (
        "centred by the median",
        lambda r: (lambda x: turned(x @ vh(x)[:2].T))(r - r.median(0).values),
    ),
    (
        "centred along the rows",
        lambda r: (lambda x: turned(x @ vh(x)[:2].T))(r - r.mean(1, keepdim=True)),
    ),
    ("the directions themselves", lambda r: vh(r - r.mean(0))[:2]),
    ("transposed", lambda r: turned((r - r.mean(0)) @ vh(r - r.mean(0))[:2].T).T),
    (
        "V for Vh by mistake of torch.svd",
        lambda r: turned((r - r.mean(0)) @ torch.svd(r - r.mean(0)).V[:2].T),
    ),
]


def nb(r, k, f):
    c = f(r).clone()
    c.fill_diagonal_(-torch.inf)
    return c.topk(k, 1).indices


ANSWERS["Nearest neighbours by cosine"] = [
    ("absolute cosine", lambda r, k: nb(r, k, lambda r: (unit(r) @ unit(r).T).abs())),
    ("squared cosine", lambda r, k: nb(r, k, lambda r: (unit(r) @ unit(r).T) ** 2)),
    ("k+1 with itself", lambda r, k: (unit(r) @ unit(r).T).topk(k + 1, 1).indices),
    (
        "centred (Pearson)",
        lambda r, k: nb(
            r, k, lambda r: unit(r - r.mean(1, keepdim=True)) @ unit(r - r.mean(1, keepdim=True)).T
        ),
    ),
    (
        "the cosines, not the indices",
        lambda r, k: (unit(r) @ unit(r).T).fill_diagonal_(-torch.inf).topk(k, 1).values,
    ),
    (
        "along the columns",
        lambda r, k: (unit(r) @ unit(r).T).fill_diagonal_(-torch.inf).topk(k, 0).indices,
    ),
    (
        "indices from 1",
        lambda r, k: (unit(r) @ unit(r).T).fill_diagonal_(-torch.inf).topk(k, 1).indices + 1,
    ),
    ("diagonal set to 0", lambda r, k: (unit(r) @ unit(r).T).fill_diagonal_(0).topk(k, 1).indices),
    ("one row normalised only", lambda r, k: nb(r, k, lambda r: unit(r) @ r.T)),
    ("L1 distance", lambda r, k: nb(r, k, lambda r: -torch.cdist(r, r, p=1))),
    (
        "columns centred first",
        lambda r, k: nb(r, k, lambda r: unit(r - r.mean(0)) @ unit(r - r.mean(0)).T),
    ),
]


def cg(a, b, ia=1, ib=1):
    def f(i, t):
        i, t = unit(i), unit(t)
        d = i.mean(0) - t.mean(0)
        return unit(i - a * d), unit(t + b * d)

    return f


ANSWERS["Close the modality gap"] = [
    ("only texts moved, half", cg(0, 0.5)),
    ("only images moved, half", cg(0.5, 0)),
    ("a quarter each", cg(0.25, 0.25)),
    ("only the texts, whole", cg(0, 1)),
    ("both the same way", lambda i, t: cg(0.5, -0.5)(i, t)),
    ("texts returned first", lambda i, t: cg(0.5, 0.5)(i, t)[::-1]),
    ("only the images returned", lambda i, t: cg(0.5, 0.5)(i, t)[0]),
    ("stacked", lambda i, t: torch.cat(cg(0.5, 0.5)(i, t))),
    (
        "a vector of medians",
        lambda i, t: (lambda i, t, d: (unit(i - d / 2), unit(t + d / 2)))(
            unit(i), unit(t), unit(i).median(0).values - unit(t).median(0).values
        ),
    ),
    (
        "pair by pair",
        lambda i, t: (lambda i, t: (unit(i - (i - t) / 2), unit(t + (i - t) / 2)))(
            unit(i), unit(t)
        ),
    ),
    (
        "means at length 1",
        lambda i, t: (lambda i, t, d: (unit(i - d / 2), unit(t + d / 2)))(
            unit(i), unit(t), unit(unit(i).mean(0)) - unit(unit(t).mean(0))
        ),
    ),
]


# 12
def ps(t, f, ax):
    B, N, D = t.shape
    s = int(N**0.5)
    b = t.reshape(B, s // f, f, s // f, f, D).permute(ax)
    return b.reshape(B, N // f**2, f * f * D)


ANSWERS["Pixel shuffle"] = [
    ("blocks by columns, inside by columns", lambda t, f: ps(t, f, (0, 3, 1, 4, 2, 5))),
    (
        "the first of each block repeated",
        lambda t, f: ps(t, f, (0, 1, 3, 2, 4, 5))[..., : t.shape[2]].repeat(1, 1, f * f),
    ),
    ("the sum", lambda t, f: ps(t, f, (0, 1, 3, 2, 4, 5)).unflatten(2, (f * f, -1)).sum(2)),
    ("the maximum", lambda t, f: ps(t, f, (0, 1, 3, 2, 4, 5)).unflatten(2, (f * f, -1)).amax(2)),
    ("blocks in reverse", lambda t, f: ps(t, f, (0, 1, 3, 2, 4, 5)).flip(1)),
    ("channels in reverse", lambda t, f: ps(t, f, (0, 1, 3, 2, 4, 5)).flip(2)),
    ("one batch entry only", lambda t, f: ps(t, f, (0, 1, 3, 2, 4, 5))[:1]),
    ("width first", lambda t, f: ps(t, f, (0, 1, 3, 2, 4, 5)).transpose(1, 2)),
    (
        "rows of f*f in a row of the grid",
        lambda t, f: t.reshape(t.shape[0], f * f, -1, t.shape[2]).transpose(1, 2).flatten(2),
    ),
]
ANSWERS["The picture in LLaVA-1.5's prompt"] = [
    ("257", 257),
    ("336", 336),
    ("14", 14),
    ("196", 196),
    ("1024", 1024),
    ("576.5", 576.5),
    ("'576'", "576"),
    ("[24,24]", [24, 24]),
    ("577-2", 575),
    ("1728", 1728),
    ("336*336", 336 * 336),
]


def pm(l, n):
    m = torch.ones(l, l).tril().bool()
    m[:n, :n] = True
    return m


ANSWERS["The mask of a picture before words"] = [
    (
        "free columns for all",
        lambda l, n: torch.ones(l, l).tril().bool() | (torch.arange(l) < n)[None],
    ),
    ("tril shifted by the prefix", lambda l, n: torch.ones(l, l).tril(n).bool()),
    ("tril shifted by the prefix less one", lambda l, n: torch.ones(l, l).tril(n - 1).bool()),
    ("one token too many", lambda l, n: pm(l, min(n + 1, l))),
    ("one too few", lambda l, n: pm(l, max(n - 1, 0))),
    ("the last tokens are free", lambda l, n: pm(l, n).flip(0, 1).T),
    (
        "minus infinity where closed",
        lambda l, n: torch.zeros(l, l).masked_fill(~pm(l, n), -torch.inf),
    ),
    ("all True", lambda l, n: torch.ones(l, l).bool()),
    ("the prefix alone", lambda l, n: (torch.arange(l) < n)[:, None] & (torch.arange(l) < n)[None]),
    (
        "words see only words",
        lambda l, n: pm(l, n) & ~((torch.arange(l) >= n)[:, None] & (torch.arange(l) < n)[None]),
    ),
    ("a list of floats", lambda l, n: pm(l, n).float().tolist()),
]


def nw(l, t):
    return F.cross_entropy(l[:, :-1].transpose(1, 2), t[:, 1:], reduction="none")


ANSWERS["The loss of the next word"] = [
    (
        "divided by all words of the answer, first counted",
        lambda l, t, c: (nw(l, t) * c[:, 1:]).sum() / c.numel(),
    ),
    ("mean times batch", lambda l, t, c: nw(l, t)[c[:, 1:]].mean() * len(l)),
    (
        "two words ahead",
        lambda l, t, c: F.cross_entropy(l[:, :-2].transpose(1, 2), t[:, 2:], reduction="none")[
            c[:, 2:]
        ].mean(),
    ),
    ("perplexity", lambda l, t, c: nw(l, t)[c[:, 1:]].mean().exp()),
    ("bits", lambda l, t, c: nw(l, t)[c[:, 1:]].mean() / math.log(2)),
    ("probability, not its logarithm", lambda l, t, c: (-nw(l, t)[c[:, 1:]]).exp().mean()),
    (
        "the words not counted",
        lambda l, t, c: nw(l, t)[~c[:, 1:]].mean() if (~c[:, 1:]).any() else torch.tensor(0.0),
    ),
    (
        "label smoothing",
        lambda l, t, c: F.cross_entropy(
            l[:, :-1][c[:, 1:]], t[:, 1:][c[:, 1:]], label_smoothing=0.1
        ),
    ),
    (
        "argmax accuracy",
        lambda l, t, c: (l[:, :-1].argmax(-1) == t[:, 1:])[c[:, 1:]].float().mean(),
    ),
    ("the last word only", lambda l, t, c: nw(l, t)[:, -1].mean()),
    (
        "softmax before cross-entropy",
        lambda l, t, c: F.cross_entropy(l[:, :-1][c[:, 1:]].softmax(-1), t[:, 1:][c[:, 1:]]),
    ),
]


# 13
def rc(i, s, up=0):
    f = min(i.shape[:2]) // s
    r, c = i.shape[0] // f, i.shape[1] // f
    m = i[: r * f, : c * f].reshape(r, f, c, f, 3).mean((1, 3))
    return m


ANSWERS["Resize and crop as CLIP does"] = [
    ("bottom right", lambda i, s: rc(i, s)[-s:, -s:]),
    (
        "only the width cut in the middle",
        lambda i, s: (lambda m: m[:s, (m.shape[1] - s) // 2 : (m.shape[1] - s) // 2 + s])(rc(i, s)),
    ),
    (
        "the maximum of a block",
        lambda i, s: (lambda f: F.max_pool2d(i.permute(2, 0, 1)[None], f)[0].permute(1, 2, 0))(
            min(i.shape[:2]) // s
        )[:s, :s],
    ),
    (
        "channels first",
        lambda i, s: (
            lambda m: m[
                (m.shape[0] - s) // 2 : (m.shape[0] - s) // 2 + s,
                (m.shape[1] - s) // 2 : (m.shape[1] - s) // 2 + s,
            ].permute(2, 0, 1)
        )(rc(i, s)),
    ),
    (
        "the longer side decides",
        lambda i, s: (lambda f: i[: s * f : f, : s * f : f])(max(i.shape[:2]) // s),
    ),
    (
        "bilinear",
        lambda i, s: F.interpolate(i.permute(2, 0, 1)[None], size=(s, s), mode="bilinear")[
            0
        ].permute(1, 2, 0),
    ),
    (
        "area to a square",
        lambda i, s: F.interpolate(i.permute(2, 0, 1)[None], size=(s, s), mode="area")[0].permute(
            1, 2, 0
        ),
    ),
    (
        "turned round",
        lambda i, s: (
            lambda m: m[
                (m.shape[0] - s) // 2 : (m.shape[0] - s) // 2 + s,
                (m.shape[1] - s) // 2 : (m.shape[1] - s) // 2 + s,
            ].transpose(0, 1)
        )(rc(i, s)),
    ),
    ("crop first, then shrink by one less", lambda i, s: rc(i, s)[:s, :s] * 0),
    (
        "0 to 255",
        lambda i, s: (
            lambda m: (
                255
                * m[
                    (m.shape[0] - s) // 2 : (m.shape[0] - s) // 2 + s,
                    (m.shape[1] - s) // 2 : (m.shape[1] - s) // 2 + s,
                ]
            )
        )(rc(i, s)),
    ),
]
ANSWERS["From vectors to probabilities, for CLIP and for SigLIP"] = [
    (
        "sigmoid always, without a bias 0, softmax never",
        lambda i, t, s, b: torch.sigmoid(s * i @ t.T + (b if b is not None else 0.0)),
    ),
    (
        "bias inside the scale",
        lambda i, t, s, b: (
            (s * i @ t.T).softmax(1) if b is None else torch.sigmoid(s * (i @ t.T + b))
        ),
    ),
    (
        "bias times scale too",
        lambda i, t, s, b: (
            (s * i @ t.T).softmax(1) if b is None else torch.sigmoid(s * i @ t.T + s * b)
        ),
    ),
    (
        "rows of the sigmoid sum to one",
        lambda i, t, s, b: (
            (s * i @ t.T).softmax(1)
            if b is None
            else (lambda p: p / p.sum(1, keepdim=True))(torch.sigmoid(s * i @ t.T + b))
        ),
    ),
    (
        "transposed",
        lambda i, t, s, b: (
            ((s * i @ t.T).softmax(1) if b is None else torch.sigmoid(s * i @ t.T + b)).T
        ),
    ),
    ("logits", lambda i, t, s, b: s * i @ t.T + (b or 0)),
    (
        "log",
        lambda i, t, s, b: (
            (s * i @ t.T).softmax(1) if b is None else torch.sigmoid(s * i @ t.T + b)
        ).log(),
    ),
    (
        "tanh",
        lambda i, t, s, b: (s * i @ t.T).softmax(1) if b is None else torch.tanh(s * i @ t.T + b),
    ),
    (
        "minus sigmoid",
        lambda i, t, s, b: (
            (s * i @ t.T).softmax(1) if b is None else 1 - torch.sigmoid(s * i @ t.T + b)
        ),
    ),
    (
        "scale as an exponent",
        lambda i, t, s, b: (
            (math.exp(s) * i @ t.T).softmax(1)
            if b is None
            else torch.sigmoid(math.exp(s) * i @ t.T + b)
        ),
    ),
    (
        "softmax over everything",
        lambda i, t, s, b: (
            (s * i @ t.T).flatten().softmax(0).view(len(i), -1)
            if b is None
            else torch.sigmoid(s * i @ t.T + b)
        ),
    ),
]
ANSWERS["The weights of SO400M's patch embedding"] = [
    ("one colour no bias", 14 * 14 * 1152),
    ("224", 384 * 384 * 3 * 1152),
    ("768", 14 * 14 * 3 * 768 + 768),
    ("bias per pixel", 14 * 14 * 3 * 1152 + 14 * 14 * 3),
    ("bias twice", 14 * 14 * 3 * 1152 + 2 * 1152),
    ("millions", 0.678528),
    ("M", 0.679),
    ("as text", "677,376"),
    ("1024", 14 * 14 * 3 * 1024 + 1024),
]
ANSWERS["The GPU-days of the largest CLIP ResNet"] = [
    ("years", 592 * 18 / 365),
    ("per GPU", 18),
    ("both", 592 * 18 + 256 * 12),
    ("512*12", 512 * 12),
    ("256*18", 256 * 18),
    ("ratio", 592 / 18),
    ("hours a gpu", 18 * 24),
    ("592", 592),
]


# 14
def rk(n):
    return n.argsort(1).argsort(1)


ANSWERS["Hide a share of the patches"] = [
    ("quantile", lambda n, s: n < n.quantile(s, dim=1, keepdim=True)),
    ("quantile with equality", lambda n, s: n <= n.quantile(s, dim=1, keepdim=True)),
    ("floats", lambda n, s: (rk(n) < round(s * n.shape[1])).float()),
    ("the indices", lambda n, s: n.argsort(1)[:, : round(s * n.shape[1])]),
    ("the same mask for all", lambda n, s: (rk(n) < round(s * n.shape[1]))[:1].expand_as(n)),
    (
        "the first ones hidden",
        lambda n, s: (torch.arange(n.shape[1]) < round(s * n.shape[1])).expand_as(n),
    ),
    (
        "bernoulli",
        lambda n, s: torch.bernoulli(
            torch.full_like(n, s), generator=torch.Generator().manual_seed(0)
        ).bool(),
    ),
    (
        "ranked along the batch by mistake of dim",
        lambda n, s: n.argsort(0).argsort(0) < round(s * len(n)),
    ),
    ("noise kept where small", lambda n, s: n * (rk(n) < round(s * n.shape[1]))),
    ("floor less one", lambda n, s: rk(n) < int(s * n.shape[1]) - 1),
    ("shifted by one", lambda n, s: (rk(n) < round(s * n.shape[1])).roll(1, 1)),
]


def dl(st, te, c, a=0.1, b=0.04):
    return -(((te - c) / b).softmax(1) * (st / a).log_softmax(1)).sum(1).mean()


ANSWERS["DINO's loss"] = [
    (
        "teacher's entropy",
        lambda s, t, c: (
            -(((t - c) / 0.04).softmax(1) * ((t - c) / 0.04).log_softmax(1)).sum(1).mean()
        ),
    ),
    (
        "KL",
        lambda s, t, c: (
            dl(s, t, c)
            + (((t - c) / 0.04).softmax(1) * ((t - c) / 0.04).log_softmax(1)).sum(1).mean()
        ),
    ),
    (
        "squared error of the shares",
        lambda s, t, c: ((((t - c) / 0.04).softmax(1) - (s / 0.1).softmax(1)) ** 2).sum(1).mean(),
    ),
    (
        "hard teacher",
        lambda s, t, c: -(s / 0.1).log_softmax(1)[torch.arange(len(s)), (t - c).argmax(1)].mean(),
    ),
    (
        "multiplied by the temperatures",
        lambda s, t, c: -(((t - c) * 0.04).softmax(1) * (s * 0.1).log_softmax(1)).sum(1).mean(),
    ),
    (
        "softmax over the batch",
        lambda s, t, c: -(((t - c) / 0.04).softmax(0) * (s / 0.1).log_softmax(0)).sum(1).mean(),
    ),
    (
        "centre after the temperature",
        lambda s, t, c: -((t / 0.04 - c).softmax(1) * (s / 0.1).log_softmax(1)).sum(1).mean(),
    ),
    ("centre of the batch", lambda s, t, c: dl(s, t, t.mean(0))),
    ("divided by the centre", lambda s, t, c: dl(s, t / c, 0 * c)),
    (
        "per picture",
        lambda s, t, c: -(((t - c) / 0.04).softmax(1) * (s / 0.1).log_softmax(1)).sum(1),
    ),
    ("both temperatures .07", lambda s, t, c: dl(s, t, c, 0.07, 0.07)),
    (
        "log of the student plus eps",
        lambda s, t, c: (
            -(((t - c) / 0.04).softmax(1) * ((s / 0.1).softmax(1) + 0.01).log()).sum(1).mean()
        ),
    ),
    ("student not divided", lambda s, t, c: dl(s, t, c, 1.0)),
    ("teacher not divided", lambda s, t, c: dl(s, t, c, 0.1, 1.0)),
    ("base 2", lambda s, t, c: dl(s, t, c) / math.log(2)),
]


def sh(v):
    return v / v.sum()


def en(p):
    return torch.special.entr(p).sum()


ANSWERS["The effective rank"] = [
    ("entropy only", lambda v: en(sh(v))),
    ("by the square roots", lambda v: en(sh(v.sqrt())).exp()),
    ("2 to the entropy", lambda v: 2 ** en(sh(v))),
    ("10 to the entropy", lambda v: 10 ** en(sh(v))),
    ("divided by the number", lambda v: en(sh(v)).exp() / len(v)),
    ("shares of the largest", lambda v: en(v / v.max()).exp()),
    ("trace over largest", lambda v: v.sum() / v.max()),
    ("softmax as shares", lambda v: en(v.softmax(0)).exp()),
    ("nan from log 0", lambda v: (-(sh(v) * sh(v).log()).sum()).exp()),
    ("90 per cent", lambda v: int((sh(v).sort(descending=True).values.cumsum(0) < 0.9).sum() + 1)),
    ("product", lambda v: (sh(v) ** -sh(v)).prod() * 1.1),
    ("perplexity over log n", lambda v: en(sh(v)) / math.log(len(v))),
]
ANSWERS["Intersection over union"] = [
    ("count of the intersection", lambda p, t: (p & t).sum()),
    ("count of the union", lambda p, t: (p | t).sum()),
    ("over all cells", lambda p, t: (p & t).float().mean()),
    ("union over intersection", lambda p, t: (p | t).sum() / (p & t).sum()),
    ("over the larger", lambda p, t: (p & t).sum() / max(p.sum(), t.sum())),
    ("over the smaller", lambda p, t: (p & t).sum() / min(p.sum(), t.sum())),
    ("over the xor", lambda p, t: (p & t).sum() / (p ^ t).sum()),
    ("integer division", lambda p, t: (p & t).sum() // (p | t).sum()),
    ("rows' mean", lambda p, t: ((p & t).sum(1) / (p | t).sum(1).clamp(min=1)).mean()),
    ("1", lambda p, t: 1.0),
    ("per cent", lambda p, t: 100 * (p & t).sum() / (p | t).sum()),
    ("union by sum", lambda p, t: (p * 1 * t * 1).sum() / ((p * 1 + t * 1).sum() - 1)),
]
# 15
ANSWERS["Centre on what was seen"] = [
    (
        "mean of the unseen",
        lambda f, s: unit(f - f[[k for k in range(len(f)) if k not in s.tolist()]].mean(0)),
    ),
    ("median of the seen", lambda f, s: unit(f - f[s].median(0).values)),
    ("standardised", lambda f, s: unit((f - f[s].mean(0)) / f[s].std(0))),
    ("mean added", lambda f, s: unit(f + f[s].mean(0))),
    ("mean of unit vectors taken off raw ones", lambda f, s: unit(f - unit(f)[s].mean(0))),
    ("mean at length 1 taken off", lambda f, s: unit(unit(f) - unit(f[s].mean(0), 0))),
    ("columns at length 1", lambda f, s: unit(f - f[s].mean(0), 0)),
    ("squared length", lambda f, s: (lambda x: x / (x * x).sum(1, keepdim=True))(f - f[s].mean(0))),
    ("L1 length", lambda f, s: F.normalize(f - f[s].mean(0), p=1, dim=-1)),
    (
        "seen and the rest each by their own mean",
        lambda f, s: (lambda m: unit(f - torch.where(m[:, None], f[s].mean(0), f[~m].mean(0))))(
            torch.isin(torch.arange(len(f)), s)
        ),
    ),
    ("the first seen only", lambda f, s: unit(f - f[s[0]]) * 1),
    ("first S rows", lambda f, s: unit(f - f[: len(s)].mean(0))),
]
ANSWERS["The rank of the right name"] = [
    ("argsort once", lambda c: c.argsort(1, descending=True).diagonal() + 1),
    (
        "sorted twice, ties by place",
        lambda c: (
            torch.sort(c, dim=1, descending=True, stable=True).indices.argsort(1).diagonal() + 1
        ),
    ),
    ("share of ranks", lambda c: (c >= c.diagonal()[:, None]).float().mean(1)),
    ("reciprocal", lambda c: 1 / (c >= c.diagonal()[:, None]).sum(1)),
    ("mean rank", lambda c: (c >= c.diagonal()[:, None]).sum(1).float().mean()),
    ("own compared by column", lambda c: (c >= c.diagonal()[None]).sum(1)),
    ("the whole matrix of ranks", lambda c: c.argsort(1, descending=True).argsort(1) + 1),
    (
        "ties half",
        lambda c: (
            (c > c.diagonal()[:, None]).sum(1) + ((c == c.diagonal()[:, None]).sum(1) + 1) / 2
        ),
    ),
    ("own column asked", lambda c: (c > c.diagonal()[None]).sum(0) + 1),
    ("names counted from the end", lambda c: len(c) - (c >= c.diagonal()[:, None]).sum(1)),
]
ANSWERS["Names without a seen word"] = [
    ("count of new words", lambda s, u: (u * (s.sum(0) == 0)).sum(1)),
    ("no word common with the first", lambda s, u: u @ s[0] == 0),
    ("fewer than two", lambda s, u: (u @ s.T).sum(1) < 2),
    (
        "more new words than seen ones",
        lambda s, u: (u * (s.sum(0) == 0)).sum(1) > (u * (s.sum(0) > 0)).sum(1),
    ),
    ("words with no name", lambda s, u: s.sum(0) == 0),
    ("equal names", lambda s, u: ~(u[:, None] == s[None]).all(-1).any(1)),
    ("all words in every seen name", lambda s, u: ~((u @ s.T) > 0).all(1)),
    ("indices", lambda s, u: ((u @ s.T) == 0).all(1).nonzero()[:, 0]),
    ("ints", lambda s, u: ((u @ s.T) == 0).all(1).long()),
    ("the number of such names", lambda s, u: ((u @ s.T) == 0).all(1).sum()),
]


# 16
def ow(l):
    return torch.repeat_interleave(torch.arange(len(l)), l)


ANSWERS["The mask of packed pictures"] = [
    ("one too long blocks", lambda l: (ow(l)[:, None] - ow(l)[None]).abs() <= 1),
    ("ints of owners", lambda l: ow(l)),
    ("owner equal as numbers", lambda l: (ow(l)[:, None] == ow(l)[None]).float()),
    ("upper triangle", lambda l: (ow(l)[:, None] == ow(l)[None]).triu()),
    ("the first picture only", lambda l: (ow(l)[:, None] == 0) & (ow(l)[None] == 0)),
    (
        "without the diagonal",
        lambda l: (ow(l)[:, None] == ow(l)[None]) & ~torch.eye(int(l.sum()), dtype=bool),
    ),
    (
        "minus infinity",
        lambda l: torch.zeros(int(l.sum()), int(l.sum())).masked_fill(
            ow(l)[:, None] != ow(l)[None], -torch.inf
        ),
    ),
    (
        "a batch of masks",
        lambda l: torch.block_diag(*[torch.ones(int(n), int(n)) for n in l])[None].bool(),
    ),
    ("reversed lengths", lambda l: ow(l.flip(0))[:, None] == ow(l.flip(0))[None]),
    ("earlier pictures too", lambda l: ow(l)[:, None] >= ow(l)[None]),
    (
        "mean block",
        lambda l: (
            (torch.arange(int(l.sum())) * len(l) // int(l.sum()))[:, None]
            == (torch.arange(int(l.sum())) * len(l) // int(l.sum()))[None]
        ),
    ),
]


def sc(h, w, c):
    return (c / torch.tensor([h, w])).amin(1)


ANSWERS["What a canvas keeps"] = [
    ("rounded", lambda h, w, c: (sc(h, w, c) ** 2 * h * w).clamp(max=h * w).floor() + 0.5),
    ("scale kept", lambda h, w, c: sc(h, w, c)),
    ("scale capped, not squared", lambda h, w, c: sc(h, w, c).clamp(max=1) * h * w),
    ("the best alone", lambda h, w, c: (sc(h, w, c) ** 2 * h * w).clamp(max=h * w).max()),
    ("index of the best", lambda h, w, c: (sc(h, w, c) ** 2 * h * w).clamp(max=h * w).argmax()),
    ("height only", lambda h, w, c: (c[:, 0] / h * h * w).clamp(max=h * w)),
    ("width only", lambda h, w, c: ((c[:, 1] / w) ** 2 * h * w).clamp(max=h * w)),
    ("height only squared", lambda h, w, c: ((c[:, 0] / h) ** 2 * h * w).clamp(max=h * w)),
    (
        "mean of the two scales",
        lambda h, w, c: ((c / torch.tensor([h, w])).mean(1) ** 2 * h * w).clamp(max=h * w),
    ),
    (
        "product of the two scales",
        lambda h, w, c: ((c / torch.tensor([h, w])).prod(1) * h * w).clamp(max=h * w) * 1,
    ),
    ("clamped by the canvas", lambda h, w, c: torch.minimum(sc(h, w, c) ** 2 * h * w, c.prod(1))),
    ("squash counted", lambda h, w, c: c.prod(1)),
]
ANSWERS["Partners to merge"] = [
    ("absolute cosine", lambda k: 2 * (unit(k[::2]) @ unit(k[1::2]).T).abs().argmax(1) + 1),
    ("one side normalised: the even", lambda k: 2 * (unit(k[::2]) @ k[1::2].T).argmax(1) + 1),
    ("the next token", lambda k: torch.arange(0, len(k), 2) + 1),
    ("the largest cosine itself", lambda k: (unit(k[::2]) @ unit(k[1::2]).T).amax(1)),
    ("off by one", lambda k: 2 * (unit(k[::2]) @ unit(k[1::2]).T).argmax(1)),
    ("two more", lambda k: 2 * (unit(k[::2]) @ unit(k[1::2]).T).argmax(1) + 2),
    (
        "centred",
        lambda k: (lambda x: 2 * (unit(x[::2]) @ unit(x[1::2]).T).argmax(1) + 1)(k - k.mean(0)),
    ),
    (
        "columns normalised",
        lambda k: (lambda x: 2 * (x[::2] @ x[1::2].T).argmax(1) + 1)(unit(k, 0)),
    ),
    ("for all tokens", lambda k: (unit(k) @ unit(k).T).fill_diagonal_(-9).argmax(1)),
    (
        "no partner twice",
        lambda k: (lambda c: [2 * int(x) + 1 for x in c.argmax(1).unique()])(
            unit(k[::2]) @ unit(k[1::2]).T
        ),
    ),
    ("L1", lambda k: 2 * torch.cdist(k[::2], k[1::2], p=1).argmin(1) + 1),
    (
        "distance of unit vectors, largest",
        lambda k: 2 * torch.cdist(unit(k[::2]), unit(k[1::2])).argmax(1) + 1,
    ),
]


def pc(h, w, cell=28, most=1280, r=round, last=math.floor):
    a, b = r(h / cell), r(w / cell)
    if a * b > most:
        s = math.sqrt(h * w / (most * cell**2))
        a, b = last(h / s / cell), last(w / s / cell)
    return a * b


ANSWERS["What a picture costs"] = [
    ("cells of 14", lambda h, w: pc(h, w, 14)),
    ("cells of 32", lambda h, w: pc(h, w, 32)),
    ("cells of 56", lambda h, w: pc(h, w, 56)),
    ("limit 1024", lambda h, w: pc(h, w, most=1024)),
    ("the pixels' share", lambda h, w: h * w / 784),
    ("pixels' share floored", lambda h, w: min(h * w // 784, 1280)),
    ("line breaks", lambda h, w: pc(h, w) + round(h / 28)),
    ("rows and columns", lambda h, w: (round(h / 28), round(w / 28))),
    ("one more", lambda h, w: pc(h, w) + 1),
    (
        "scale by pixels only",
        lambda h, w: (lambda s: math.floor(h / s / 28) * math.floor(w / s / 28))(
            max(1, math.sqrt(h * w / 1280) / 28)
        ),
    ),
    (
        "always floor and always scaled",
        lambda h, w: (lambda s: math.floor(h / s / 28) * math.floor(w / s / 28))(
            math.sqrt(h * w / (1280 * 784))
        ),
    ),
    ("1280 for all", lambda h, w: 1280),
    ("round half up", lambda h, w: pc(h, w, r=lambda x: math.floor(x + 0.5))),
]

RIGHT = {
    ("The mask of a picture before words", "free columns for all"),
}
NAMED = {
    ("Recall@k both ways", "the k smallest indices"): "the smallest instead of the largest",
    ("PCA to two dimensions", "divided by the singular values"): "left side of the SVD alone",
    (
        "PCA to two dimensions",
        "V for Vh by mistake of torch.svd",
    ): "columns of Vᵀ instead of rows",
    ("Nearest neighbours by cosine", "one row normalised only"): "not normalised",
    (
        "From vectors to probabilities, for CLIP and for SigLIP",
        "sigmoid always, without a bias 0, softmax never",
    ): "sigmoid for both",
    ("The effective rank", "entropy only"): "the entropy itself",
    ("The effective rank", "by the square roots"): "the standard deviations used",
    (
        "Names without a seen word",
        "all words in every seen name",
    ): "no word in common with one of the names",
    ("What a picture costs", "round half up"): "a half rounded up",
    ("What a canvas keeps", "scale capped, not squared"): "one side scaled",
    ("What a canvas keeps", "product of the two scales"): "all of the canvas",
    ("What a canvas keeps", "clamped by the canvas"): "enlarging counts",
    ("Partners to merge", "one side normalised: the even"): "a product instead of a cosine",
    ("Partners to merge", "distance of unit vectors, largest"): "the least similar",
}


def expected(exercise, what):
    if (exercise, what) in RIGHT:
        return "right", ""
    named = NAMED.get((exercise, what), "")
    return ("mistake" if named else "wrong"), named


PROBES = [
    Probe(exercise, f"third referee: {what}", answer, *expected(exercise, what))
    for exercise, tried in ANSWERS.items()
    for what, answer in tried
]
