"""Public functions of `vizkit.widgets`; the widgets have property tests of their own.

Bad options give a clear error, and no half-written file.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.unit.constructors import Case, checks_of, fixed
from vizkit.widgets import SimilarityMatrix, save_page, side_by_side

WIDGET, OTHER = SimilarityMatrix(similarity=np.eye(2)), SimilarityMatrix(similarity=np.eye(2))
FOLDER = tempfile.TemporaryDirectory()


def whole(path: Path, options: dict[str, Any]) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.rstrip().endswith("</html>")
    assert [part.name for part in path.parent.iterdir()] == [path.name]


def equal_shares(row: Any, options: dict[str, Any]) -> None:
    assert [child.layout.width for child in row.children] == ["50%", "50%"]
    assert row.picture().width > 2 * WIDGET.picture().width


CASES = {
    "vizkit.widgets.side_by_side": Case(
        lambda first, second: side_by_side(first, second),
        fixed(first=st.just(WIDGET), second=st.just(OTHER)),
        equal_shares,
        examples=3,
    ),
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
    ),
}


test_options_that_fit_give_a_right_answer, test_an_odd_option_is_right_or_a_clear_error = checks_of(
    CASES
)
