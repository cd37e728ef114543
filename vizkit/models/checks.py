"""Clear errors before any work: what was expected, and what came."""

from collections.abc import Iterable
from numbers import Real

from torch import Tensor, nn

# Far beyond the sizes of any encoder. A number mistyped by some zeros is refused here, before it
# takes the memory of the machine.
LARGEST = 100_000


def check_images(
    images: Tensor,
    *,
    channels: int | None = None,
    patch_size: int = 1,
    size: tuple[int, int] | None = None,
) -> None:
    """Raise ValueError unless `images` is (B, C, H, W) with these channels, size and patches.

    Raises TypeError if it is no tensor.
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"expected images as a tensor, received {type(images).__name__}")
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
    """Raise ValueError unless every named number is whole, from `at_least` to `LARGEST`."""
    for name, value in numbers.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
            raise ValueError(
                f"expected {name} to be a whole number of at least {at_least}, received {value!r}"
            )
        if value > LARGEST:
            raise ValueError(f"expected {name} to be at most {LARGEST:,}, received {value!r}")


def check_pair(name: str, value: tuple[int, int], at_least: int = 1) -> None:
    """Raise ValueError unless `value` is two whole numbers: (rows, columns) or (height, width)."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"expected {name} to be two whole numbers, received {value!r}")
    for number in value:
        check_whole(at_least, **{f"both numbers of {name}": number})


def check_positive(**numbers: float) -> None:
    """Raise ValueError unless every named number is greater than 0, up to `LARGEST`."""
    for name, value in numbers.items():
        if not isinstance(value, Real) or isinstance(value, bool) or not 0 < value <= LARGEST:
            raise ValueError(
                f"expected {name} to be a positive number, at most {LARGEST:,}, received {value!r}"
            )


def check_module(name: str, value: nn.Module) -> None:
    """Raise TypeError unless `value` is a model."""
    if not isinstance(value, nn.Module):
        raise TypeError(f"expected {name} to be a torch.nn.Module, received {type(value).__name__}")


def width_of(tower: nn.Module) -> int:
    """The `embed_dim` of a tower: how many channels it gives. Raises TypeError if it has none."""
    width = getattr(tower, "embed_dim", None)
    if not isinstance(width, int):
        raise TypeError(
            "expected a tower with its number of channels as `embed_dim`, "
            f"received {type(tower).__name__} with {width!r}"
        )
    return width


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise ValueError unless `value` is one of `choices`."""
    if not isinstance(value, str) or value not in tuple(choices):
        raise ValueError(f"expected {name} to be one of {tuple(choices)}, received {value!r}")


def check_heads(embed_dim: int, num_heads: int) -> None:
    """Raise ValueError unless the channels can be shared out evenly among the heads."""
    check_whole(embed_dim=embed_dim, num_heads=num_heads)
    if embed_dim % num_heads:
        raise ValueError(
            "expected embed_dim to be a multiple of num_heads, "
            f"received embed_dim {embed_dim} and num_heads {num_heads}"
        )


def check_rotation(heads: Tensor, rotation: Tensor) -> None:
    """Raise ValueError unless `rotation` has an angle for every token and pair of channels."""
    pairs = (heads.shape[-2], heads.shape[-1] // 2)
    if rotation.shape[:1] + rotation.shape[-2:] != (2, *pairs):
        raise ValueError(
            f"expected a rotation (2, ..., {pairs[0]}, {pairs[1]}) for heads "
            f"{tuple(heads.shape)}, received {tuple(rotation.shape)}"
        )


def check_stages(**options: tuple[int, ...]) -> None:
    """Raise ValueError unless every option has a whole number for each stage, one at least."""
    for name, values in options.items():
        if not isinstance(values, tuple | list) or not values:
            raise ValueError(f"expected {name} to be a number for each stage, received {values!r}")
        for value in values:
            check_whole(**{f"every number of {name}": value})
    if len({len(values) for values in options.values()}) > 1:
        received = " and ".join(f"{name} {values!r}" for name, values in options.items())
        raise ValueError(f"expected one number for each stage, received {received}")


def check_flags(**flags: bool) -> None:
    """Raise ValueError unless every named option is True or False."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise ValueError(f"expected {name} to be True or False, received {value!r}")


def check_tensor(name: str, value: Tensor, shape: str) -> None:
    """Raise an error unless `value` is a tensor with as many axes as `shape`, e.g. "(B, T, D)"."""
    if not isinstance(value, Tensor):
        raise TypeError(f"expected {name} {shape}, received {value!r}")
    if value.ndim != shape.count(",") + 1:
        raise ValueError(f"expected {name} {shape}, received {tuple(value.shape)}")
