"""The instruments' code in a kernel: sent once, given again to who asks, and complete where no kernel is."""

from __future__ import annotations

import numpy as np
import pytest
from ipywidgets import widget_serialization

from tests.support.messages import tell
from vizkit.widgets import EmbeddingSpace, SimilarityMatrix, assets, base
from vizkit.widgets.code import Code


@pytest.fixture
def kernel(monkeypatch):
    """The widgets take this process for a Jupyter kernel."""
    monkeypatch.setattr(base, "in_kernel", lambda: True)


def matrix() -> SimilarityMatrix:
    return SimilarityMatrix(similarity=np.eye(3))


def ids(widget) -> list[str]:
    return widget.get_state(["_code"])["_code"]


def code_of(widget) -> list[Code]:
    return [widget_serialization["from_json"](one, None) for one in ids(widget)]


def held(widget) -> dict[str, bytes]:
    """What the models that a widget refers to hold, by its digest."""
    return {name: part for code in code_of(widget) for name, part in code.packed.items()}


def parts_of(frontend: str) -> dict[str, bytes]:
    return {assets.digest(part): part for part in map(assets.part, assets.parts_of(frontend))}


@pytest.mark.usefixtures("kernel")
def test_two_of_a_kind_refer_to_the_same_code_and_another_kind_brings_only_what_is_new():
    one, other = matrix(), matrix()
    space = EmbeddingSpace(np.random.default_rng(0).normal(size=(9, 4)))
    assert ids(one) == ids(other)
    assert len(ids(one)) == 1
    assert held(one) == parts_of("similarity_matrix")
    assert ids(space)[0] == ids(one)[0]
    assert list(code_of(space)[1].packed.values()) == [assets.part("embedding_space")]
    assert parts_of("embedding_space").items() <= held(space).items()


@pytest.mark.usefixtures("kernel")
def test_code_that_was_closed_is_sent_again():
    first = matrix()
    before = ids(first)
    for code in code_of(first):
        code.close()
    after = matrix()
    assert not set(before) & set(ids(after))
    assert all(code.comm is not None for code in code_of(after))


@pytest.mark.usefixtures("kernel")
def test_closing_a_widget_leaves_the_code_to_the_others():
    one, other = matrix(), matrix()
    one.close()
    assert all(code.comm is not None for code in code_of(other))


@pytest.mark.usefixtures("kernel")
def test_the_kernel_gives_the_code_to_who_asks():
    widget, sent = matrix(), []
    widget.send = lambda content, buffers=None: sent.append((content, buffers))
    for content in ({"request": "code"}, {"request": "table"}, None, "code"):
        tell(widget, content)
    packed = [assets.part(name) for name in assets.parts_of("similarity_matrix")]
    assert sent == [({"response": "code"}, packed)]


@pytest.mark.usefixtures("kernel")
def test_what_ipywidgets_embeds_in_a_page_brings_the_code():
    from ipywidgets.embed import dependency_state

    widget = matrix()
    state = dependency_state([widget])
    assert {code.model_id for code in code_of(widget)} <= set(state)


def test_without_a_kernel_a_widget_is_complete():
    widget = matrix()
    assert ids(widget) == []
    assert widget._esm == assets.module("similarity_matrix")


@pytest.mark.usefixtures("kernel")
def test_a_layout_is_made_for_who_asks_for_it_and_the_browser_is_told():
    widget, said = matrix(), []
    assert "layout" not in widget.get_state()
    widget.comm.send = lambda data, **rest: said.append(data)
    widget.layout.width = "50%"
    own = {"method": "update", "state": {"layout": f"IPY_MODEL_{widget.layout.model_id}"}}
    assert said == [own | {"buffer_paths": []}]
    assert widget.get_state()["layout"] == own["state"]["layout"]


def test_a_layout_that_was_given_is_there_from_the_start():
    widget = SimilarityMatrix(similarity=np.eye(3), layout={"width": "50%"})
    assert widget.get_state()["layout"] == f"IPY_MODEL_{widget.layout.model_id}"
    assert widget.layout.width == "50%"
