"""The benchmark of the ViT: equal models are compared, and the verdict follows from the ratios."""

import pytest
import torch

from benchmarks import models
from vizkit.models import VisionTransformer

POSITIONS = ("learned_1d", "sincos_2d", "rope_axial", "rope_mixed")


@pytest.mark.parametrize("position", POSITIONS)
def test_both_sides_compute_the_same(position):
    ours, theirs = models.pair(position)
    assert isinstance(ours, VisionTransformer)
    assert not isinstance(theirs, VisionTransformer)
    for one in (ours, theirs):
        models.train_step(one, torch.randn(2, 3, 64, 64))
        missing = [name for name, value in one.named_parameters() if value.grad is None]
        assert missing == (["pos_embed"] if one is theirs and position == "sincos_2d" else [])


@pytest.mark.parametrize(
    ("slow", "ratio", "met"),
    [(None, 1.0, True), ("rope_mixed", 1.15, True), ("learned_1d", 1.1501, False)],
)
def test_every_ratio_must_be_met(monkeypatch, capsys, slow, ratio, met):
    monkeypatch.setattr(
        models, "compare", lambda position, rounds: (0.2, 0.2, ratio if position == slow else 0.9)
    )
    assert models.main(quick=True) is met
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    assert [line.split()[1] for line in lines] == list(POSITIONS)
    assert [line.split()[1] for line in lines if "not met" in line] == ([] if met else [slow])
    assert all("1.15" in line for line in lines)


def test_the_ratio_is_the_median_of_rounds_after_the_warm_up(monkeypatch):
    clock = iter([9.0, 1.0, 9.0, 1.0, 1.0, 1.0, 3.0, 2.0, 8.0, 2.0])
    monkeypatch.setattr(models, "pair", lambda position: ("ours", "theirs"))
    monkeypatch.setattr(models, "seconds", lambda call: next(clock))
    assert models.compare("learned_1d", rounds=3) == (3.0, 2.0, 1.5)
