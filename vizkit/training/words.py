"""Words for a locked image encoder: a text tower learns to read pictures that stay as they are.

Zhai et al. 2022, "LiT: Zero-Shot Transfer with Locked-image text Tuning" (2111.07991). The features
of the pictures are computed once; only a table with one vector for each piece of a name is trained,
by InfoNCE, so that a run takes a second.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vizkit.data import name_pieces
from vizkit.losses import info_nce
from vizkit.models import ConvNet
from vizkit.training.loop import (
    check_whole,
    fit,
    generator,
    seed_everything,
    steps_to_compute,
)

NONE = -1  # stands in a row of piece numbers where there is no further piece


@dataclass(frozen=True)
class NamePieces:
    """Names as numbers of their pieces.

    names: a language → N names; known: the pieces by number; ids: (L, N, P), `NONE` where a name
    has fewer than P pieces; split: what makes pieces of a name.
    """

    names: dict[str, tuple[str, ...]]
    known: tuple[str, ...]
    ids: Tensor
    split: Callable[[str], Sequence[str]] = name_pieces

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.names)

    def __len__(self) -> int:
        return self.ids.shape[1]

    def read(self, texts: Sequence[str]) -> Tensor:
        """Texts that somebody typed as numbers of known pieces, (M, P'); unknown ones are left out."""
        numbers = {piece: number for number, piece in enumerate(self.known)}
        rows = [[numbers[p] for p in self.split(text) if p in numbers] for text in texts]
        return padded(rows)


def number_pieces(
    names: Mapping[str, Sequence[str]],
    *,
    at_least: int = 2,
    split: Callable[[str], Sequence[str]] = name_pieces,
) -> NamePieces:
    """Number the pieces of all names. Languages share the number of a piece that they share.

    names: a language → N names, in the order of the concepts;
    at_least: in how many names a piece must stand to count. One that stands in a single name can
        only learn that name by heart;
    split: what makes pieces of a name, such as `name_pieces` or `name_words`.

    Raises ValueError unless each language has the same number of names, at least one.
    """
    if not isinstance(names, Mapping) or not names:
        raise ValueError(f"expected names by language, received {names!r}")
    own = {language: tuple(column) for language, column in names.items()}
    if len({len(column) for column in own.values()}) != 1 or not next(iter(own.values())):
        counts = {language: len(column) for language, column in own.items()}
        raise ValueError(f"expected as many names in each language, received {counts}")
    pieces = [[sorted(set(split(name))) for name in column] for column in own.values()]
    check_whole(at_least=at_least)
    often = Counter(piece for column in pieces for name in column for piece in name)
    known = tuple(sorted(piece for piece, count in often.items() if count >= at_least))
    numbers = {piece: number for number, piece in enumerate(known)}
    rows = [name for column in pieces for name in column]
    flat = padded([[numbers[piece] for piece in name if piece in numbers] for name in rows])
    return NamePieces(own, known, flat.view(len(own), -1, flat.shape[1]), split)


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Lists of numbers as one tensor (M, P), P of at least 1."""
    width = max(1, *(len(row) for row in rows), 1)
    return torch.tensor([[*row, *[NONE] * (width - len(row))] for row in rows])  # (M, P)


def lock_features(features: Tensor, seen: np.ndarray, dims: int = 256) -> Tensor:
    """Features (N, F) to the unit vectors (N, dims) that a text tower is to meet. Nothing is learned.

    The mean of the `seen` pictures is taken off, their `dims` principal directions are kept, and
    each is divided by the square root of its standard deviation: else a few directions, which all
    drawings share, decide every cosine. Where F or the number of seen pictures is smaller than
    `dims`, zeros follow.

    Raises ValueError for features of another shape.
    """
    check_whole(dims=dims)
    if not isinstance(features, Tensor) or features.ndim != 2:
        raise ValueError(f"expected features (N, F), received {features!r}")
    rows = features[torch.as_tensor(seen)].double()  # (S, F)
    mean = rows.mean(dim=0)  # (F,)
    _, spread, directions = torch.linalg.svd(rows - mean, full_matrices=False)  # (K,), (K, F)
    kept = min(dims, int((spread > 1e-6 * spread[0]).sum()))
    turned = (features.double() - mean) @ directions[:kept].T  # (N, kept)
    evened = turned / spread[:kept].sqrt()  # (N, kept)
    return F.normalize(F.pad(evened, (0, dims - kept)), dim=-1).float()  # (N, dims)


class WordTower(nn.Module):
    """A text tower that ignores the order: the sum of one vector for each piece, at length 1.

    Pieces (B, P) to (B, D). A piece that was not among those to learn from adds nothing.
    """

    learned: Tensor

    def __init__(self, pieces: int, embed_dim: int, temperature: float = 0.1) -> None:
        super().__init__()
        check_whole(pieces=pieces, embed_dim=embed_dim)
        self.table = nn.Parameter(torch.randn(pieces, embed_dim) / embed_dim**0.5)  # (V, D)
        self.register_buffer("learned", torch.ones(pieces))  # (V,), 0 for pieces never seen
        self.scale = 1 / temperature

    def forget(self, used: Tensor) -> None:
        """Let all pieces but the used ones add nothing: they still are what chance made them."""
        self.learned.zero_()[used[used != NONE]] = 1

    def forward(self, ids: Tensor) -> Tensor:
        there = (ids != NONE) * self.learned[ids.clamp(min=0)]  # (B, P)
        vectors = self.table[ids.clamp(min=0)] * there[..., None]  # (B, P, D)
        return F.normalize(vectors.sum(dim=-2), dim=-1)  # (B, D)


@dataclass(frozen=True)
class WordRun:
    """One training: which pictures, named in which languages.

    pictures: (N, D), from `lock_features`; seen: the concepts to learn from;
    languages: those that all seen concepts are named in, or for each seen concept its own (a list
        as long as `seen`); seed: of the first weights and of the batches.
    """

    pictures: Tensor
    seen: np.ndarray
    languages: Sequence[str]
    seed: int = 0
    each_its_own: bool = False


def train_words(
    pieces: NamePieces,
    runs: Sequence[WordRun],
    *,
    steps: int = 150,
    batch_size: int = 256,
    learning_rate: float = 1e-2,
    temperature: float = 0.1,
) -> list[WordTower]:
    """Train one text tower for each run, all of them at once; in eval mode, in the order of `runs`.

    A batch holds `batch_size` concepts, each under its name in one language, drawn anew each time.

    Raises ValueError for no run, and for a run with fewer concepts than a batch or an unknown
    language.
    """
    check_whole(steps=steps, batch_size=batch_size)
    if not runs:
        raise ValueError("expected at least one run, received none")
    towers, batches = [], []
    for run in runs:
        languages = language_numbers(pieces, run)  # (S, K)
        seen = torch.as_tensor(run.seen)  # (S,)
        if len(seen) < batch_size:
            raise ValueError(f"expected {batch_size} concepts or more, received {len(seen)}")
        seed_everything(run.seed)
        tower = WordTower(len(pieces.known), run.pictures.shape[1], temperature)
        towers.append(tower)
        batches.append(word_batches(run, seen, languages, steps_to_compute(steps), batch_size))

    model = Tables(towers)

    def loss(step: int) -> Tensor:
        chosen = [each[step] for each in batches]
        shown = [run.pictures[which] for run, (which, _) in zip(runs, chosen, strict=True)]
        said = [pieces.ids[language, which] for which, language in chosen]
        return info_nce_of_runs(torch.stack(shown), model(torch.stack(said)), 1 / temperature)

    fit(
        model,
        loss,
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=steps // 20,
        seed=None,
        progress=False,
    )
    model.give_back(towers)
    for tower, run in zip(towers, runs, strict=True):
        used = pieces.ids[language_numbers(pieces, run).T, torch.as_tensor(run.seen)]  # (K, S, P)
        tower.forget(used)
    return towers


class Tables(nn.Module):
    """The tables of R towers one below the other, so that one call adds up the pieces of all runs.

    A step of the optimizer works on each number by itself: the runs do not touch each other.
    """

    def __init__(self, towers: Sequence[WordTower]) -> None:
        super().__init__()
        tables = [tower.table.detach() for tower in towers]
        self.size = len(tables[0])
        self.tables = nn.Parameter(torch.cat(tables))  # (R * V, D)

    def forward(self, ids: Tensor) -> Tensor:
        """Pieces (R, B, P) to unit vectors (R, B, D)."""
        runs, names = ids.shape[:2]
        there = ids != NONE  # (R, B, P)
        own = ids + self.size * torch.arange(runs)[:, None, None]  # (R, B, P)
        ends = there.sum(dim=-1).flatten().cumsum(dim=0)  # (R * B,)
        starts = F.pad(ends[:-1], (1, 0))  # (R * B,)
        vectors = F.embedding_bag(own[there], self.tables, starts, mode="sum")  # (R * B, D)
        return F.normalize(vectors, dim=-1).view(runs, names, -1)

    def give_back(self, towers: Sequence[WordTower]) -> None:
        """Each tower gets its trained table."""
        for tower, table in zip(towers, self.tables.detach().split(self.size), strict=True):
            tower.table.data.copy_(table)
            tower.eval()


def info_nce_of_runs(pictures: Tensor, names: Tensor, scale: float) -> Tensor:
    """InfoNCE of each run's pairs, pictures and names (R, B, D), summed over the runs."""
    logits = scale * pictures @ names.transpose(1, 2)  # (R, B, B)
    right = torch.arange(logits.shape[1]).expand(len(logits), -1)  # (R, B)
    by_picture = F.cross_entropy(logits, right)
    by_name = F.cross_entropy(logits.transpose(1, 2), right)
    return (by_picture + by_name) / 2 * len(logits)


def language_numbers(pieces: NamePieces, run: WordRun) -> Tensor:
    """For each seen concept the numbers of the languages that it may be named in, (S, K)."""
    unknown = [name for name in run.languages if name not in pieces.languages]
    if unknown or not len(run.languages):
        raise ValueError(f"expected languages among {pieces.languages}, received {run.languages!r}")
    numbers = torch.tensor([pieces.languages.index(name) for name in run.languages])
    if not run.each_its_own:
        return numbers.expand(len(run.seen), -1)  # (S, K)
    if len(numbers) != len(run.seen):
        raise ValueError(f"expected {len(run.seen)} languages, received {len(numbers)}")
    return numbers[:, None]  # (S, 1)


def word_batches(
    run: WordRun, seen: Tensor, languages: Tensor, steps: int, batch_size: int
) -> list[tuple[Tensor, Tensor]]:
    """For each step which concepts, (B,), and each in which language, (B,)."""
    own, found = generator(run.seed), []
    for _ in range(steps):
        rows = torch.randperm(len(seen), generator=own)[:batch_size]  # (B,)
        column = torch.randint(languages.shape[1], (batch_size,), generator=own)  # (B,)
        found.append((seen[rows], languages[rows, column]))
    return found


@torch.no_grad()
def found_names(pictures: Tensor, names: Tensor) -> np.ndarray:
    """Rank of each picture's own name among all `names`, (N,), from 1; ties count against it.

    pictures, names: (N, D) unit vectors, row by row of the same concept.

    Raises ValueError unless both have the same shape.
    """
    if pictures.shape != names.shape or pictures.ndim != 2:
        raise ValueError(
            f"expected pictures and names (N, D), received {tuple(pictures.shape)} and "
            f"{tuple(names.shape)}"
        )
    cosines = pictures @ names.T  # (N, N)
    own = cosines.diagonal()[:, None]  # (N, 1)
    return (cosines >= own).sum(dim=1).numpy()  # (N,)


class FromScratch(nn.Module):
    """A small CNN and a text tower, both untrained: what a locked encoder is compared with.

    Pictures (B, 3, H, W) from 0 to 1 and pieces (B, P) to unit vectors (B, embed_dim) each.
    """

    def __init__(self, pieces: int, embed_dim: int = 256, width: int = 12) -> None:
        super().__init__()
        self.images = ConvNet(width=width, depth=(1, 1, 1), strides=(1, 2, 2))
        self.projection = nn.Linear(self.images.embed_dim, embed_dim)
        self.words = WordTower(pieces, embed_dim)

    def forward(self, pictures: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        return self.encode_image(pictures), self.words(ids)

    def encode_image(self, pictures: Tensor) -> Tensor:
        return F.normalize(self.projection(self.images(2 * pictures - 1)), dim=-1)  # (B, D)


def train_from_scratch(
    pieces: NamePieces,
    pictures: Tensor,
    seen: np.ndarray,
    languages: Sequence[str],
    seed: int = 0,
    *,
    steps: int = 300,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
) -> FromScratch:
    """Train both towers on the seen concepts, as `train_words` trains one; in eval mode.

    pictures: (N, 3, H, W) from 0 to 1, of all concepts.
    """
    run = WordRun(pictures, seen, languages, seed)
    numbers, rows = language_numbers(pieces, run), torch.as_tensor(seen)
    seed_everything(seed)
    model = FromScratch(len(pieces.known))
    batches = word_batches(run, rows, numbers, steps_to_compute(steps), batch_size)

    def loss(step: int) -> Tensor:
        which, language = batches[step]
        images, names = model(pictures[which], pieces.ids[language, which])  # (B, D) each
        return info_nce(images, names, model.words.scale)

    fit(
        model,
        loss,
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=steps // 20,
        seed=None,
        progress=False,
    )
    model.words.forget(pieces.ids[numbers.T, rows])
    return model
