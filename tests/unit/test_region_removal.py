"""The experiment of notebook 03 on what DINOv2 depends on: its regions, effects and comparisons."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from experiments import region_removal as removal


def toy_table() -> dict:
    """Two photographs of four regions; the map of the first ranks them as the effect does."""
    return {
        "settings": {"seeds": [0, 1]},
        "rows": [
            {
                "effects": {"left out": [0.1, 0.2, 0.3, 0.4]},
                "maps": {
                    "mean, last layer": [1.0, 2.0, 3.0, 4.0],
                    "shuffled weights 0": [1.0, 2.0, 3.0, 4.0],
                    "shuffled weights 1": [4.0, 3.0, 2.0, 1.0],
                },
            },
            {
                "effects": {"left out": [0.4, 0.3, 0.2, 0.1]},
                "maps": {
                    "mean, last layer": [1.0, 2.0, 3.0, 9.0],
                    "shuffled weights 0": [4.0, 3.0, 2.0, 1.0],
                    "shuffled weights 1": [4.0, 3.0, 2.0, 1.0],
                },
            },
        ],
    }


def test_a_region_is_a_square_of_two_by_two_patches():
    region = removal.region_of_patch().reshape(16, 16)
    assert np.bincount(region.ravel()).tolist() == [4] * 64
    assert {region[0, 0], region[0, 1], region[1, 0], region[1, 1]} == {0}
    assert (region[0, 2], region[2, 0], region[15, 15]) == (1, 8, 63)


def test_values_of_patches_are_added_up_where_their_region_is():
    patches = np.random.default_rng(0).random((3, 256))
    region = removal.region_of_patch()
    wanted = np.stack([[one[region == number].sum() for number in range(64)] for one in patches])
    np.testing.assert_allclose(removal.per_region(patches), wanted)


def test_agreement_is_a_rank_correlation_by_photograph():
    table = toy_table()
    np.testing.assert_allclose(removal.agreement(table, "mean, last layer"), [1, -1])
    np.testing.assert_allclose(removal.agreement(table, "shuffled weights"), [0, 1])
    # On the map of the other photograph, which ranks the regions in the same order.
    np.testing.assert_allclose(removal.agreement(table, "another photograph"), [1, -1])


def test_a_region_of_under_half_the_weight_may_matter_more():
    assert removal.beaten(toy_table()).tolist() == [False, True]


class OnlyTheFirstRegion(torch.nn.Module):
    """A tower whose class token adds up the pixels of the first region, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = [self.gather]
        self.norm = torch.nn.Identity()

    def patch_embed(self, pixels: torch.Tensor) -> torch.Tensor:
        squares = pixels.unfold(2, 14, 14).unfold(3, 14, 14).flatten(2, 3)  # (B, 3, 256, 14, 14)
        light = squares.mean((1, 3, 4)) * torch.from_numpy(removal.region_of_patch() == 0)
        return light[..., None]  # (B, 256, 1)

    def _pos_embed(self, tokens: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.ones_like(tokens[:, :1]), tokens], dim=1)  # (B, 257, 1)

    @staticmethod
    def gather(tokens: torch.Tensor) -> torch.Tensor:
        return tokens.sum(1, keepdim=True).expand_as(tokens)


def test_only_the_region_that_the_output_depends_on_has_an_effect():
    pixels = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    pixels[:, :, :28, :28] += 1  # so that blanking it with the mean changes it
    for name, effect in removal.effects(OnlyTheFirstRegion(), pixels).items():
        assert effect.shape == (64,), name
        assert effect[0] > 0.1, name
        np.testing.assert_allclose(effect[1:], 0, atol=1e-5, err_msg=name)


def test_verdicts_compare_attention_with_every_rival(monkeypatch):
    values = SimpleNamespace(best=np.array([0.9, 0.8, 0.85]), worse=np.array([0.1, 0.2, 0.15]))
    monkeypatch.setattr(
        removal,
        "agreement",
        lambda table, name, effect: values.best if name == "mean, last layer" else values.worse,
    )
    found = removal.verdicts({})
    assert len(found) == 8
    assert all(verdict is True for verdict in found.values())
