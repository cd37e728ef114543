"""Public functions of `vizkit.widgets`; the widgets have property tests of their own.

Bad options give a clear error, and no half-written file.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.unit.constructors import Case, checks_of, fixed
from vizkit.widgets import SimilarityMatrix, save_page

WIDGET = SimilarityMatrix(similarity=np.eye(2))
FOLDER = tempfile.TemporaryDirectory()


def whole(path: Path, options: dict[str, Any]) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.rstrip().endswith("</html>")
    assert [part.name for part in path.parent.iterdir()] == [path.name]


CASES = {
    "vizkit.widgets.save_page": Case(
        save_page,
        fixed(
            path=st.just(Path(FOLDER.name) / "page.html"),
            widgets=st.just([WIDGET]) | st.just((WIDGET, WIDGET)),
            title=st.text(max_size=9),
        ),
        whole,
        keep=("path",),  # any text is a path, and a page must not appear just anywhere
        examples=5,
    )
}


test_options_that_fit_give_a_right_answer, test_an_odd_option_is_right_or_a_clear_error = checks_of(
    CASES
)
