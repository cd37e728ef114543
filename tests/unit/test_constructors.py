"""Every public name that takes options has a property-based test; a new one without fails here.

To add one: a `Case` beside those of its room in `test_constructors_<room>.py`.
"""

import ast
import importlib
import inspect
from pathlib import Path

import pytest
from torch import nn

from tests.unit.constructors import option_names

ROOT = Path(__file__).parents[2]
ROOMS = ("models", "data", "course", "training", "zoo", "losses", "widgets")
CASE_FILES = ("models", "data", "course", "training", "widgets", "zoo")

# Tested by properties in files of their own: name → file and test.
ELSEWHERE = {
    "vizkit.widgets.SimilarityMatrix": (
        "tests/widgets/test_similarity_matrix.py",
        "test_any_input_gives_a_widget_or_a_clear_error",
    ),
    "vizkit.widgets.AttentionMap": (
        "tests/widgets/test_attention_map.py",
        "test_odd_input_gives_a_clear_error_or_a_widget",
    ),
    "vizkit.widgets.EmbeddingSpace": (
        "tests/widgets/test_embedding_space.py",
        "test_odd_input_gives_a_clear_error_or_a_whole_widget",
    ),
    "vizkit.widgets.LivingEncoder": (
        "tests/widgets/test_living_encoder.py",
        "test_odd_input_gives_a_clear_error_or_a_widget",
    ),
}
# Not made by the reader of the course: name → what makes it, and is tested in its place.
RECORDS = {
    "vizkit.models.AttentionCapture": "vizkit.models.capture_attention",
    "vizkit.data.BindingProbes": "vizkit.data.binding_probes",
    "vizkit.data.EmojiConcepts": "vizkit.data.emoji_concepts",
    "vizkit.data.ImageTextPairs": "vizkit.data.pairs",
    "vizkit.data.Photo": "vizkit.data.photos",
    "vizkit.data.SceneTable": "vizkit.data.sample_scenes",
    "vizkit.course.Mistake": "vizkit.course.Exercise",
    "vizkit.training.History": "vizkit.training.fit",
    "vizkit.zoo.Encoder": "vizkit.zoo.load",  # a protocol: what every loaded encoder can do
    "vizkit.zoo.PocketImageEncoder": "vizkit.zoo.load",
}
# Options that no case draws, and where they are tested instead.
NOT_DRAWN = {
    "vizkit.models.capture_attention": {"num_prefix_tokens"},  # test_capture.py
    "vizkit.data.pairs": {"split", "image_column", "caption_column"},  # hub: test_data_pairs.py
    "vizkit.losses.info_nce": {"block_size", "group", "timeout"},  # test_losses*.py
    "vizkit.losses.sigmoid_loss": {"block_size", "group", "timeout"},
    "vizkit.training.fit": {"history"},  # test_training_loop.py
    "vizkit.zoo.load": {"folder"},  # tests/faults/test_weights.py
}


def public_names() -> list[str]:
    return [
        f"vizkit.{room}.{name}"
        for room in ROOMS
        for name in importlib.import_module(f"vizkit.{room}").__all__
    ]


def value_of(name: str):
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def takes_options(name: str) -> bool:
    """Whether a caller can hand anything to it. Constants, and calls without options, cannot fail."""
    value = value_of(name)
    if inspect.isclass(value) and value.__init__ is nn.Module.__init__:
        return False
    return callable(value) and bool(inspect.signature(value).parameters)


def cases() -> dict[str, object]:
    """Name → case, from all rooms; a method's name counts for its class."""
    found = {}
    for room in CASE_FILES:
        found |= importlib.import_module(f"tests.unit.test_constructors_{room}").CASES
    return found


def covered() -> set[str]:
    return {".".join(name.split(".")[:3]) for name in cases()}


@pytest.mark.parametrize("name", public_names())
def test_every_public_name_that_takes_options_has_a_property_test(name):
    if not takes_options(name):
        return
    assert name in covered() | ELSEWHERE.keys() | RECORDS.keys(), (
        f"{name} takes options, but no property-based test tries odd ones: add a Case for it to "
        f"tests/unit/test_constructors_{name.split('.')[1]}.py"
    )


def test_every_case_is_of_a_public_name_and_of_all_its_options():
    for name, case in cases().items():
        public = ".".join(name.split(".")[:3])
        assert public in public_names(), f"{name} is public no more"
        drawn = option_names(case) | NOT_DRAWN.get(name, set())
        parameters = inspect.signature(case.call).parameters.values()
        named = {one.name for one in parameters if one.kind is not one.VAR_KEYWORD}
        if not any(one.kind is one.VAR_POSITIONAL for one in parameters):
            assert named <= drawn, f"{name}: no property test for {sorted(named - drawn)}"
        assert set(case.keep) <= drawn, f"{name}: {case.keep}"


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_is_tested_elsewhere_is(name):
    file, test = ELSEWHERE[name]
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = [one for one in tree.body if getattr(one, "name", "") == test]
    assert len(functions) == 1, f"{file} has no test called {test}"
    decorators = [ast.unparse(one) for one in functions[0].decorator_list]
    assert any(one.startswith("given(") for one in decorators), f"{test} tries no examples"
    assert f"{name.rpartition('.')[2]}(" in ast.unparse(functions[0])


def test_records_are_made_by_what_is_tested():
    for record, maker in RECORDS.items():
        assert record in public_names()
        assert maker in covered()
