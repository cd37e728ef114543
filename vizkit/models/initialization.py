"""How wide random weights spread at the start: the papers' constant, or a rule for any width."""

from collections.abc import Iterator

from torch import nn

from vizkit.models.checks import check_choice

INITIALIZATIONS = ("published", "fan_in")


def initialize(
    model: nn.Module, initialization: str, *, published: tuple[type[nn.Linear | nn.Conv2d], ...]
) -> None:
    """Draw the weights of `model` anew by one of two rules; biases become 0 by both.

    "published": a standard deviation of 0.02 for the layers of the types in `published`, as in
        the papers' code; it was chosen for widths from 96 to 1280, where it is near 1 / sqrt(D).
    "fan_in": 1 / sqrt(inputs of the layer) for every linear layer and convolution (LeCun et al.
        1998, "Efficient BackProp", eq. 16), so that values keep their size at any width. At the
        widths of the course's small networks 0.02 would let them fade from layer to layer.

    Raises ValueError on another name.
    """
    check_choice("initialization", initialization, INITIALIZATIONS)
    chosen = published if initialization == "published" else (nn.Linear, nn.Conv2d)
    for module in without_own_rule(model):
        if not isinstance(module, chosen):
            continue
        if initialization == "published":
            nn.init.trunc_normal_(module.weight, std=0.02)
        else:
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="linear")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def without_own_rule(model: nn.Module) -> Iterator[nn.Module]:
    """`model` and what is inside of it, but for parts with a rule of their own: a residual CNN."""
    if getattr(model, "has_own_initialization", False):
        return
    yield model
    for child in model.children():
        yield from without_own_rule(child)
