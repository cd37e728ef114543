"""Clear errors before any work: what was expected, and what came."""

from collections.abc import Iterable

from torch import Tensor


def check_images(
    images: Tensor,
    *,
    channels: int | None = None,
    patch_size: int = 1,
    size: tuple[int, int] | None = None,
) -> None:
    """Raise ValueError unless `images` is (B, C, H, W) with these channels, size and patches."""
    received = tuple(images.shape)
    if images.ndim != 4:
        raise ValueError(f"expected images (B, C, H, W), received {received}")
    if channels is not None and images.shape[1] != channels:
        raise ValueError(f"expected images (B, {channels}, H, W), received {received}")
    height, width = images.shape[2:]
    if size is not None and (height, width) != size:
        raise ValueError(f"expected images (B, C, {size[0]}, {size[1]}), received {received}")
    check_divisible(height, width, patch_size)


def check_divisible(height: int, width: int, patch_size: int) -> None:
    """Raise ValueError unless an image of this size can be cut into whole patches."""
    check_whole(height=height, width=width, patch_size=patch_size)
    if height % patch_size or width % patch_size:
        raise ValueError(
            f"expected height and width to be multiples of patch_size {patch_size}, "
            f"received {height} x {width}"
        )


def check_whole(at_least: int = 1, **numbers: int) -> None:
    """Raise ValueError unless every named number is whole and not below `at_least`."""
    for name, value in numbers.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
            raise ValueError(
                f"expected {name} to be a whole number of at least {at_least}, received {value!r}"
            )


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise ValueError unless `value` is one of `choices`."""
    if value not in tuple(choices):
        raise ValueError(f"expected {name} to be one of {tuple(choices)}, received {value!r}")


def check_heads(embed_dim: int, num_heads: int) -> None:
    """Raise ValueError unless the channels can be shared out evenly among the heads."""
    check_whole(embed_dim=embed_dim, num_heads=num_heads)
    if embed_dim % num_heads:
        raise ValueError(
            "expected embed_dim to be a multiple of num_heads, "
            f"received embed_dim {embed_dim} and num_heads {num_heads}"
        )
