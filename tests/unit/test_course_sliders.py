"""The slider of pictures: one is on view, and each step shows its own."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from vizkit.course import sliders
from vizkit.course.sliders import picture_slider

ABOUT = {"slider": "share", "title": "Title", "alt": "A picture that changes."}


def test_each_step_shows_its_own_picture_and_hides_the_others(monkeypatch):
    shown = {}
    monkeypatch.setattr(sliders, "show_figure", lambda fig, alt: shown.update(fig=fig, alt=alt))
    pictures = {str(k): np.full((4, 6, 3), 50 * k, np.uint8) for k in range(3)}
    picture_slider(pictures, scale=2, **ABOUT)
    fig = shown["fig"]
    (control,) = fig.layout.sliders
    assert [step.label for step in control.steps] == ["0", "1", "2"]
    for place, step in enumerate(control.steps):
        assert step.args[0]["visible"] == [k == place for k in range(3)]
        code = fig.data[place].source.split(",")[1]
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(code))))
        assert picture.shape == (8, 12, 3)
        assert (picture == 50 * place).all()
    assert [trace.visible for trace in fig.data] == [False, True, False]
    assert control.active == 1


@pytest.mark.parametrize(
    "pictures", [{}, {"a": np.zeros((2, 2))}, {"a": np.zeros((2, 2, 3)), "b": np.zeros((3, 2, 3))}]
)
def test_pictures_of_one_size_are_needed(pictures):
    with pytest.raises(ValueError, match="one size"):
        picture_slider(pictures, **ABOUT)
