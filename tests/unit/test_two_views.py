"""Two-view learning: the teacher follows, collapse is seen, and the measures say what they name."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from vizkit.training.two_views import (
    Teacher,
    TwoViewEncoder,
    distillation,
    effective_rank,
    evaluate_two_views,
    linear_probe,
    random_view,
    small_pictures,
    spectrum,
    told_by_outputs,
    train_two_views,
    train_with_labels,
)


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def pictures():
    return small_pictures(96, 0)


def test_views_differ_and_stay_pictures(pictures):
    first, second = (random_view(pictures.pixels, draw(s)) for s in (0, 1))
    assert first.shape == pictures.pixels.shape
    assert first.min() >= 0
    assert first.max() <= 1
    assert (first - second).abs().mean() > 0.02
    assert torch.equal(first, random_view(pictures.pixels, draw(0)))


def test_grey_views_hold_no_colour(pictures):
    grey = random_view(pictures.pixels, draw(), keep_color=False)
    assert torch.allclose(grey[:, 0], grey[:, 1])
    assert torch.allclose(grey[:, 0], grey[:, 2])
    kept = random_view(pictures.pixels, draw())
    assert (kept[:, 0] - kept[:, 2]).abs().mean() > 0.02


class Answers(nn.Module):
    """Outputs are the inputs plus a learned shift."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(3))

    def forward(self, inputs):
        return inputs + self.shift


def test_the_teacher_is_a_running_average_without_a_gradient():
    student = Answers()
    teacher = Teacher(student, momentum=0.9)
    with torch.no_grad():
        student.shift += 1.0
    shares = teacher.answer(torch.zeros(2, 3))
    assert torch.allclose(teacher.network.shift, torch.full((3,), 0.1))
    assert not shares.requires_grad
    assert torch.allclose(shares.sum(1), torch.ones(2))


def test_centring_removes_what_all_pictures_share_and_sharpening_decides():
    inputs = torch.tensor([[1.0, 0.02, 0.0], [1.0, 0.0, 0.02]])
    centered, plain, soft = (
        Teacher(Answers()),
        Teacher(Answers(), center=False),
        Teacher(Answers(), sharpen=False),
    )
    for _ in range(100):
        one, two, three = (t.answer(inputs) for t in (centered, plain, soft))
    assert two.argmax(1).tolist() == [0, 0]  # the favourite of all
    assert one[0, 1] > one[0, 2]
    assert one[1, 2] > one[1, 1]
    assert one.max() > three.max()
    # Equal to the formula with the centre that 100 steps give.
    center = inputs.mean(0) * (1 - 0.9**99)
    assert torch.allclose(one, ((inputs - center) / 0.04).softmax(1), atol=1e-5)


def test_distillation_is_smallest_where_both_agree():
    outputs = torch.randn(5, 4, generator=draw(), requires_grad=True)
    shares = (outputs / 0.1).softmax(1).detach()
    (slope,) = torch.autograd.grad(distillation(outputs, shares), outputs)
    assert slope.abs().max() < 1e-6
    entropy = torch.special.entr(shares).sum(1).mean()
    assert distillation(outputs, shares).item() == pytest.approx(entropy.item(), rel=1e-4)


def test_spectrum_and_effective_rank_of_a_known_cloud():
    cloud = torch.randn(5000, 3, generator=draw()) * torch.tensor([2.0, 1.0, 0.0])
    turned = cloud @ torch.linalg.qr(torch.randn(3, 3, generator=draw(1)))[0]
    assert np.allclose(spectrum(turned), [2, 1, 0], atol=0.05)
    shares = np.array([0.8, 0.2])
    expected = math.exp(-(shares * np.log(shares)).sum())
    assert effective_rank(turned) == pytest.approx(expected, rel=0.02)
    assert effective_rank(100 * turned + 7) == pytest.approx(effective_rank(turned), rel=1e-4)


def test_outputs_tell_nothing_in_both_collapses_and_log_k_at_best():
    one_hot = 10 * torch.eye(4).repeat(3, 1)
    assert told_by_outputs(one_hot) == pytest.approx(math.log(4), abs=1e-6)
    assert told_by_outputs(torch.zeros(12, 4)) == pytest.approx(0, abs=1e-9)
    assert told_by_outputs(one_hot[:1].expand(12, 4)) == pytest.approx(0, abs=1e-9)


def test_the_probe_reads_what_is_there_at_any_scale():
    labels = torch.arange(300) % 3
    features = torch.eye(3).double()[labels] * 1e-7 + 5
    noise = torch.randn(300, 3, generator=draw())
    assert linear_probe(features, labels, features, labels) == 1
    assert linear_probe(noise, labels, torch.randn(300, 3, generator=draw(1)), labels) < 0.5


def test_unregularised_views_collapse_and_sigreg_does_not(pictures):
    spreads = {}
    for method in ("nothing", "SIGReg"):
        model, history = train_two_views(pictures.pixels, method, 0, steps=50, batch_size=24)
        spreads[method] = evaluate_two_views(model, pictures, pictures)["spread"]
        assert len(history.loss) == 50
    assert spreads["SIGReg"] > 4 * spreads["nothing"]


def test_a_seed_gives_one_network_and_dino_runs(pictures):
    runs = [
        train_two_views(pictures.pixels, m, 0, steps=3, batch_size=8)[1].loss
        for m in ("DINO", "DINO", "DINO without centring", "DINO without sharpening")
    ]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert runs[0] != runs[3]


def test_labels_teach(pictures):
    model = train_with_labels(pictures, 0, steps=5, batch_size=16)
    assert isinstance(model, TwoViewEncoder)
    assert model.features(pictures.pixels).shape == (96, 64)


def test_an_unknown_method_is_named(pictures):
    with pytest.raises(ValueError, match="SIGReg"):
        train_two_views(pictures.pixels, "magic", 0, steps=1)
