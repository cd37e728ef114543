"""More wrong answers, of a second referee, to the exercises of notebooks 06 to 10 and 12.

Each is what a learner might well hand in, and none may be taken for another mistake. What is right
after all, or is another way to a mistake that has a name, stands in RIGHT and in NAMED.
"""

import math
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F

from tests.unit.probes import Probe

ANSWERS: dict[str, list[tuple]] = {}


def unit(vectors):
    return F.normalize(vectors, dim=-1)


def cos(images, texts):
    return unit(images) @ unit(texts).T


ce, ar, sg = F.cross_entropy, torch.arange, torch.sigmoid


def sm(logits, dim=1):
    return logits.softmax(dim)


def eye(matrix):
    return torch.eye(len(matrix), dtype=torch.bool)


def lg(images, texts, scale, bias):
    return scale * images @ texts.T + bias


def zz(matrix):
    return 2 * torch.eye(len(matrix)) - 1


def cls(prompts):
    return unit(unit(prompts).mean(1))


def tri(length):
    return torch.ones(length, length).tril().bool()


def base(length, free):
    mask = tri(length)
    mask[:free, :free] = True
    return mask


def each(logits, tokens):
    flat = F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none")
    return flat.view(tokens.shape)


def cost(logits, tokens):
    return each(logits[:, :-1], tokens[:, 1:])


# ---------- 06
L = "InfoNCE from scratch"


def ls(lab=0.1):
    def f(i, t, tau):
        lo = cos(i, t) / tau
        y = ar(len(lo))
        return (ce(lo, y, label_smoothing=lab) + ce(lo.T, y, label_smoothing=lab)) / 2

    return f


def drop(i, t, tau):
    lo = cos(i, t) / tau
    y = ar(len(lo))
    return max(ce(lo, y), ce(lo.T, y))


def imgimg(i, t, tau):
    lo = cos(i, i) / tau
    y = ar(len(lo))
    return ce(lo, y)


def simclr(i, t, tau):
    z = torch.cat([unit(i), unit(t)])
    lo = (z @ z.T / tau).fill_diagonal_(-1e9)
    N = len(i)
    y = torch.cat([ar(N) + N, ar(N)])
    return ce(lo, y)


def sym(i, t, tau):
    c = cos(i, t)
    lo = (c + c.T) / 2 / tau
    y = ar(len(lo))
    return ce(lo, y)


def eucl(i, t, tau):
    lo = -torch.cdist(unit(i), unit(t)) / tau
    y = ar(len(lo))
    return (ce(lo, y) + ce(lo.T, y)) / 2


def sqeucl(i, t, tau):
    lo = -(torch.cdist(unit(i), unit(t)) ** 2) / tau
    y = ar(len(lo))
    return (ce(lo, y) + ce(lo.T, y)) / 2


def sqrtd(i, t, tau):
    lo = cos(i, t) / math.sqrt(i.shape[1])
    y = ar(len(lo))
    return (ce(lo, y) + ce(lo.T, y)) / 2


def exptau(i, t, tau):
    lo = cos(i, t) * math.exp(tau)
    y = ar(len(lo))
    return (ce(lo, y) + ce(lo.T, y)) / 2


def tau2(i, t, tau):
    lo = cos(i, t) / tau**2
    y = ar(len(lo))
    return (ce(lo, y) + ce(lo.T, y)) / 2


def outside(i, t, tau):
    lo = cos(i, t)
    y = ar(len(lo))
    return (ce(lo, y) + ce(lo.T, y)) / 2 / tau


def whole(i, t, tau):
    lo = cos(i, t) / tau
    p = lo.flatten().softmax(0).view_as(lo)
    return -p.diagonal().log().mean()


def sigm(i, t, tau):
    lo = cos(i, t) / tau
    z = 2 * torch.eye(len(lo)) - 1
    return -F.logsigmoid(z * lo).sum() / len(lo)


def accuracy(i, t, tau):
    return (cos(i, t).argmax(1) == ar(len(i))).float().mean()


def perplex(i, t, tau):
    lo = cos(i, t) / tau
    y = ar(len(lo))
    return ((ce(lo, y) + ce(lo.T, y)) / 2).exp()


def pos_only(i, t, tau):
    return -(cos(i, t) / tau).diagonal().mean()


def margin(i, t, tau):
    c = cos(i, t) - 0.1 * torch.eye(len(i))
    lo = c / tau
    y = ar(len(lo))
    return (ce(lo, y) + ce(lo.T, y)) / 2


def reversed_(i, t, tau):
    lo = cos(i, t) / tau
    y = ar(len(lo)).flip(0)
    return (ce(lo, y) + ce(lo.T, y)) / 2


def rows_t_cols_wrong(i, t, tau):
    lo = cos(i, t) / tau
    y = ar(len(lo))
    return (ce(lo, y) + ce(lo, y)) / 2


def dimneg(i, t, tau):
    lo = cos(i, t) / tau
    return -(lo.log_softmax(1).diagonal() + lo.log_softmax(0).diagonal()).sum()


def l1norm(i, t, tau):
    lo = F.normalize(i, p=1, dim=1) @ F.normalize(t, p=1, dim=1).T / tau
    y = ar(len(lo))
    return (ce(lo, y) + ce(lo.T, y)) / 2


def normlogits(i, t, tau):
    lo = F.normalize(i @ t.T, dim=1) / tau
    y = ar(len(lo))
    return (ce(lo, y) + ce(lo.T, y)) / 2


def listout(i, t, tau):
    lo = cos(i, t) / tau
    y = ar(len(lo))
    return [ce(lo, y), ce(lo.T, y)]


def nored(i, t, tau):
    lo = cos(i, t) / tau
    y = ar(len(lo))
    return (ce(lo, y, reduction="none") + ce(lo.T, y, reduction="none")) / 2


def minlen(i, t, tau):
    short = [x / x.norm(dim=1, keepdim=True) ** 2 for x in (i, t)]
    lo = short[0] @ short[1].T / tau
    y = ar(len(lo))
    return (ce(lo, y) + ce(lo.T, y)) / 2


ANSWERS[L] = [
    ("label smoothing", ls()),
    ("the larger direction", drop),
    ("images with images", imgimg),
    ("SimCLR, all 2N vectors", simclr),
    ("symmetrised matrix", sym),
    ("distance", eucl),
    ("squared distance (half the temperature)", sqeucl),
    ("sqrt(D)", sqrtd),
    ("exp of the temperature", exptau),
    ("tau squared", tau2),
    ("divided at the end", outside),
    ("softmax over the matrix", whole),
    ("sigmoid loss", sigm),
    ("accuracy", accuracy),
    ("perplexity", perplex),
    ("positives only", pos_only),
    ("a margin", margin),
    ("labels reversed", reversed_),
    ("rows twice", rows_t_cols_wrong),
    ("sum of both, sum", dimneg),
    ("L1 norm", l1norm),
    ("logits normalised", normlogits),
    ("two numbers", listout),
    ("not reduced", nored),
    ("divided by the squared length", minlen),
]
C = "The loss of CLIP's batch at chance"
ANSWERS[C] = [
    ("1 - 1/n", lambda n: 1 - 1 / n),
    ("n", lambda n: n),
    ("log1p", lambda n: math.log1p(n)),
    ("ln n + 1", lambda n: math.log(n) + 1),
    ("sqrt", lambda n: math.sqrt(n)),
    ("2 log n minus log 2", lambda n: 2 * math.log(n) - math.log(2)),
    ("n log n", lambda n: n * math.log(n)),
    ("log n / n", lambda n: math.log(n) / n),
    ("log(1/(n-1))", lambda n: math.log(1 / (n - 1))),
    ("log of negatives in all", lambda n: math.log(n * n - n)),
    ("always 10.397", lambda n: 10.397207708),
    ("log2 halved", lambda n: math.log2(n) / 2),
    ("entropy base 10 minus", lambda n: -math.log10(n)),
    ("log(n)/0.07", lambda n: math.log(n) / 0.07),
    ("text", lambda n: "log n"),
    ("log(2n)", lambda n: math.log(2 * n)),
    ("log n!", lambda n: math.lgamma(n + 1) / n),
]
GAP = "Measure the modality gap"
ANSWERS[GAP] = [
    ("median", lambda i, t: (unit(i).median(0).values - unit(t).median(0).values).norm()),
    (
        "cosine of the means",
        lambda i, t: F.cosine_similarity(unit(i).mean(0), unit(t).mean(0), dim=0),
    ),
    (
        "1 - cosine of the means",
        lambda i, t: 1 - F.cosine_similarity(unit(i).mean(0), unit(t).mean(0), dim=0),
    ),
    ("distance of the sums", lambda i, t: (unit(i).sum(0) - unit(t).sum(0)).norm()),
    ("a vector", lambda i, t: unit(i).mean(0) - unit(t).mean(0)),
    ("means over features", lambda i, t: (unit(i).mean(1) - unit(t).mean(1)).norm()),
    ("largest", lambda i, t: (unit(i).mean(0) - unit(t).mean(0)).abs().max()),
    ("root of the norm", lambda i, t: (unit(i).mean(0) - unit(t).mean(0)).norm().sqrt()),
    ("mean of all distances", lambda i, t: torch.cdist(unit(i), unit(t)).mean()),
    ("sum of means", lambda i, t: (unit(i).mean(0) + unit(t).mean(0)).norm()),
    ("difference of norms", lambda i, t: unit(i).mean(0).norm() - unit(t).mean(0).norm()),
    ("only images normalised", lambda i, t: (unit(i).mean(0) - t.mean(0)).norm()),
    ("only texts normalised", lambda i, t: (i.mean(0) - unit(t).mean(0)).norm()),
    ("standardised", lambda i, t: ((i - i.mean(0)) / i.std(0)).mean(0).norm() - 0 * t.sum()),
    ("mean cosine of pairs", lambda i, t: (unit(i) * unit(t)).sum(1).mean()),
    (
        "means normalised, raw first",
        lambda i, t: (F.normalize(i.mean(0), dim=0) - F.normalize(t.mean(0), dim=0)).norm(),
    ),
    ("halved", lambda i, t: (unit(i).mean(0) - unit(t).mean(0)).norm() / 2),
]
# ---------- 07
S = "Softmax with a temperature"
ANSWERS[S] = [
    ("argmax one-hot", lambda c, t: F.one_hot(c.argmax(1), len(c)).double()),
    ("softmin", lambda c, t: sm(-c / t)),
    ("sigmoid", lambda c, t: (c / t).sigmoid()),
    ("tau squared", lambda c, t: sm(c / t**2)),
    ("sqrt tau", lambda c, t: sm(c / t**0.5)),
    ("log tau", lambda c, t: sm(c * math.exp(-t))),
    ("tau in the power after", lambda c, t: sm(c) ** (1 / t)),
    ("columns transposed", lambda c, t: sm(c / t).T),
    ("of the transposed", lambda c, t: sm(c.T / t)),
    ("minus max not needed, wrong: divided by max", lambda c, t: sm(c / c.max() / t)),
    ("rows minus mean squared", lambda c, t: sm((c - c.mean(1, keepdim=True)) * t)),
    (
        "without the diagonal",
        lambda c, t: sm((c / t).masked_fill(torch.eye(len(c), dtype=torch.bool), -torch.inf)),
    ),
    ("diagonal only", lambda c, t: sm(c / t).diagonal()),
    ("rounded", lambda c, t: (sm(c / t) * 100).round() / 100),
    ("powers of 2", lambda c, t: 2 ** (c / t) / (2 ** (c / t)).sum(1, keepdim=True)),
    ("powers of 10", lambda c, t: 10 ** (c / t) / (10 ** (c / t)).sum(1, keepdim=True)),
    ("exp not divided, transposed sum", lambda c, t: (c / t).exp() / (c / t).exp().sum(0)),
    ("exp divided by sum without keepdim", lambda c, t: (c / t).exp() / (c / t).exp().sum(1)),
    ("both averaged", lambda c, t: (sm(c / t) + sm(c / t, 0)) / 2),
    ("twice", lambda c, t: sm(sm(c / t))),
    ("loss", lambda c, t: ce(c / t, ar(len(c)))),
]
W = "Who gets the gradient?"
ANSWERS[W] = [
    ("uniform", lambda c, t: (~eye(c)).double() / (len(c) - 1)),
    ("hardest only", lambda c, t: F.one_hot(c.masked_fill(eye(c), -9).argmax(1), len(c)).double()),
    ("masked with -1", lambda c, t: sm(c.masked_fill(eye(c), -1) / t)),
    ("masked with 1e-9", lambda c, t: sm(c.masked_fill(eye(c), 1e-9) / t)),
    (
        "whole matrix",
        lambda c, t: (c / t).masked_fill(eye(c), -torch.inf).flatten().softmax(0).view_as(c),
    ),
    (
        "pull on diagonal -1",
        lambda c, t: (c / t).masked_fill(eye(c), -torch.inf).softmax(1) - torch.eye(len(c)),
    ),
    ("softmin", lambda c, t: (-c / t).masked_fill(eye(c), -torch.inf).softmax(1)),
    ("transposed", lambda c, t: (c / t).masked_fill(eye(c), -torch.inf).softmax(1).T),
    ("N-1 columns", lambda c, t: (c / t)[~eye(c)].view(len(c), -1).softmax(1)),
    (
        "times 1-p",
        lambda c, t: sm(c / t).masked_fill(eye(c), 0) * (1 - sm(c / t).diagonal())[:, None],
    ),
    (
        "over 1-p of the column",
        lambda c, t: sm(c / t).masked_fill(eye(c), 0) / (1 - sm(c / t).diagonal()),
    ),
    (
        "loss in both directions",
        lambda c, t: (
            (
                (c / t).masked_fill(eye(c), -torch.inf).softmax(1)
                + (c / t).masked_fill(eye(c), -torch.inf).softmax(0)
            )
            / 2
        ),
    ),
    ("1/N left in", lambda c, t: (c / t).masked_fill(eye(c), -torch.inf).softmax(1) / len(c)),
    ("gradient without the positive", lambda c, t: sm(c / t).masked_fill(eye(c), 0) / t),
    ("percent", lambda c, t: 100 * (c / t).masked_fill(eye(c), -torch.inf).softmax(1)),
    (
        "nan diagonal",
        lambda c, t: (
            (c / t).masked_fill(eye(c), -torch.inf).softmax(1).masked_fill(eye(c), torch.nan)
        ),
    ),
    ("minus gradient", lambda c, t: -((sm(c / t) - torch.eye(len(c))) / t)),
    ("gradient over N", lambda c, t: (sm(c / t) - torch.eye(len(c))) / t / len(c)),
    ("gradient without 1/t", lambda c, t: sm(c / t) - torch.eye(len(c))),
]
U = "One update of the temperature"
ANSWERS[U] = [
    ("limit 100 on tau", lambda t, g, r: min(math.exp(-(math.log(1 / t) - r * g)), 100)),
    ("limit 0.01 as max", lambda t, g, r: min(t * math.exp(r * g), 0.01)),
    ("scale multiplied", lambda t, g, r: 1 / min((1 / t) * (1 - r * g), 100)),
    (
        "gradient divided by tau",
        lambda t, g, r: 1 / min(math.exp(math.log(1 / t) - r * g / t), 100),
    ),
    ("chain rule to tau", lambda t, g, r: max(t - r * (-g / t), 0.01)),
    ("no learning rate", lambda t, g, r: 1 / min(math.exp(math.log(1 / t) - g), 100)),
    ("step twice", lambda t, g, r: 1 / min(math.exp(math.log(1 / t) - 2 * r * g), 100)),
    (
        "sign of the gradient",
        lambda t, g, r: 1 / min(math.exp(math.log(1 / t) - r * np.sign(g)), 100),
    ),
    ("unchanged", lambda t, g, r: t),
    ("clip at 4.6", lambda t, g, r: math.exp(-min(math.log(1 / t) - r * g, 4.6))),
    (
        "clip gradient",
        lambda t, g, r: 1 / min(math.exp(math.log(1 / t) - r * max(-1, min(1, g))), 100),
    ),
    ("log2", lambda t, g, r: 1 / min(2 ** (math.log2(1 / t) - r * g), 100)),
    ("first order", lambda t, g, r: max(t * (1 + r * g), 0.01)),
    (
        "stored log tau, sign flipped wrong",
        lambda t, g, r: max(math.exp(math.log(t) - r * g), 0.01),
    ),
    ("always 0.01", lambda t, g, r: 0.01),
    (
        "scale also held below 1",
        lambda t, g, r: 1 / max(1, min(math.exp(math.log(1 / t) - r * g), 100)),
    ),
    ("clip at 10", lambda t, g, r: 1 / min(math.exp(math.log(1 / t) - r * g), 10)),
    ("tau squared", lambda t, g, r: (1 / min(math.exp(math.log(1 / t) - r * g), 100)) ** 2),
]
# ---------- 08
SIGMOID = "Sigmoid loss"
ANSWERS[SIGMOID] = [
    (
        "mean of positives plus mean of negatives",
        lambda i, t, s, b: (
            -F.logsigmoid(zz(i) * lg(i, t, s, b)).diagonal().mean()
            - F.logsigmoid(zz(i) * lg(i, t, s, b))[~torch.eye(len(i), dtype=torch.bool)].mean()
        ),
    ),
    ("bias outside", lambda i, t, s, b: -F.logsigmoid(zz(i) * s * (i @ t.T)).sum() / len(i) + b),
    ("bias scaled", lambda i, t, s, b: -F.logsigmoid(zz(i) * s * (i @ t.T + b)).sum() / len(i)),
    (
        "divided by scale",
        lambda i, t, s, b: -F.logsigmoid(zz(i) * ((i @ t.T) / s + b)).sum() / len(i),
    ),
    (
        "scale exponentiated",
        lambda i, t, s, b: -F.logsigmoid(zz(i) * (math.exp(s) * (i @ t.T) + b)).sum() / len(i),
    ),
    ("z reversed", lambda i, t, s, b: -F.logsigmoid(-zz(i) * lg(i, t, s, b)).sum() / len(i)),
    ("softmax CE", lambda i, t, s, b: ce(lg(i, t, s, b), ar(len(i)))),
    (
        "InfoNCE",
        lambda i, t, s, b: (ce(lg(i, t, s, b), ar(len(i))) + ce(lg(i, t, s, b).T, ar(len(i)))) / 2,
    ),
    (
        "negatives only",
        lambda i, t, s, b: (
            -F.logsigmoid(-lg(i, t, s, b))[~torch.eye(len(i), dtype=torch.bool)].sum() / len(i)
        ),
    ),
    ("log2", lambda i, t, s, b: -F.logsigmoid(zz(i) * lg(i, t, s, b)).sum() / len(i) / math.log(2)),
    (
        "rows mean of maxima",
        lambda i, t, s, b: -F.logsigmoid(zz(i) * lg(i, t, s, b)).max(1).values.mean(),
    ),
    ("halved", lambda i, t, s, b: -F.logsigmoid(zz(i) * lg(i, t, s, b)).sum() / len(i) / 2),
    ("hinge", lambda i, t, s, b: F.relu(1 - zz(i) * lg(i, t, s, b)).sum() / len(i)),
    (
        "squared error",
        lambda i, t, s, b: ((lg(i, t, s, b).sigmoid() - torch.eye(len(i))) ** 2).sum() / len(i),
    ),
    ("labels all +1", lambda i, t, s, b: -F.logsigmoid(lg(i, t, s, b)).sum() / len(i)),
    ("labels all -1", lambda i, t, s, b: -F.logsigmoid(-lg(i, t, s, b)).sum() / len(i)),
    (
        "1 - sigmoid forgotten",
        lambda i, t, s, b: -(zz(i) * lg(i, t, s, b)).sigmoid().sum() / len(i),
    ),
    (
        "bce mean",
        lambda i, t, s, b: F.binary_cross_entropy_with_logits(lg(i, t, s, b), torch.eye(len(i))),
    ),
    (
        "bce sum",
        lambda i, t, s, b: F.binary_cross_entropy_with_logits(
            lg(i, t, s, b), torch.eye(len(i)), reduction="sum"
        ),
    ),
    (
        "transposed texts forgotten",
        lambda i, t, s, b: -F.logsigmoid(zz(i) * (s * (i @ i.T) + b)).sum() / len(i),
    ),
    ("without bias", lambda i, t, s, b: -F.logsigmoid(zz(i) * (s * (i @ t.T))).sum() / len(i)),
    ("without scale", lambda i, t, s, b: -F.logsigmoid(zz(i) * ((i @ t.T) + b)).sum() / len(i)),
    (
        "N(N-1)",
        lambda i, t, s, b: -F.logsigmoid(zz(i) * lg(i, t, s, b)).sum() / len(i) / (len(i) - 1),
    ),
    ("divided by 2N", lambda i, t, s, b: -F.logsigmoid(zz(i) * lg(i, t, s, b)).sum() / len(i) / 2),
]
D = "Gradient of the sigmoid loss"
ANSWERS[D] = [
    ("sigmoid(z x) - 1 without z", lambda x: (sg(zz(x) * x) - 1) / len(x)),
    ("sigma(1-sigma)", lambda x: sg(x) * (1 - sg(x)) / len(x)),
    ("minus identity only", lambda x: -torch.eye(len(x)) / len(x)),
    ("logits minus identity", lambda x: (x - torch.eye(len(x))) / len(x)),
    ("tanh", lambda x: (x.tanh() - torch.eye(len(x))) / len(x)),
    ("sign instead of identity", lambda x: (sg(x) - zz(x)) / len(x)),
    ("sigmoid twice", lambda x: (sg(sg(x)) - torch.eye(len(x))) / len(x)),
    ("divided by 2N", lambda x: (sg(x) - torch.eye(len(x))) / 2 / len(x)),
    ("1-sigmoid", lambda x: (1 - sg(x) - torch.eye(len(x))) / len(x)),
    ("diagonal only", lambda x: torch.diag((sg(x) - torch.eye(len(x))).diagonal()) / len(x)),
    ("softmax columns", lambda x: (x.softmax(0) - torch.eye(len(x))) / len(x)),
    ("both softmax", lambda x: ((x.softmax(0) + x.softmax(1)) / 2 - torch.eye(len(x))) / len(x)),
    ("transposed", lambda x: ((sg(x) - torch.eye(len(x))) / len(x)).T),
    (
        "positives pushed fully",
        lambda x: torch.where(torch.eye(len(x)) > 0, -1.0, sg(x).double()).float() / len(x),
    ),
    ("times z", lambda x: zz(x) * (sg(x) - torch.eye(len(x))) / len(x)),
    ("a number", lambda x: ((sg(x) - torch.eye(len(x))) / len(x)).sum()),
    ("loss", lambda x: -F.logsigmoid(zz(x) * x).sum() / len(x)),
    ("times logits", lambda x: x * (sg(x) - torch.eye(len(x))) / len(x)),
]
B = "The bias that fits the batch"
ANSWERS[B] = [
    ("1-N", lambda n: 1 - n),
    ("-log(N+1)", lambda n: -math.log(n + 1)),
    ("log(1/N)+1", lambda n: math.log(1 / n) + 1),
    ("log(1/(N-1)) squared", lambda n: -(math.log(n - 1) ** 2)),
    ("-log2(n-1)", lambda n: -math.log2(n - 1)),
    ("-sqrt", lambda n: -math.sqrt(n - 1)),
    ("-log(N-1)/2", lambda n: -math.log(n - 1) / 2),
    ("-log(n-2)", lambda n: -math.log(n - 2)),
    ("-N", lambda n: -n),
    ("0", lambda n: 0.0),
    ("-log(N*N-N)", lambda n: -math.log(n * n - n)),
    ("-log(N²)", lambda n: -math.log(n * n)),
    ("log N", lambda n: math.log(n)),
    ("-5.5", lambda n: -5.5),
    ("sigmoid(1/N)", lambda n: 1 / (1 + math.exp(-1 / n))),
    ("-log10(n)", lambda n: -math.log10(n)),
    ("text", lambda n: "-log(N-1)"),
    ("-1/n", lambda n: -1 / n),
    ("1/(n-1)", lambda n: 1 / (n - 1)),
    ("-log1p", lambda n: -math.log1p(n)),
]
ONLINE = "Log-sum-exp, one block at a time"


def stab(v):
    m = v.max(1)
    return m + np.log(np.exp(v - m[:, None]).sum(1))


def run(update):
    def f(bl):
        m = np.full(len(bl[0]), -np.inf)
        t = np.zeros(len(bl[0]))
        for b in bl:
            m, t = update(m, t, b)
        return m + np.log(t)

    return f


def inverse(m, t, b):
    n = np.maximum(m, b.max(1))
    return n, t * np.exp(n - m if np.isfinite(m).all() else 0 * n) + np.exp(b - n[:, None]).sum(1)


def globalmax(bl):
    m = max(b.max() for b in bl)
    return np.log(sum(np.exp(b - m).sum(1) for b in bl)) + m


def firstmax(bl):
    m = bl[0].max(1)
    return m + np.log(sum(np.exp(b - m[:, None]).sum(1) for b in bl))


def lastmax(bl):
    m = bl[-1].max(1)
    return m + np.log(sum(np.exp(b - m[:, None]).sum(1) for b in bl))


def maxonly(bl):
    return np.max([b.max(1) for b in bl], axis=0)


def minmax(bl):
    m = np.min([b.min(1) for b in bl], axis=0)
    return m + np.log(sum(np.exp(b - m[:, None]).sum(1) for b in bl))


def meanin(m, t, b):
    n = np.maximum(m, b.max(1))
    return n, t * np.exp(m - n) + np.exp(b - n[:, None]).mean(1)


def cols(bl):
    return np.concatenate([stab(b.T) for b in bl])


def pair(bl):
    s = stab(bl[0])
    for b in bl[1:]:
        s = np.logaddexp(s, stab(b))
    return s


def pairmax(bl):
    s = stab(bl[0])
    for b in bl[1:]:
        s = np.maximum(s, stab(b))
    return s


def clip(bl):
    return np.log(sum(np.exp(np.clip(b.astype(float), -700, 700)).sum(1) for b in bl))


def blocklast(bl):
    return stab(bl[-1])


def blockfirst(bl):
    return stab(bl[0])


def scalar(bl):
    return pair(bl).sum()


def keep(bl):
    return pair(bl)[:, None]


def log2(bl):
    return pair(bl) / math.log(2)


def minus(bl):
    return -pair(bl)


def lme(bl):
    return pair(bl) - math.log(sum(b.shape[1] for b in bl))


def f32cat(bl):
    return np.log(np.exp(np.column_stack(bl).astype(float)).sum(1))


def absmax(bl):
    m = np.max([np.abs(b).max(1) for b in bl], axis=0)
    with np.errstate(all="ignore"):
        return m + np.log(sum(np.exp(b - m[:, None]).sum(1) for b in bl))


def longdouble(bl):
    return np.log(sum(np.exp(b.astype(np.longdouble)).sum(1) for b in bl)).astype(float)


def softmaxed(bl):
    return np.exp(pair(bl))


def unscaledfirst(m, t, b):
    n = np.maximum(m, b.max(1))
    return n, (t + np.exp(b - n[:, None]).sum(1)) * np.where(
        np.isfinite(m), np.exp(np.where(np.isfinite(m), m, 0) - n), 1
    )


def scalarmax(bl):
    m = -np.inf
    t = 0
    for b in bl:
        n = max(m, b.max())
        t = t * np.exp(m - n) + np.exp(b - n).sum(1)
        m = n
    return m + np.log(t)


ANSWERS[ONLINE] = [
    ("rescaled the wrong way", run(inverse)),
    ("global maximum (right)", globalmax),
    ("maximum of the first block", firstmax),
    ("of the last", lastmax),
    ("maximum only", maxonly),
    ("minimum subtracted", minmax),
    ("mean within", run(meanin)),
    ("columns", cols),
    ("logaddexp (right)", pair),
    ("maxima of the blocks", pairmax),
    ("clipped", clip),
    ("last block", blocklast),
    ("first block", blockfirst),
    ("one number", scalar),
    ("(R,1)", keep),
    ("base 2", log2),
    ("minus", minus),
    ("log of the mean", lme),
    ("joined by column_stack", f32cat),
    ("largest absolute value", absmax),
    ("longdouble", longdouble),
    ("without the log", softmaxed),
    ("both rescaled", run(unscaledfirst)),
    ("one maximum for all rows (right)", scalarmax),
]
M = "The size of one matrix"
ANSWERS[M] = [
    (str(v), v)
    for v in (
        4.29,
        4.3,
        4294967296,
        4 * 2**30,
        16,
        0.5,
        3.9,
        4.0001,
        32768,
        1073741824,
        "4 GB",
        "4GiB",
        "four",
        [4, 4],
        4096.0,
        2**32,
        0.004,
        -4,
        None,
        4 + 0j,
        True,
        12,
        1.07,
        64,
    )
]
G = "The factor of a gather"
ANSWERS[G] = [
    (str(v), v)
    for v in (
        0.12,
        0.124,
        "0.125",
        "1/8",
        Fraction(1, 8),
        7 / 8,
        8.0,
        -1 / 8,
        "8",
        1 / 7,
        1 / 9,
        0,
        1 / 16,
        1 / 4,
        1 / 32,
        12.5,
        "12.5%",
        64,
        [0.125],
        (1 / 8,),
        8**0.5,
        2.0,
        0.35,
        "one eighth",
    )
]
Z = "A zero-shot classifier from features"
ANSWERS[Z] = [
    ("logits", lambda i, p, s: s * unit(i) @ cls(p).T),
    ("cosines", lambda i, p, s: unit(i) @ cls(p).T),
    ("log softmax", lambda i, p, s: (s * unit(i) @ cls(p).T).log_softmax(1)),
    ("argmax", lambda i, p, s: (unit(i) @ cls(p).T).argmax(1)),
    ("one-hot", lambda i, p, s: F.one_hot((unit(i) @ cls(p).T).argmax(1), len(p)).float()),
    (
        "mean of softmaxes over prompts",
        lambda i, p, s: torch.einsum("nd,kpd->nkp", unit(i), unit(p)).mul(s).softmax(1).mean(2),
    ),
    (
        "max over prompts",
        lambda i, p, s: (s * torch.einsum("nd,kpd->nkp", unit(i), unit(p)).max(2).values).softmax(
            1
        ),
    ),
    (
        "mean of cosines",
        lambda i, p, s: (s * torch.einsum("nd,kpd->nkp", unit(i), unit(p)).mean(2)).softmax(1),
    ),
    ("median", lambda i, p, s: (s * unit(i) @ unit(unit(p).median(1).values).T).softmax(1)),
    ("last prompt", lambda i, p, s: (s * unit(i) @ unit(p[:, -1]).T).softmax(1)),
    ("nothing normalised", lambda i, p, s: (s * i @ p.mean(1).T).softmax(1)),
    ("sum not mean, not renormalised", lambda i, p, s: (s * unit(i) @ unit(p).sum(1).T).softmax(1)),
    ("sum renormalised (right)", lambda i, p, s: (s * unit(i) @ unit(unit(p).sum(1)).T).softmax(1)),
    ("scale forgotten", lambda i, p, s: (unit(i) @ cls(p).T).softmax(1)),
    ("scale squared", lambda i, p, s: (s * s * unit(i) @ cls(p).T).softmax(1)),
    ("exp scale", lambda i, p, s: (math.exp(s) * unit(i) @ cls(p).T).softmax(1)),
    ("scale after", lambda i, p, s: s * (unit(i) @ cls(p).T).softmax(1)),
    (
        "softmax over everything",
        lambda i, p, s: (s * unit(i) @ cls(p).T).flatten().softmax(0).view(len(i), -1),
    ),
    ("transposed", lambda i, p, s: (s * unit(i) @ cls(p).T).softmax(1).T),
    ("sigmoid", lambda i, p, s: (s * unit(i) @ cls(p).T).sigmoid()),
    (
        "normalised over classes",
        lambda i, p, s: (s * unit(i) @ F.normalize(unit(p).mean(1), dim=0).T).softmax(1),
    ),
    (
        "prompts normalised over the prompts",
        lambda i, p, s: (s * unit(i) @ unit(F.normalize(p, dim=1).mean(1)).T).softmax(1),
    ),
    (
        "images normalised over the batch",
        lambda i, p, s: (s * F.normalize(i, dim=0) @ cls(p).T).softmax(1),
    ),
    ("distances", lambda i, p, s: (-s * torch.cdist(unit(i), cls(p))).softmax(1)),
    (
        "squared distances halved (right)",
        lambda i, p, s: (-s * torch.cdist(unit(i), cls(p)) ** 2 / 2).softmax(1),
    ),
    ("softmax twice", lambda i, p, s: (s * unit(i) @ cls(p).T).softmax(1).softmax(1)),
    ("every prompt a class", lambda i, p, s: (s * unit(i) @ unit(p).flatten(0, 1).T).softmax(1)),
    (
        "classes normalised not prompts nor images",
        lambda i, p, s: (s * i @ unit(p.mean(1)).T).softmax(1),
    ),
    ("nothing after the mean, raw", lambda i, p, s: (s * unit(i) @ p.mean(1).T).softmax(1)),
    ("softmin", lambda i, p, s: (-s * unit(i) @ cls(p).T).softmax(1)),
]
R = "Recall@k both ways"


def own(m):
    return torch.arange(len(m))[:, None]


def rec(m, k):
    return (m.topk(k, 1).indices == own(m)).any(1).double().mean().item()


ANSWERS[R] = [
    ("rows only, twice", lambda m, k: [rec(m, k)] * 2),
    ("columns only, twice", lambda m, k: [rec(m.T, k)] * 2),
    ("one number", lambda m, k: rec(m, k)),
    ("mean of both", lambda m, k: (rec(m, k) + rec(m.T, k)) / 2),
    ("k-1", lambda m, k: [rec(m, max(k - 1, 1)), rec(m.T, max(k - 1, 1))]),
    ("k+1", lambda m, k: [rec(m, k + 1), rec(m.T, k + 1)]),
    (
        "exactly at rank k",
        lambda m, k: [
            float((x.topk(k, 1).indices[:, -1:] == own(x)).double().mean()) for x in (m, m.T)
        ],
    ),
    ("precision@k", lambda m, k: [rec(m, k) / k, rec(m.T, k) / k]),
    ("counts", lambda m, k: [rec(m, k) * len(m), rec(m.T, k) * len(m)]),
    ("percent", lambda m, k: [rec(m, k) * 100, rec(m.T, k) * 100]),
    ("missed", lambda m, k: [1 - rec(m, k), 1 - rec(m.T, k)]),
    ("softmax then the same (right)", lambda m, k: [rec(m.softmax(1), k), rec(m.T.softmax(1), k)]),
    ("softmax over rows for both", lambda m, k: [rec(m.softmax(1), k), rec(m.softmax(1).T, k)]),
    ("sorted ascending", lambda m, k: [rec(-m, k), rec(-m.T, k)]),
    ("abs", lambda m, k: [rec(m.abs(), k), rec(m.T.abs(), k)]),
    (
        "threshold mean",
        lambda m, k: [
            float((m.diagonal() > m.mean(1)).double().mean()),
            float((m.diagonal() > m.mean(0)).double().mean()),
        ],
    ),
    (
        "topk over the wrong axis, both",
        lambda m, k: [
            float((own(x) == x.topk(k, 0).indices.T).any(1).double().mean()) for x in (m, m.T)
        ],
    ),
    (
        "topk dim 0 not transposed",
        lambda m, k: [
            float((x.topk(k, 0).indices == torch.arange(len(x))).any(0).double().mean())
            for x in (m, m.T)
        ],
    ),
    (
        "mean rank",
        lambda m, k: [float((x > x.diagonal()[:, None]).sum(1).double().mean()) for x in (m, m.T)],
    ),
    (
        "MRR",
        lambda m, k: [
            float((1 / ((x > x.diagonal()[:, None]).sum(1) + 1)).double().mean()) for x in (m, m.T)
        ],
    ),
    (
        "rank <= k",
        lambda m, k: [
            float(((x > x.diagonal()[:, None]).sum(1) <= k).double().mean()) for x in (m, m.T)
        ],
    ),
    (
        "rank < k (right)",
        lambda m, k: [
            float(((x > x.diagonal()[:, None]).sum(1) < k).double().mean()) for x in (m, m.T)
        ],
    ),
    (
        "both at once",
        lambda m, k: (
            [
                float(
                    (
                        (m.topk(k, 1).indices == own(m)).any(1)
                        & (m.T.topk(k, 1).indices == own(m)).any(1)
                    )
                    .double()
                    .mean()
                )
            ]
            * 2
        ),
    ),
    (
        "either",
        lambda m, k: (
            [
                float(
                    (
                        (m.topk(k, 1).indices == own(m)).any(1)
                        | (m.T.topk(k, 1).indices == own(m)).any(1)
                    )
                    .double()
                    .mean()
                )
            ]
            * 2
        ),
    ),
    ("zeros", lambda m, k: [0.0, 0.0]),
    ("ones", lambda m, k: [1.0, 1.0]),
    ("k/N", lambda m, k: [k / len(m)] * 2),
    (
        "accuracy of argmax",
        lambda m, k: [
            float((m.argmax(1) == own(m)[:, 0]).double().mean()),
            float((m.argmax(0) == own(m)[:, 0]).double().mean()),
        ],
    ),
    ("diagonal mean", lambda m, k: [float(m.diagonal().mean())] * 2),
    (
        "without own diagonal",
        lambda m, k: [rec(m - 9 * torch.eye(len(m)), k), rec(m.T - 9 * torch.eye(len(m)), k)],
    ),
]
PS = "Pixel shuffle"


def bl(t, f):
    s = int(t.shape[1] ** 0.5)
    return t.unflatten(1, (s // f, f, s // f, f))


ANSWERS[PS] = [
    (
        "view only, no transpose",
        lambda t, f: bl(t, f).flatten(3).flatten(1, 2).reshape(len(t), -1, f * f * t.shape[2]),
    ),
    ("max", lambda t, f: bl(t, f).amax((2, 4)).flatten(1, 2)),
    ("mean once", lambda t, f: bl(t, f).mean((2, 4)).flatten(1, 2)),
    ("every f-th token", lambda t, f: t[:, :: f * f]),
    (
        "strided, four phases joined",
        lambda t, f: torch.cat([t[:, k :: f * f] for k in range(f * f)], -1),
    ),
    ("top left corner only", lambda t, f: bl(t, f)[:, :, 0, :, 0].flatten(1, 2)),
    (
        "grid transposed first",
        lambda t, f: (
            bl(bl(t, 1)[:, :, 0, :, 0].transpose(1, 2).flatten(1, 2), f)
            .transpose(2, 3)
            .flatten(3)
            .flatten(1, 2)
        ),
    ),
    (
        "quadrants",
        lambda t, f: (
            bl(t, f).permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
            if False
            else bl(t, int(t.shape[1] ** 0.5) // f).transpose(2, 3).flatten(3).flatten(1, 2)
        ),
    ),
    (
        "dilated",
        lambda t, f: (
            bl(t, int(t.shape[1] ** 0.5) // f).permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        ),
    ),
    ("reversed within", lambda t, f: bl(t, f).transpose(2, 3).flip(3).flatten(3).flatten(1, 2)),
    ("blocks reversed", lambda t, f: bl(t, f).transpose(2, 3).flatten(3).flatten(1, 2).flip(1)),
    ("flip left right", lambda t, f: bl(t, f).transpose(2, 3).flip(4).flatten(3).flatten(1, 2)),
    ("batch mixed", lambda t, f: bl(t, f).transpose(2, 3).flatten(3).flatten(1, 2).roll(1, 0)),
    ("unchanged", lambda t, f: t),
    (
        "channels first",
        lambda t, f: bl(t, f).transpose(2, 3).flatten(3).flatten(1, 2).transpose(1, 2),
    ),
    ("as a grid", lambda t, f: bl(t, f).transpose(2, 3).flatten(3)),
    (
        "factor f*f",
        lambda t, f: t.reshape(len(t), -1, f**4 * t.shape[2]) if t.shape[1] % f**4 == 0 else t,
    ),
    ("zeros", lambda t, f: torch.zeros(len(t), t.shape[1] // f**2, f * f * t.shape[2])),
    (
        "unfold",
        lambda t, f: F.unfold(
            t.transpose(1, 2).unflatten(2, (int(t.shape[1] ** 0.5),) * 2), f, stride=f
        ).transpose(1, 2),
    ),
    ("sum", lambda t, f: bl(t, f).sum((2, 4)).flatten(1, 2)),
    ("repeated first", lambda t, f: bl(t, f)[:, :, 0, :, 0].flatten(1, 2).repeat(1, 1, f * f)),
    (
        "snake within",
        lambda t, f: (
            torch.cat(
                [
                    bl(t, f).transpose(2, 3)[:, :, :, 0:1],
                    bl(t, f).transpose(2, 3)[:, :, :, 1:].flip(4),
                ],
                3,
            )
            .flatten(3)
            .flatten(1, 2)
        ),
    ),
    ("block rows reversed", lambda t, f: bl(t, f).flip(1).transpose(2, 3).flatten(3).flatten(1, 2)),
    (
        "columns within joined as rows of blocks",
        lambda t, f: bl(t, f).permute(0, 3, 1, 4, 2, 5).flatten(3).flatten(1, 2),
    ),
]
T = "The picture in LLaVA-1.5's prompt"
ANSWERS[T] = [
    (str(v), v)
    for v in (
        575,
        578,
        24 * 14,
        336 * 336 // 14,
        336**2,
        196,
        257,
        1024,
        577.0,
        "576",
        24.0,
        144.0,
        288,
        2304,
        1152,
        336 / 14,
        (336 / 14) ** 2,
        729,
        64,
        32,
        336,
        14,
        0,
        "577",
    )
]
K = "The mask of a picture before words"
ANSWERS[K] = [
    ("all True", lambda n, f: torch.ones(n, n).bool()),
    ("all False", lambda n, f: torch.zeros(n, n).bool()),
    ("identity", lambda n, f: torch.eye(n).bool()),
    (
        "prefix sees only itself, words all",
        lambda n, f: torch.cat([base(n, f)[:f], torch.ones(n - f, n).bool()]),
    ),
    (
        "prefix block only",
        lambda n, f: torch.block_diag(torch.ones(f, f), torch.zeros(n - f, n - f)).bool(),
    ),
    (
        "two blocks",
        lambda n, f: torch.block_diag(torch.ones(f, f), torch.ones(n - f, n - f)).bool(),
    ),
    (
        "block diagonal causal",
        lambda n, f: torch.block_diag(torch.ones(f, f), torch.ones(n - f, n - f).tril()).bool(),
    ),
    (
        "words do not see the prefix",
        lambda n, f: base(n, f) & ~((torch.arange(n)[:, None] >= f) & (torch.arange(n) < f)),
    ),
    ("one too many", lambda n, f: base(n, min(f + 1, n))),
    ("one too few", lambda n, f: base(n, max(f - 1, 0))),
    ("triu", lambda n, f: tri(n).T),
    ("floats -inf", lambda n, f: torch.zeros(n, n).masked_fill(~base(n, f), -torch.inf)),
    ("0/1 ints (right?)", lambda n, f: base(n, f).int()),
    ("last f free", lambda n, f: base(n, f).flip(0).flip(1)),
    (
        "last f free causal",
        lambda n, f: tri(n) | ((torch.arange(n)[:, None] >= n - f) & (torch.arange(n) >= n - f)),
    ),
    (
        "window",
        lambda n, f: (
            tri(n) & ~tri(n).tril(-2)
            if False
            else tri(n) & (torch.arange(n)[:, None] - torch.arange(n) <= 1)
        ),
    ),
    ("tril(1)", lambda n, f: torch.ones(n, n).tril(1).bool()),
    ("tril(f)", lambda n, f: torch.ones(n, n).tril(f).bool()),
    ("tril(f-1)", lambda n, f: torch.ones(n, n).tril(f - 1).bool()),
    (
        "rows of prefix all but words see prefix only",
        lambda n, f: torch.cat(
            [torch.ones(f, n), torch.cat([torch.ones(n - f, f), torch.zeros(n - f, n - f)], 1)]
        ).bool(),
    ),
    ("columns of the prefix free to all", lambda n, f: tri(n) | (torch.arange(n) < f)),
    ("symmetric prefix & upper", lambda n, f: base(n, f) | base(n, f).T),
    ("length+1", lambda n, f: base(n + 1, f)),
    ("strict below", lambda n, f: torch.ones(n, n).tril(-1).bool()),
]
N = "The loss of the next word"
ANSWERS[N] = [
    ("divided by all", lambda lo, to, c: (cost(lo, to) * c[:, 1:]).mean()),
    ("divided by the batch", lambda lo, to, c: (cost(lo, to) * c[:, 1:]).sum() / len(lo)),
    (
        "divided by counted incl. first",
        lambda lo, to, c: (cost(lo, to) * c[:, 1:]).sum() / (c.sum() + 1),
    ),
    ("only the last word", lambda lo, to, c: cost(lo, to)[:, -1].mean()),
    (
        "first counted only",
        lambda lo, to, c: torch.stack(
            [x[k][0] for x, k in zip(cost(lo, to), c[:, 1:], strict=True)]
        ).mean(),
    ),
    (
        "the questions only",
        lambda lo, to, c: (
            cost(lo, to)[~c[:, 1:]].mean() if (~c[:, 1:]).any() else cost(lo, to).mean() * 0
        ),
    ),
    ("accuracy", lambda lo, to, c: (lo[:, :-1].argmax(-1) == to[:, 1:])[c[:, 1:]].float().mean()),
    ("perplexity", lambda lo, to, c: cost(lo, to)[c[:, 1:]].mean().exp()),
    ("base 2", lambda lo, to, c: cost(lo, to)[c[:, 1:]].mean() / math.log(2)),
    ("softmax before", lambda lo, to, c: cost(lo.softmax(-1), to)[c[:, 1:]].mean()),
    ("log_softmax before (right)", lambda lo, to, c: cost(lo.log_softmax(-1), to)[c[:, 1:]].mean()),
    ("logits masked to 0", lambda lo, to, c: cost(lo * c[..., None], to).mean()),
    ("labels 0 where not counted", lambda lo, to, c: each(lo[:, :-1], (to * c)[:, 1:]).mean()),
    (
        "ignore_index (right)",
        lambda lo, to, c: F.cross_entropy(
            lo[:, :-1].flatten(0, 1), to.masked_fill(~c, -100)[:, 1:].flatten()
        ),
    ),
    (
        "ignore_index 0",
        lambda lo, to, c: F.cross_entropy(
            lo[:, :-1].flatten(0, 1), to[:, 1:].flatten(), ignore_index=0
        ),
    ),
    ("two ahead", lambda lo, to, c: each(lo[:, :-2], to[:, 2:])[c[:, 2:]].mean()),
    (
        "label smoothing",
        lambda lo, to, c: F.cross_entropy(
            lo[:, :-1][c[:, 1:]], to[:, 1:][c[:, 1:]], label_smoothing=0.1
        ),
    ),
    (
        "softmax over the places",
        lambda lo, to, c: (
            -lo[:, :-1].log_softmax(1).gather(2, to[:, 1:, None])[..., 0][c[:, 1:]].mean()
        ),
    ),
    ("exp of mean minus", lambda lo, to, c: -(-cost(lo, to)[c[:, 1:]]).exp().mean()),
    ("log of the mean P", lambda lo, to, c: -(-cost(lo, to)[c[:, 1:]]).exp().mean().log()),
    ("median", lambda lo, to, c: cost(lo, to)[c[:, 1:]].median()),
    (
        "the logit itself",
        lambda lo, to, c: -lo[:, :-1].gather(2, to[:, 1:, None])[..., 0][c[:, 1:]].mean(),
    ),
    (
        "mean over tokens then rows weighted",
        lambda lo, to, c: torch.stack(
            [x[k].mean() for x, k in zip(cost(lo, to), c[:, 1:], strict=True)]
        ).sum(),
    ),
    ("counted of the row by any", lambda lo, to, c: cost(lo, to)[:, c.any(0)[1:]].mean()),
    ("all by all", lambda lo, to, c: cost(lo, to)[:, c.all(0)[1:]].mean()),
    ("max", lambda lo, to, c: cost(lo, to)[c[:, 1:]].max()),
]


# What is right after all: another way to the same numbers.
RIGHT = {
    (ONLINE, "logaddexp (right)"),
    (ONLINE, "longdouble"),
    (M, "(4+0j)"),
    (G, "1/8"),
    (G, "[0.125]"),
    (G, "(0.125,)"),
    (Z, "sum renormalised (right)"),
    (Z, "squared distances halved (right)"),
    (R, "softmax then the same (right)"),
    (R, "rank < k (right)"),
    (T, "576.0"),
    (K, "columns of the prefix free to all"),
    (N, "log_softmax before (right)"),
    (N, "ignore_index (right)"),
}
# Another way to a mistake that has a name.
NAMED = {
    (L, "rows twice"): "one-sided, images to texts only",
    (GAP, "cosine of the means"): "cosine of the means",
    (S, "rows minus mean squared"): "temperature multiplied",
    (S, "exp not divided, transposed sum"): "softmax over the wrong axis",
    (W, "masked with 1e-9"): "the positive's cosine set to zero",
    (U, "limit 100 on tau"): "the scale passes 100",
    (U, "stored log tau, sign flipped wrong"): "wrong direction",
    (SIGMOID, "bce mean"): "divided by N squared",
    (SIGMOID, "bce sum"): "not divided",
    (ONLINE, "maxima of the blocks"): "largest block only",
    (M, "4096.0"): "mebibytes",
    (G, "8.0"): "multiplied",
    (Z, "mean of cosines"): "ensemble averaged without renormalising",
    (R, "rows only, twice"): "rows both times",
    (R, "columns only, twice"): "columns both times",
    (R, "k-1"): "one candidate too few",
    (R, "k+1"): "one candidate too many",
    (R, "counts"): "counted, not shared",
    (R, "sorted ascending"): "the smallest instead of the largest",
    (R, "topk over the wrong axis, both"): "the two directions swapped",
    (R, "topk dim 0 not transposed"): "the two directions swapped",
    (R, "rank <= k"): "one candidate too many",
    (R, "accuracy of argmax"): "recall@1 whatever k is",
    (PS, "view only, no transpose"): "neighbours in the sequence, not on the grid",
    (PS, "strided, four phases joined"): "neighbours in the sequence, not on the grid",
    (PS, "unfold"): "channels interleaved",
    (T, "577.0"): "class token counted",
    (T, "24.0"): "one row",
    (T, "144.0"): "pixel-shuffled",
}


def probes():
    """Each answer with what the check must say: right, a mistake by its name, or simply wrong."""
    for exercise, answers in ANSWERS.items():
        for what, answer in dict(answers).items():  # a number that comes twice is asked once
            name = NAMED.get((exercise, what), "")
            kind = "right" if (exercise, what) in RIGHT else "mistake" if name else "wrong"
            yield Probe(exercise, f"second referee: {what}", answer, kind, name)


PROBES = list(probes())
