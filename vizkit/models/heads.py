"""Linear heads: an image tower that names what is in a picture and under each of its patches."""

from torch import Tensor, nn

from vizkit.models.checks import check_whole, width_of
from vizkit.models.vit import VisionTransformer


class LabelledEncoder(nn.Module):
    """Images (B, C, H, W) to class scores of the picture, and of each patch.

    image_tower: images to (B, D), D its `embed_dim`;
    classes: how many classes each head of the picture tells apart, by name;
    patch_classes: the same for each patch; needs a `VisionTransformer`. A patch has one class
        more, the last one: "nothing here".

    Dense labels beside the picture's own let a small transformer learn shapes in minutes instead
    of hours: every patch says what it sees (cf. Jiang et al. 2021, token labeling, eq. 4).
    Raises ValueError on numbers of classes below 2, TypeError on patch classes for a CNN.
    """

    def __init__(
        self,
        image_tower: nn.Module,
        *,
        classes: dict[str, int],
        patch_classes: dict[str, int] | None = None,
    ) -> None:
        super().__init__()
        patch_classes = patch_classes or {}
        check_whole(at_least=2, **classes, **{f"patch {k}": n for k, n in patch_classes.items()})
        if patch_classes and not isinstance(image_tower, VisionTransformer):
            raise TypeError(
                "expected a VisionTransformer for patch_classes, "
                f"received {type(image_tower).__name__}"
            )
        self.image_tower = image_tower
        width = width_of(image_tower)
        self.heads = nn.ModuleDict({name: nn.Linear(width, n) for name, n in classes.items()})
        self.patch_heads = nn.ModuleDict(
            {name: nn.Linear(width, n + 1) for name, n in patch_classes.items()}
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Class scores of the picture by name: (B, classes) each."""
        features = self.image_tower(images)  # (B, D)
        return {name: head(features) for name, head in self.heads.items()}

    def dense(self, images: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Class scores of the picture (B, classes) and of the patches (B, N, classes + 1)."""
        if not self.patch_heads:
            return self(images), {}
        features, named = self.image_tower(images, return_intermediates=True)
        tokens = named["encoded"][:, self.image_tower.num_prefix_tokens :]  # (B, N, D)
        whole = {name: head(features) for name, head in self.heads.items()}  # (B, classes)
        return whole, {name: head(tokens) for name, head in self.patch_heads.items()}
