"""The vision-language model of LLaVA: frozen encoder, connector, language model."""

import torch
from torch import Tensor, nn

from vizkit.models.checks import check_module
from vizkit.models.decoder import CausalDecoder


class VisionLanguageModel(nn.Module):
    """Features of a frozen encoder (B, N, D_in) and words (B, L) to next-word scores (B, L, V).

    connector: features to visual tokens (B, P, D), D the decoder's `embed_dim`;
    decoder: reads the visual tokens, then the words.

    The encoder is not a part of it: it is frozen, so its features are computed once and kept.
    Raises TypeError unless both parts are modules, ValueError if their widths differ.
    Source: Liu et al. 2023, "Visual Instruction Tuning", Fig. 1.
    """

    def __init__(self, connector: nn.Module, decoder: CausalDecoder) -> None:
        super().__init__()
        check_module("connector", connector)
        if not isinstance(decoder, CausalDecoder):
            raise TypeError(f"expected a CausalDecoder, received {type(decoder).__name__}")
        width = getattr(connector, "embed_dim", decoder.embed_dim)
        if width != decoder.embed_dim:
            raise ValueError(
                f"expected a connector to the decoder's width {decoder.embed_dim}, received {width}"
            )
        self.connector, self.decoder = connector, decoder

    def forward(
        self, features: Tensor, tokens: Tensor, return_maps: bool = False
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        visual = self.connector(features)  # (B, P, D)
        return self.decoder(tokens, visual, return_maps=return_maps)  # (B, L, V)

    @torch.no_grad()
    def generate(self, features: Tensor, tokens: Tensor, *, max_words: int = 20) -> Tensor:
        """Features and questions (B, L) without padding to answers (B, A); see `CausalDecoder`."""
        return self.decoder.generate(tokens, self.connector(features), max_words=max_words)
