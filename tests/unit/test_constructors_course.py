"""Public names of `vizkit.course`: a right answer, or an error that says what came."""

import contextlib
import inspect
import io
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import strategies as st

from tests.unit.constructors import Case, checks_of, fixed, one_of
from vizkit import course

WORDS = st.text("abc é<&", min_size=1, max_size=9).filter(str.strip)
SEVERAL = st.integers(2, 4)


def shown(function):
    """The function, answering with what it showed."""

    def call(**options: Any) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            function(**options)
        return printed.getvalue()

    call.__signature__ = inspect.signature(function)
    return call


def says(*names: str):
    """A check: what was shown holds these options."""

    def check(text: str, options: dict[str, Any]) -> None:
        for name in names:
            assert str(options[name]) in text

    return check


LABELS = {"title": WORDS, "x_label": WORDS, "y_label": WORDS, "alt": WORDS}


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


@st.composite
def lines(draw) -> dict[str, Any]:
    points = draw(SEVERAL)
    one = st.sampled_from([(points,), (1, points), (3, points)])
    series = {name: (range(points), numbers(*draw(one))) for name in ("a", "<b>")}
    return {"series": series, **{name: draw(words) for name, words in LABELS.items()}}


MATRICES = st.builds(numbers, st.integers(1, 3), st.integers(1, 3))


def interval(found: tuple[np.ndarray, np.ndarray], options: dict[str, Any]) -> None:
    mean, half = found
    values = np.asarray(options["values"], float)
    np.testing.assert_allclose(mean, values.mean(options["axis"]))
    assert np.shape(half) == np.shape(mean)
    assert not (half < 0).any()


def estimated(found: course.Estimate, options: dict[str, Any]) -> None:
    values = np.asarray(options["values"], float)
    own = values.std(ddof=1) / np.sqrt(len(values))
    assert found.count == len(values)
    assert found.standard_error == pytest.approx(np.hypot(own, options.get("shared", 0)))


@st.composite
def claimed(draw) -> dict[str, Any]:
    id = draw(st.sampled_from([key for key, one in course.CLAIMS.items() if one.rivals]))
    return {
        "id": id,
        "measured": draw(one_of(1, 2.5, {"a": 1, "b": 2.0}, "a word", course.estimate([1, 2]))),
        "holds": draw(one_of(True, False, "with a limit", "undecided")),
        "sentence": draw(WORDS),
        "controls": dict.fromkeys(course.CLAIMS[id].rivals, 1.5),
        "note": draw(WORDS),
        "notebook": None,
    }


def decided(found: Any, options: dict[str, Any]) -> None:
    assert found in (True, False, "undecided")


SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><path d="M0 0h4"/></svg>'
ALT = "A line from left to right."


def drawn(found: course.Svg, options: dict[str, Any]) -> None:
    assert found.alt == options["alt"]


def asked(text: str, options: dict[str, Any]) -> None:
    assert options["question"] in text
    assert text.count("( )") == len(options["options"])


@st.composite
def question(draw) -> dict[str, Any]:
    options = draw(st.lists(WORDS, min_size=2, max_size=3, unique=True))
    return {
        "question": draw(WORDS),
        "options": options,
        "answer": draw(st.integers(0, len(options) - 1)),
        "explanations": [f"because {option}" for option in options],
    }


def exercise(exercise: course.Exercise, options: dict[str, Any]) -> None:
    assert exercise.grade(...).kind == "not yet attempted"
    assert exercise.grade(options["solution"]).kind == "right"
    for mistake in options["mistakes"]:
        assert exercise.grade(mistake.wrong).mistake == mistake.name


CASES = {
    "vizkit.course.line_chart": Case(
        shown(course.line_chart),
        st.builds(
            lambda a, b, c: {**a, **b, **c},
            lines(),
            fixed(
                log_x=st.booleans(),
                log_y=st.booleans(),
                limits=one_of(None, (-1, 1)),
                ticks=one_of(None, {1.0: "one"}),
            ),
            fixed(dots=st.booleans(), apart=st.just(False))
            | fixed(dots=st.just(True), apart=st.booleans()),
        ),
        says("alt"),
        examples=3,
    ),
    "vizkit.course.bar_chart": Case(
        shown(course.bar_chart),
        fixed(values=one_of({"a": 1.0, "<b>": 2}, {"a": [1, 2, 3]}), **LABELS),
        says("alt"),
        examples=3,
    ),
    "vizkit.course.heat_map": Case(
        shown(course.heat_map),
        fixed(matrix=MATRICES, x=st.none(), y=st.none(), color_label=WORDS, **LABELS),
        says("alt"),
        keep=("x", "y"),  # Plotly's own: its errors name what it takes
        examples=3,
    ),
    "vizkit.course.scatter": Case(
        shown(course.scatter),
        fixed(
            groups=one_of({"a": ([1, 2], [3, 4])}, {"a": ([1.0], [2.0]), "<b>": ([], [])}),
            hover=one_of(None, {"a": ["<i>"]}),
            **LABELS,
        ),
        says("alt"),
        examples=3,
    ),
    "vizkit.course.show_figure": Case(
        shown(course.show_figure),
        fixed(fig=st.builds(go.Figure), alt=WORDS),
        says("alt"),
        examples=3,
    ),
    "vizkit.course.show_images": Case(
        shown(course.show_images),
        fixed(
            images=one_of([numbers(4, 5, 3).clip(0, 1)], [np.zeros((4, 4), np.uint8)]),
            captions=one_of(None, ["<b>"]),
            columns=st.integers(1, 3),
            size=one_of(16, 32),
            alt=WORDS,
        ),
        says("alt"),
        examples=4,
    ),
    "vizkit.course.mean_and_interval": Case(
        course.mean_and_interval, fixed(values=MATRICES, axis=one_of(0, 1)), interval
    ),
    "vizkit.course.claim": Case(shown(course.claim), claimed(), says("id")),
    "vizkit.course.cite": Case(
        shown(course.cite),
        fixed(
            id=st.sampled_from(list(course.CLAIMS)),
            source=WORDS,
            holds=one_of(True, False, "with a limit"),
            note=WORDS,
            notebook=st.none(),
        ),
        says("id"),
    ),
    "vizkit.course.estimate": Case(
        course.estimate,
        fixed(values=one_of([1, 2.5], np.arange(5)), of=WORDS, shared=st.floats(0, 9)),
        estimated,
    ),
    "vizkit.course.Estimate": Case(
        course.Estimate,
        fixed(
            mean=st.floats(-9, 9),
            standard_error=st.floats(0, 9),
            count=st.integers(2, 9),
            of=WORDS,
        ),
        lambda found, options: decided(found.above(0), options),
    ),
    "vizkit.course.all_of": Case(
        lambda first, second: course.all_of(first, second),
        fixed(first=one_of(True, False, "undecided"), second=one_of(True, "undecided")),
        decided,
    ),
    "vizkit.course.Svg": Case(course.Svg, fixed(text=st.just(SVG), alt=st.just(ALT)), drawn),
    "vizkit.course.show_drawing": Case(
        shown(course.show_drawing),
        fixed(drawing=st.just(course.Svg(SVG, ALT)), width=one_of(None, 200)),
        lambda text, options: None if ALT in text else pytest.fail("no alt text"),
    ),
    "vizkit.course.dot_chart": Case(
        shown(course.dot_chart),
        fixed(
            groups=one_of({"a": 1.0, "<b>": [1, 2]}, {"a": [1, 2, 3]}),
            limits=one_of(None, (0, 1)),
            line=one_of(None, 0.5),
            names_left=one_of(False, True),
            **LABELS,
        ),
        says("alt"),
        examples=3,
    ),
    "vizkit.course.quiz": Case(shown(course.quiz), question(), asked),
    "vizkit.course.rope_wheel": Case(
        shown(course.rope_wheel),
        fixed(
            query=st.integers(0, 15),
            key=st.integers(0, 15),
            frequency=st.floats(0, 1.5),
            start=st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
        ),
        says("query", "key"),
    ),
    "vizkit.course.show_source": Case(
        shown(course.show_source),
        fixed(obj=one_of(course.quiz, course.Exercise, course.Exercise.check)),
        lambda text, options: pytest.fail("empty") if not text.strip() else None,
        examples=3,
    ),
    "vizkit.course.stored_experiment": Case(
        course.stored_experiment,
        fixed(name=st.just("data_hunger")),
        lambda table, options: pytest.fail("empty") if not table["rows"] else None,
        also_odd={"name": ("../data_hunger", "nowhere")},
    ),
    "vizkit.course.experiment_verdicts": Case(
        course.experiment_verdicts,
        st.builds(lambda: {"table": course.stored_experiment("data_hunger")}),
        lambda verdicts, options: pytest.fail("none") if not verdicts else None,
        also_odd={"table": ({}, {"name": "nowhere"}, {"name": 3})},
        examples=1,
    ),
    "vizkit.course.Exercise": Case(
        course.Exercise,
        fixed(
            name=WORDS,
            solution=one_of(3, 7),
            mistakes=st.just((course.Mistake("off by one", 4, "count from 0"),)),
            inputs=st.none(),
            difficulty=st.integers(1, 5),
            minutes=one_of(1, 5),
            tolerance=one_of(1e-4, 1e-2),
            to=one_of("numpy", "torch"),
            forbidden=one_of((), ("softmax",)),
            further=st.none(),
        ),
        exercise,
        keep=("solution",),  # anything can be the answer that an exercise asks for
    ),
}


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZKIT_PROGRESS_FILE", str(tmp_path / "progress.json"))


test_options_that_fit_give_a_right_answer, test_an_odd_option_is_right_or_a_clear_error = checks_of(
    CASES
)
