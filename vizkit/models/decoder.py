"""A small language model: it reads visual tokens and words, and says which word comes next."""

from typing import cast

import torch
from torch import Tensor, nn

from vizkit.models.attention import LAYER_NORM_EPS, EncoderBlock
from vizkit.models.checks import check_tensor, check_whole
from vizkit.models.initialization import initialize
from vizkit.models.text import END, PADDING


def prefix_mask(length: int, num_free: int = 0) -> Tensor:
    """Who may look at whom, (length, length), True where a row may look at a column.

    Causal: nobody looks ahead. The first `num_free` tokens may look at one another as well, both
    ways, as PaliGemma lets its picture and question (Beyer et al. 2024, Fig. 2); LLaVA keeps
    `num_free` at 0. Raises ValueError unless 0 <= num_free <= length.
    """
    check_whole(length=length)
    check_whole(at_least=0, num_free=num_free)
    if num_free > length:
        raise ValueError(f"expected num_free of at most {length}, received {num_free}")
    mask = torch.ones(length, length, dtype=torch.bool).tril()  # (T, T)
    mask[:num_free, :num_free] = True
    return mask


def next_word_loss(logits: Tensor, tokens: Tensor, counted: Tensor) -> Tensor:
    """Mean of -log P(next word) over the words that are `counted`, a scalar.

    logits: (B, L, V), those at word i speak of word i + 1; tokens: (B, L);
    counted: (B, L) of bool, the words to be learned: answers, neither questions nor padding.

    Raises ValueError when shapes differ or nothing is counted. The instruction tuning of LLaVA
    (Liu et al. 2023, eq. 3) counts the answers only.
    """
    check_tensor("logits", logits, "(B, L, V)")
    check_tensor("tokens", tokens, "(B, L)")
    check_tensor("counted", counted, "(B, L)")
    if tokens.shape != logits.shape[:2] or counted.shape != tokens.shape:
        raise ValueError(
            f"expected tokens and counted (B, L) for logits {tuple(logits.shape)}, "
            f"received {tuple(tokens.shape)} and {tuple(counted.shape)}"
        )
    learned = counted[:, 1:]  # nothing predicts the first word
    if not learned.any():
        raise ValueError("expected at least one counted word after the first, received none")
    log_probability = logits[:, :-1].log_softmax(dim=-1)  # (B, L - 1, V)
    of_next = log_probability.gather(2, tokens[:, 1:, None])[..., 0]  # (B, L - 1)
    return -of_next[learned].mean()


class CausalDecoder(nn.Module):
    """Visual tokens (B, P, D) and words (B, L) to the scores of every next word, (B, L, V).

    The visual tokens stand in front of the words as if they were words themselves (LLaVA). A word
    sees them all and the words before it. P may be 0: then it is a plain language model.

    `forward(..., return_maps=True)` also gives the attention of each block, (B, H, P + L, P + L).
    Raises ValueError on more than `context_length` tokens or visual tokens of another width.
    Pre-norm blocks and learned positions: GPT-2 (Radford et al. 2019, section 2.3).
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        context_length: int = 96,
        embed_dim: int = 128,
        depth: int = 2,
        num_heads: int = 4,
    ) -> None:
        super().__init__()
        check_whole(vocabulary_size=vocabulary_size, context_length=context_length, depth=depth)
        self.context_length, self.embed_dim = context_length, embed_dim
        self.blocks = nn.ModuleList(
            EncoderBlock(embed_dim=embed_dim, num_heads=num_heads) for _ in range(depth)
        )
        self.token_embedding = nn.Embedding(vocabulary_size, embed_dim)
        self.position = nn.Parameter(torch.empty(context_length, embed_dim))
        self.norm = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)
        self.head = nn.Linear(embed_dim, vocabulary_size)
        initialize(self, "published", published=(nn.Linear,))
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.position, std=0.01)

    def forward(
        self, tokens: Tensor, visual: Tensor | None = None, return_maps: bool = False
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        check_tensor("tokens", tokens, "(B, L)")
        joint = self.token_embedding(tokens)  # (B, L, D)
        if visual is not None:
            self._check_visual(visual, len(tokens))
            joint = torch.cat([visual, joint], dim=1)  # (B, P + L, D)
        length = joint.shape[1]
        if length > self.context_length:
            raise ValueError(
                f"expected at most {self.context_length} tokens, pictures and words together, "
                f"received {length}"
            )
        joint = joint + self.position[:length]  # (B, P + L, D)
        mask = prefix_mask(length).to(joint.device)  # (P + L, P + L)
        maps = []
        for block in self.blocks:
            if return_maps:
                parts = cast(EncoderBlock, block)  # torch's lists do not say of what they are
                normed = parts.norm_1(joint)  # (B, P + L, D)
                maps.append(parts.attention(normed, return_map=True, mask=mask)[1])
            joint = block(joint, mask=mask)  # (B, P + L, D)
        words = self.norm(joint[:, length - tokens.shape[1] :])  # (B, L, D)
        logits = self.head(words)  # (B, L, V)
        return (logits, maps) if return_maps else logits

    @torch.no_grad()
    def generate(
        self, tokens: Tensor, visual: Tensor | None = None, *, max_words: int = 20
    ) -> Tensor:
        """Questions (B, L) without padding to answers (B, A), A at most `max_words`.

        Greedy: the likeliest word each time, so the same question gets the same answer. An answer
        stops at its end sign, which it holds; padding follows. Stops early when all have ended.
        """
        check_tensor("tokens", tokens, "(B, L)")
        check_whole(max_words=max_words)
        length = tokens.shape[1]
        ended = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)  # (B,)
        while tokens.shape[1] < length + max_words and not ended.all():
            likeliest = self(tokens, visual)[:, -1].argmax(dim=-1)  # (B,)
            word = likeliest.masked_fill(ended, PADDING)  # (B,)
            ended = ended | (word == END)
            tokens = torch.cat([tokens, word[:, None]], dim=1)  # (B, L + words so far)
        return tokens[:, length:]  # (B, A)

    def _check_visual(self, visual: Tensor, batch: int) -> None:
        check_tensor("visual", visual, "(B, P, D)")
        if len(visual) != batch or visual.shape[2] != self.embed_dim:
            raise ValueError(
                f"expected visual tokens ({batch}, P, {self.embed_dim}), "
                f"received {tuple(visual.shape)}"
            )
