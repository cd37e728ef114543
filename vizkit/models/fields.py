"""Effective receptive fields: how strongly each pixel counts for the features at one place."""

from typing import cast

import torch
from torch import Tensor, nn

from vizkit.models.checks import check_images, check_module, check_tensor, check_whole
from vizkit.models.swin import SwinTransformer


def influence_maps(
    model: nn.Module, name: str, images: Tensor, *, grid: int = 4, seed: int = 0
) -> Tensor:
    """(grid * grid, H, W): the squared influence of every pixel on the features at each place.

    name: features among those that `model(images, return_intermediates=True)` names;
    images: (B, C, H, W); the maps of all of them are added up;
    grid: as many places along each side, evenly spread.

    Of the features at a place one random direction is taken, the same for all images and drawn
    with `seed`: the gradient of that number, squared, summed over the channels of a pixel (Luo et
    al. 2016). Raises ValueError on a name that the model does not know.
    """
    check_module("model", model)
    check_images(images)
    check_whole(grid=grid)
    places = torch.arange(grid**2)
    total = torch.zeros(grid**2, *images.shape[2:])  # (P, H, W)
    for image in images:
        pixels = image.expand(grid**2, -1, -1, -1).clone().requires_grad_()  # one for each place
        named = model(pixels, return_intermediates=True)[1]
        if name not in named:
            raise ValueError(f"expected name to be one of {list(named)}, received {name!r}")
        features = as_map(named[name], model)  # (P, C', h, w)
        row = ((places // grid + 0.5) * features.shape[2] / grid).long()  # (P,)
        column = ((places % grid + 0.5) * features.shape[3] / grid).long()  # (P,)
        at = features[places, :, row, column]  # (P, C')
        direction = torch.randn(at.shape[1], generator=torch.Generator().manual_seed(seed))
        (gradient,) = torch.autograd.grad((at * direction.to(at)).sum(), pixels)  # (P, C, H, W)
        total += gradient.square().sum(1).cpu()
    return total


def as_map(features: Tensor, model: nn.Module) -> Tensor:
    """Features of any model as (B, C, rows, columns), whether it keeps tokens or maps."""
    if features.ndim == 3:  # tokens (B, T, D), any class token first
        rows, columns = cast(tuple[int, int], model.grid)
        return features[:, -rows * columns :].transpose(1, 2).unflatten(2, (rows, columns))
    return features.permute(0, 3, 1, 2) if isinstance(model, SwinTransformer) else features


def field_width(fields: Tensor) -> float:
    """Four standard deviations of squared influence (P, H, W) along an axis, mean of the places.

    In pixels. A field that is evenly bright over S pixels has a width of sqrt(4/3 (S² - 1)),
    about 1.15 S.
    """
    check_tensor("fields", fields, "(P, H, W)")
    share = fields.double() / fields.double().sum((1, 2), keepdim=True)  # (P, H, W)
    variances = []
    for profile in (share.sum(1), share.sum(2)):  # (P, W) along the columns, (P, H) along the rows
        pixels = torch.arange(profile.shape[1], dtype=torch.float64)
        centre = (profile * pixels).sum(1, keepdim=True)  # (P, 1)
        variances.append((profile * (pixels - centre).square()).sum(1))  # (P,)
    return 4 * torch.stack(variances).mean(0).sqrt().mean().item()
