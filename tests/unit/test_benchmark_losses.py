"""The table of the losses: the verdicts follow from what was measured."""

import pytest

from benchmarks import losses


def pretend(monkeypatch, **changes):
    """Every contender needs the same, but for what `changes` says of one batch size of ours."""

    def measured(contender, count, rounds):
        numbers = {"value": 1.0, "seconds": 9.0, "products": 3.2, "megabytes": 80.0}
        if contender.startswith("open_clip"):
            numbers["products"] = 6.0
        elif contender == "vizkit sigmoid_loss" and count == changes.get("count"):
            numbers |= {key: value for key, value in changes.items() if key != "count"}
        if not rounds:
            numbers |= {"seconds": None, "products": None}
        return numbers

    monkeypatch.setattr(losses, "in_own_process", measured)


@pytest.mark.parametrize("quick", [False, True])
def test_all_rows_met(monkeypatch, capsys, quick):
    pretend(monkeypatch)
    assert losses.main(quick) is True
    text = capsys.readouterr().out
    assert text.count(" met ") == 6
    assert "every row is met" in text
    assert text.count("ClipLoss") == text.count("linear_cross_entropy") == (1 if quick else 2)


@pytest.mark.parametrize(
    "change",
    [
        {"count": 4096, "products": 6.1},
        {"count": 16384, "products": 3.6},
        {"count": 16384, "megabytes": 151.0},
        {"count": 32768, "megabytes": 301.0},
        {"count": 32768, "megabytes": None},
    ],
    ids=str,
)
def test_one_row_missed(monkeypatch, capsys, change):
    pretend(monkeypatch, **change)
    assert losses.main() is False
    text = capsys.readouterr().out
    assert text.count("NOT MET") == 1
    assert "not every row is met" in text


def test_contenders_compute_the_same_loss():
    inputs = [*losses.features(64), losses.torch.tensor(14.3), losses.torch.tensor(-10.0)]
    values = {name: make()(*inputs).item() for name, make in losses.CONTENDERS.items()}
    ours = values["vizkit info_nce"]
    assert values["open_clip ClipLoss"] == pytest.approx(ours, rel=1e-5)
    assert values["torch linear_cross_entropy"] == pytest.approx(ours, rel=1e-5)
    assert values["open_clip SigLipLoss"] == pytest.approx(values["vizkit sigmoid_loss"], rel=1e-5)
