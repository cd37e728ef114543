"""Effective receptive fields: what a pixel counts, and how wide that is."""

import pytest
import torch
from torch import nn

from vizkit.models import ConvNet, SwinTransformer, VisionTransformer
from vizkit.models.fields import field_width, influence_maps


class OneKernel(nn.Module):
    """A single 3x3 kernel with known weights."""

    def __init__(self):
        super().__init__()
        self.kernel = nn.Conv2d(1, 1, 3, padding=1, bias=False)
        self.kernel.weight.data = torch.arange(1.0, 10).reshape(1, 1, 3, 3)

    def forward(self, images, return_intermediates):
        return None, {"features": self.kernel(images)}


def test_the_field_of_one_kernel_is_its_squared_weights():
    images = torch.randn(2, 1, 8, 8)
    maps = influence_maps(OneKernel(), "features", images, grid=4, seed=3)  # places 1, 3, 5, 7
    direction = torch.randn(1, generator=torch.Generator().manual_seed(3)).item()
    expected = torch.zeros(8, 8)
    expected[2:5, 4:7] = 2 * direction**2 * torch.arange(1.0, 10).reshape(3, 3).square()
    torch.testing.assert_close(maps[1 * 4 + 2], expected)  # row 3, column 5


@pytest.mark.parametrize(
    ("model", "name", "rows"),
    [
        (
            VisionTransformer(image_size=16, patch_size=4, embed_dim=8, num_heads=1),
            "patch_tokens",
            4,
        ),
        (SwinTransformer(image_size=16, width=8, depths=(2,), num_heads=(1,)), "patch_tokens", 4),
        (ConvNet(width=4, depth=(1,), strides=(1,), stem_stride=1), "stem", 3),
    ],
)
def test_tokens_lie_where_their_patch_lies(model, name, rows):
    maps = influence_maps(model.eval(), name, torch.randn(1, 3, 16, 16))
    seen = maps[1 * 4 + 2] > 0  # second row, third column of 4 x 4
    at = seen.nonzero()
    assert tuple(at.amax(0) - at.amin(0) + 1) == (rows, rows)
    middle = (at.amax(0) + at.amin(0)) / 2
    assert (middle - torch.tensor([5.5, 9.5])).abs().max() <= 0.5


def test_a_name_that_the_model_does_not_know_lists_those_it_knows():
    with pytest.raises(ValueError, match="patch_tokens"):
        influence_maps(
            VisionTransformer(image_size=16, patch_size=8), "stage", torch.randn(1, 3, 16, 16)
        )


def test_width():
    assert field_width(torch.ones(1, 16, 16)) == pytest.approx((4 / 3 * 255) ** 0.5)
    point = torch.zeros(2, 9, 9)
    point[0, 3, 3] = point[1, 8, 0] = 5.0
    assert field_width(point) == 0
    line = torch.zeros(1, 5, 5)
    line[0, 2] = 1.0  # as wide as the map along one axis, 0 along the other
    assert field_width(line) == pytest.approx(4 * (2 / 2) ** 0.5)
