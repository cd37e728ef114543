"""The RoPE wheel: the words and numbers of both Python and the browser, and what it ships to the browser."""

import base64
import io
import json
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.unit.test_frontend_budget import javascript_faults
from vizkit.course import rope_wheel
from vizkit.models import rotate

WHEEL = rope_wheel.__globals__
SCRIPT = Path(WHEEL["__file__"]).with_name("rope_wheel.js")
STATES = [
    {"query": query, "key": key, "frequency": frequency, "start": [0.6, 0.2]}
    for query, key, frequency in ((5, 2, 0.4), (0, 15, 1.5), (7, 7, 0.0), (2, 5, 0.37))
]


@pytest.fixture
def shown(monkeypatch) -> list[dict]:
    """What would be displayed in a notebook."""
    calls = []

    def record(text, html="", *, data=None, metadata=None):
        calls.append({"text": text, **(data or {}), "metadata": metadata})

    monkeypatch.setitem(WHEEL, "show", record)
    return calls


def test_it_shows_words_a_picture_and_a_live_form(shown):
    rope_wheel(query=5, key=2, frequency=0.4)
    (output,) = shown
    assert output["text"] == (
        "RoPE wheel: query at place 5, turned to 149°; key at place 2, turned to 57°; "
        "offset 3: query · key = −0.029"
    )
    assert output["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert output["metadata"]["image/png"]["alt"] == output["text"]
    picture = Image.open(io.BytesIO(base64.b64decode(output["image/png"])))
    size = output["metadata"]["image/png"]
    assert picture.size == (2 * size["width"], 2 * size["height"])
    colors = {tuple(color) for color in np.asarray(picture)[..., :3].reshape(-1, 3)[::7]}
    assert {(0, 114, 178), (213, 94, 0), (0, 158, 115)} <= colors  # query, key, score


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": 16}, "query must be a place from 0 to 15"),
        ({"key": -1}, "key must be a place"),
        ({"key": True}, "key must be a place"),
        ({"query": 2.5}, "query must be a place"),
        ({"frequency": 1.6}, "frequency must be from 0 to 1.5"),
        ({"frequency": math.nan}, "frequency must be"),
        ({"start": (1.0,)}, "start must be two angles"),
        ({"start": (1.0, math.inf)}, "start must be two angles"),
    ],
)
def test_bad_arguments_are_refused(arguments, message, shown):
    with pytest.raises(ValueError, match=message):
        rope_wheel(**arguments)
    assert shown == []


@pytest.mark.parametrize("state", STATES)
def test_the_score_is_that_of_rotated_vectors(state):
    pair = torch.tensor(state["start"], dtype=torch.float64)
    vectors = torch.stack([pair.cos(), pair.sin()], dim=1)[None, None]  # (1, 1, 2, 2)
    angles = torch.tensor([[state["query"]], [state["key"]]]) * state["frequency"]  # (2, 1)
    query, key = rotate(vectors, torch.stack([angles.cos(), angles.sin()]).double())[0, 0]
    assert WHEEL["turned"](state)[1] == pytest.approx((query @ key).item(), abs=1e-6)


def test_the_browser_says_what_python_says():
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed: the wheel's own code was not run")
    code = (
        "const text = require('fs').readFileSync(process.argv[1], 'utf8');"
        "import('data:text/javascript;charset=utf-8,' + encodeURIComponent(text)).then((wheel) =>"
        " console.log(JSON.stringify(JSON.parse(process.argv[2]).map((state) =>"
        " [wheel.describe(state), wheel.turned(state).product]))));"
    )
    command = [node, "-e", code, str(SCRIPT), json.dumps(STATES)]
    run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    for state, (words, product) in zip(STATES, json.loads(run.stdout), strict=True):
        assert words == WHEEL["describe"](state)
        assert product == pytest.approx(WHEEL["turned"](state)[1], abs=1e-12)


def test_what_it_ships_is_small_and_writes_no_markup():
    source = SCRIPT.read_text(encoding="utf-8")
    assert 1_000 < len(source) < 9_000
    assert javascript_faults(source) == []
    assert "textContent" in source
