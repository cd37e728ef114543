"""The tokenizers of SigLIP: files on the hub, beside the weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from open_clip.tokenizer import get_clean_fn
from tokenizers import Tokenizer
from torch import Tensor

from vizkit.zoo.hub import HubFile


class HubTokenizer:
    """Sentences to ids (B, L), all of one length: cut where too long, padded where too short.

    Does what `open_clip.tokenizer.HFTokenizer` does, without the transformers library.

    tokenizer_file, config_file: `tokenizer.json` and `tokenizer_config.json` of the hub;
    clean: open_clip's name of what is done to a sentence first, such as "canonicalize".
    """

    def __init__(
        self, tokenizer_file: Path, config_file: Path, *, context_length: int, clean: str
    ) -> None:
        padding = json.loads(config_file.read_text(encoding="utf-8"))["pad_token"]
        if isinstance(padding, dict):  # with its options, in files that transformers wrote
            padding = padding["content"]
        self.clean = get_clean_fn(clean)
        self.tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self.tokenizer.enable_truncation(context_length)
        self.tokenizer.enable_padding(
            length=context_length, pad_id=self.tokenizer.token_to_id(padding), pad_token=padding
        )

    def __call__(self, texts: Sequence[str]) -> Tensor:
        rows = self.tokenizer.encode_batch([self.clean(text) for text in texts])
        return torch.tensor([row.ids for row in rows])  # (B, L)


def tokenizer_files(repo: str) -> tuple[HubFile, HubFile]:
    """What `HubTokenizer` needs of a repository."""
    return HubFile(repo, ("tokenizer.json",)), HubFile(repo, ("tokenizer_config.json",))
