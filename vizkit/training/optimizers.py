"""The optimizer of the pocket encoders: Muon inside the transformer blocks, AdamW around them."""

import torch
from torch import nn

from vizkit.training.checkpoint import OptimizerPair
from vizkit.training.loop import parameter_groups


def pocket_optimizer(
    model: nn.Module,
    *,
    weight_decay: float,
    matrix_rate: float,
    rates: dict[str, float] | None = None,
) -> OptimizerPair:
    """Muon for the weight matrices of transformer blocks, AdamW for everything else.

    matrix_rate: how much faster the matrices learn than the rest;
    rates: by how much the learning rate of the parameters whose name starts so differs, e.g.
        {"image_tower.": 0.3}.

    Learning rates are set at every step from the groups' `lr_scale`, see `update`.

    Muon (Jordan et al. 2024) is torch's, which makes its steps orthogonal in bfloat16. On a CPU
    without bfloat16 units that takes about 7% of a training step of `pocket-vit` (64 pictures of 64
    pixels, one thread); in float32, as when the pocket encoders that are here were trained, 2%.
    """
    rates = rates or {}
    factors, matrices = {}, set()
    for name, parameter in model.named_parameters():
        factors[id(parameter)] = next((f for s, f in rates.items() if name.startswith(s)), 1.0)
        if parameter.ndim == 2 and "blocks" in name.split("."):
            matrices.add(id(parameter))
    adamw, muon = [], []
    for group in parameter_groups(model, weight_decay):
        for factor in sorted(set(factors.values())):
            here = [p for p in group["params"] if factors[id(p)] == factor]
            inside = [p for p in here if id(p) in matrices]
            around = [p for p in here if id(p) not in matrices]
            muon.append(group | {"params": inside, "lr_scale": factor * matrix_rate})
            adamw.append(group | {"params": around, "lr_scale": factor})
    adamw, muon = ([g for g in groups if g["params"]] for groups in (adamw, muon))
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(adamw, betas=(0.9, 0.98))]
    if muon:
        # As long a step as AdamW's with the same learning rate (Liu et al. 2025, eq. 4).
        optimizers.append(torch.optim.Muon(muon, adjust_lr_fn="match_rms_adamw"))
    return OptimizerPair(optimizers)
