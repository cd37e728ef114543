"""A process that dies or hangs takes no other process with it into an endless wait."""

import pytest

from tests.lost_process import TIMEOUT, lose_contact
from tests.processes import run_processes


@pytest.mark.slow
@pytest.mark.parametrize("how", ["dies", "hangs"])
@pytest.mark.parametrize(
    ("name", "when", "count"),
    [
        ("info_nce", "forward", 2),
        ("info_nce", "forward", 3),
        ("info_nce", "backward", 2),
        ("sigmoid", "forward", 2),
        ("sigmoid", "forward", 3),
    ],
)
def test_a_lost_process_ends_in_a_clear_error(name, when, count, how, tmp_path):
    """The backward pass of the sigmoid loss needs nobody else, so it is not here."""
    lasting = (count - 1,) if how == "hangs" else ()
    codes = run_processes(lose_contact, count, tmp_path, name, when, how, lasting=lasting)
    assert codes == [0] * (count - 1) + [9 if how == "dies" else None]
    for rank in range(count - 1):
        waited, error = (tmp_path / f"{rank}.txt").read_text(encoding="utf-8").split("\n", 1)
        assert f"process {rank} of {count} could not" in error
        assert "another process has ended or hangs" in error
        assert float(waited) < 2 * TIMEOUT + 2
