"""The text tower: words to numbers, numbers through a small causal transformer, one vector out."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vizkit.models.attention import LAYER_NORM_EPS, EncoderBlock

PADDING, UNKNOWN, END = 0, 1, 2
SPECIAL = ("<padding>", "<unknown>", "<end>")


class WordTokenizer:
    """Words to numbers over a closed vocabulary, as (B, L) of int64: words, the end sign, padding.

    vocabulary: the known words, in the order of their numbers;
    context_length: L, the end sign included.

    Words it does not know become one "unknown" number; `unknown_words` says which they are.
    """

    def __init__(self, vocabulary: Sequence[str], *, context_length: int = 32) -> None:
        if context_length < 2:
            raise ValueError(f"expected context_length of at least 2, received {context_length}")
        if len(set(vocabulary)) != len(vocabulary):
            raise ValueError("expected a vocabulary without repeated words")
        for word in vocabulary:
            if split_words(word) != [word]:
                raise ValueError(f"expected a vocabulary of single lower-case words, got {word!r}")
        self.vocabulary = tuple(vocabulary)
        self.context_length = context_length
        self.number = {word: index for index, word in enumerate(self.vocabulary, len(SPECIAL))}

    def __len__(self) -> int:
        return len(self.vocabulary) + len(SPECIAL)

    def __call__(self, texts: str | Sequence[str]) -> Tensor:
        """Token numbers (B, L); a text that is too long loses its last words."""
        texts = [texts] if isinstance(texts, str) else texts
        tokens = torch.full((len(texts), self.context_length), PADDING)  # (B, L)
        for row, text in enumerate(texts):
            numbers = [self.number.get(word, UNKNOWN) for word in split_words(text)]
            numbers = [*numbers[: self.context_length - 1], END]
            tokens[row, : len(numbers)] = torch.tensor(numbers)
        return tokens

    def unknown_words(self, text: str) -> list[str]:
        """The words of `text` that the vocabulary lacks, in their order."""
        return [word for word in split_words(text) if word not in self.number]


def without_padding(tokens: Tensor) -> Tensor:
    """Tokens (B, L) without the last columns that are padding in every row: the same, faster."""
    used = (tokens != PADDING).any(dim=0).sum()
    return tokens[:, : max(int(used), 1)]


class TextTransformer(nn.Module):
    """Tokens (B, L) to features (B, D): the vector at the end sign, which has seen every word.

    Raises ValueError on another shape and on a row without an end sign.

    Attention is causal as in CLIP (Radford et al. 2021, section 2.4), so that the padding behind
    the end sign cannot reach it. Reference: `TextTransformer` in open_clip `transformer.py`.
    """

    causal_mask: Tensor

    def __init__(
        self,
        *,
        vocabulary_size: int,
        context_length: int = 32,
        embed_dim: int = 128,
        depth: int = 2,
        num_heads: int = 4,
    ) -> None:
        super().__init__()
        self.context_length, self.embed_dim = context_length, embed_dim
        self.token_embedding = nn.Embedding(vocabulary_size, embed_dim)
        self.position = nn.Parameter(torch.empty(context_length, embed_dim))
        self.blocks = nn.ModuleList(
            EncoderBlock(embed_dim=embed_dim, num_heads=num_heads) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)
        causal = torch.ones(context_length, context_length, dtype=torch.bool).tril()
        self.register_buffer("causal_mask", causal, persistent=False)  # True where a word may look
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.position, std=0.01)

    def forward(self, tokens: Tensor) -> Tensor:
        if tokens.ndim != 2 or tokens.shape[1] > self.context_length:
            raise ValueError(
                f"expected tokens (B, L) with L at most {self.context_length}, "
                f"received {tuple(tokens.shape)}"
            )
        is_end = tokens == END  # (B, L)
        if not is_end.any(dim=1).all():
            raise ValueError(f"expected the end sign ({END}) in every row of tokens")
        length = tokens.shape[1]
        words = self.token_embedding(tokens) + self.position[:length]  # (B, L, D)
        for block in self.blocks:
            words = block(words, mask=self.causal_mask[:length, :length])  # (B, L, D)
        end = is_end.int().argmax(dim=1)  # (B,), the first one
        return self.norm(words)[torch.arange(len(words), device=words.device), end]  # (B, D)


def split_words(text: str) -> list[str]:
    """Lower-case words of a text; punctuation parts them and is dropped."""
    return re.findall(r"\w+(?:['-]\w+)*", text.lower())
