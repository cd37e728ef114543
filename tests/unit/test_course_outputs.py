"""Which stored outputs of timings are kept, and which are renewed."""

from nbformat.v4 import new_code_cell, new_output

from tools.course.outputs import is_kept
from vizkit.course.figures import PLOTLY_MIME


def _timing_cell(title: str, text: str = "a chart", tags: tuple[str, ...] = ("timing",)):
    layout = {"title": {"text": title}, "xaxis": {"title": {"text": "patches"}}}
    data = {PLOTLY_MIME: {"data": [], "layout": layout}, "text/plain": text}
    return new_code_cell(
        "chart()",
        metadata={"tags": list(tags)},
        outputs=[new_output("display_data", data=data)],
    )


def test_a_timingis_kept_until_its_words_change():
    stored = _timing_cell("Measured: ⟨1 s⟩")
    assert is_kept(_timing_cell("Measured: ⟨2 s⟩"), stored)
    # The alternative text is the same, the title above the curves is not.
    assert not is_kept(_timing_cell("Measured: on the clock"), stored)
    assert not is_kept(_timing_cell("Measured: ⟨1 s⟩", text="another"), stored)
    assert not is_kept(_timing_cell("Measured: ⟨1 s⟩", tags=()), stored)
