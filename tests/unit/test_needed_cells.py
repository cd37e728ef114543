"""Which cells of a notebook another one needs, read from their code."""

import pytest

from tests.support.needed_cells import needed_cells


@pytest.mark.parametrize(
    ("cells", "needed"),
    [
        (["a = 1", "b = 2", "print(a)"], [0, 2]),
        (["a = 1", "", "b = a", "c = 3", "print(b)"], [0, 2, 4]),
        (["import numpy as np", "from a import b as c", "np.zeros(c)"], [0, 1, 2]),
        (["import a.b", "a.b.c()"], [0, 1]),
        (["k = 2", "def f(x):\n    return k * x", "f(1)"], [0, 1, 2]),
        (["x = 2", "def f(x):\n    y = x\n    return y", "f(1)"], [1, 2]),
        (["y = 2", "class Net(Base):\n    size = y", "Base = 1", "Net()"], [0, 1, 3]),
        (["Base = 1", "class Net(Base):\n    pass", "Net()"], [0, 1, 2]),
        (["name = 1", "[name for name in (1, 2)]"], [1]),
        (["name = 1", "for name in (1, 2):\n    print(name)"], [1]),
        (["rows = [1]", "[row for row in rows if row]"], [0, 1]),
        (["old = 1", "old = 2", "print(old)"], [1, 2]),  # the later one is all that counts
        (["n = 1", "n += 1", "print(n)"], [0, 1, 2]),
        (["rows = []", "rows.append(1)", "print(rows)"], [0, 1, 2]),
        (["d = {}", "k = 1", "d[k] = 2", "print(d)"], [0, 1, 2, 3]),
        (["d = {}", "d.colour = 2", "print(d)"], [0, 1, 2]),
        (["d = {}", "run(lambda x: d.update(x))", "print(d)"], [0, 1, 2]),
        (["d = []", "def f(x):\n    d.append(x)", "run(f)", "g()", "print(d)"], [0, 1, 2, 4]),
        (
            [
                "d = {}",
                "def f(k):\n    def g(x):\n        d[k] = x\n    return g",
                "run(f(1))",
                "print(d)",
            ],
            [0, 1, 2, 3],
        ),
        (["d = []", "def f(d):\n    d.append(1)", "f(1)", "print(d)"], [0, 3]),
        (["x = 1", "y = f'{x:.2f}'", "print(y)"], [0, 1, 2]),
        (["f = 1", "g = lambda x, y=f: x", "g(1)"], [0, 1, 2]),
        (["with a() as b:\n    c = b", "print(c)"], [0, 1]),
    ],
)
def test_the_last_cell_needs(cells, needed):
    assert needed_cells(cells, [len(cells) - 1]) == needed


def test_several_are_wanted():
    cells = ["a = 1", "print(a)", "c = 1", "d = 2", "print(d)"]
    assert needed_cells(cells, [1, 4]) == [0, 1, 3, 4]


def test_what_is_no_python_is_refused():
    with pytest.raises(SyntaxError):
        needed_cells(["%matplotlib inline", "print(1)"], [1])
