import json
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
import torch

from vizkit.course import Exercise, Mistake, exercises
from vizkit.course.exercises import all_exercises, assert_exercise_is_sound, catalog, progress
from vizkit.course.exercises import exercise as exercise_module
from vizkit.course.exercises.memory import peak_of


@pytest.fixture(autouse=True)
def progress_file(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZKIT_PROGRESS_FILE", str(tmp_path / "data" / "progress.json"))
    monkeypatch.setattr(progress, "warned", False)
    return tmp_path / "data" / "progress.json"


def _normalise(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _exercise(**changes) -> Exercise:
    arguments = {
        "solution": _normalise,
        "mistakes": [
            Mistake("wrong axis", lambda x: x / np.linalg.norm(x, axis=0), "Use the last axis."),
            Mistake("not normalised", lambda x: x, "Divide by the length."),
            Mistake("one length for all", lambda x: x / np.linalg.norm(x), "One per row."),
        ],
        "inputs": lambda rng: [(rng.normal(size=(3, 4)).astype("float32"),) for _ in range(2)],
        **changes,
    }
    return Exercise("Normalise", **arguments)


TOKENS = Exercise("Count", solution=197, mistakes=[Mistake("CLS forgotten", 196, "Count CLS.")])
COURSE = [exercise for group in all_exercises().values() for exercise in group]


@pytest.mark.parametrize("exercise", COURSE, ids=lambda exercise: exercise.name)
def test_exercise_of_the_course_is_sound(exercise):
    assert_exercise_is_sound(exercise)


def test_exercises_of_the_course_have_names_of_their_own_and_three_mistakes():
    names = [exercise.name for exercise in COURSE]
    assert len(set(names)) == len(names)
    few = [e.name for e in COURSE if callable(e.solution) and len(e.mistakes) < 3]
    assert few == []


@pytest.mark.parametrize("exercise", [_exercise(), _exercise(to="torch"), TOKENS])
def test_good_exercise_is_sound(exercise):
    assert_exercise_is_sound(exercise)


def _raises(x):
    raise NotImplementedError


def _returns_nothing(x):
    y = x * 2  # noqa: F841


def _blank_left(x):
    length = ...
    return x / length.norm()


@pytest.mark.parametrize("stub", [_raises, _blank_left, lambda x: ...])
def test_stub_is_not_yet_attempted(stub):
    assert _exercise(to="torch").grade(stub).kind == "not yet attempted"


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: x / x.pow(2).sum(-1, keepdim=True).sqrt(),
        lambda x: torch.nn.functional.normalize(x, dim=-1).double(),
        lambda x: [row / row.norm() for row in x],
        lambda x: x[..., :] / x.norm(dim=-1)[..., None],
        lambda x: torch.nn.functional.normalize(x.requires_grad_(), dim=1).to(torch.float32),
        lambda x: x.div_(x.norm(dim=-1, keepdim=True)),
    ],
)
def test_right_answer_written_another_way_is_right(answer):
    exercise = _exercise(to="torch")
    if isinstance(answer(exercise_input()), list):
        answer = (lambda rows: lambda x: torch.stack(rows(x)))(answer)
    assert exercise.grade(answer).kind == "right"


def exercise_input():
    return torch.ones(3, 4)


def test_each_mistake_gets_its_own_hint():
    exercise = _exercise(to="torch")
    assert exercise.grade(lambda x: x / x.norm(dim=0)).message == "Use the last axis."
    assert exercise.grade(lambda x: x.clone()).mistake == "not normalised"
    assert exercise.grade(lambda x: x / x.norm()).message == "One per row."


def _divides_by_zero(x):
    return x[0, 0].item() / 0


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: x.sum(1), "expected numbers of shape (3, 4), received numbers of shape (3,)"),
        (lambda x: x.exp(), "the entry [0, 0] should be "),
        (lambda x: 3 * x / x.norm(dim=-1, keepdim=True), "is 3 times what it should be"),
        (lambda x: x / x.norm(dim=-1, keepdim=True) + 1, "is 1 too high"),
        (lambda x: x / 0, "not finite"),
        (_returns_nothing, "is a `return` or a value missing?"),
        (lambda x: "text", "received a str"),
        (_divides_by_zero, "at the line: return x[0, 0].item() / 0"),
        (3.5, "Pass the function itself"),
    ],
)
def test_other_wrong_answers_get_a_general_message(answer, message):
    result = _exercise(to="torch").grade(answer)
    assert result.kind == "wrong"
    assert message in result.message
    assert "Traceback" not in result.message


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: 3 * float(np.abs(x).sum()), "Every result of yours is 3 times"),
        (lambda x: float(np.abs(x).sum()) + 1, "Every result of yours is 1 too high"),
        (lambda x: np.nan, "Some of your results are not finite"),
    ],
)
def test_an_answer_of_one_number_has_no_entries(answer, message):
    mistakes = [Mistake("signs kept", lambda x: float(x.sum()), "Look at the signs.")]
    exercise = _exercise(solution=lambda x: float(np.abs(x).sum()), mistakes=mistakes)
    assert message in exercise.grade(answer).message


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (..., "not yet attempted"),
        (None, "wrong"),
        (197, "right"),
        (197.0, "right"),
        (torch.tensor([197]), "right"),
        ((197,), "right"),
        (np.float16(197), "right"),
        (Fraction(394, 2), "right"),
        (196, "mistake"),
        (5, "wrong"),
        (True, "wrong"),
        (196.99, "wrong"),
        (197.001, "wrong"),
        ([197, 1], "wrong"),
        ("197", "wrong"),
        (lambda: 197, "wrong"),
    ],
)
def test_value_exercise(answer, kind):
    assert TOKENS.grade(answer).kind == kind


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (196.99, "whole number"),
        (np.inf, "inf: the answer is a whole number"),
        ({}, "an empty dictionary"),
        (object(), "an object"),
        (np.array(["197"]), "an array that holds no numbers"),
        ("197", "pass a number"),
        ([197, 1], "pass one number"),
        (lambda: 197, "Pass the value itself; received a function"),
        (None, "missing"),
    ],
)
def test_a_value_of_another_kind_is_told_why(answer, message):
    assert message in TOKENS.grade(answer).message


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_right_and_told_so_and_hides_no_mistake(dtype):
    exercise = _exercise(to="torch")
    result = exercise.grade(lambda x: (x / x.norm(dim=-1, keepdim=True)).to(dtype))
    assert result.kind == "right"
    assert str(dtype).removeprefix("torch.") in result.message
    assert exercise.grade(lambda x: (x / x.norm(dim=0)).to(dtype)).kind != "right"
    # The same error in full precision is an error.
    assert exercise.grade(lambda x: 1.002 * x / x.norm(dim=-1, keepdim=True)).kind == "wrong"


def test_half_precision_that_hides_a_mistake_is_told_why():
    exercise = Exercise(
        "Small numbers",
        solution=lambda x: x,
        mistakes=[Mistake("m", lambda x: 1.01 * x, "h")],
        inputs=[(np.array([0.01, 0.02], "float32"),)],
        to="torch",
        tolerance=1e-6,
    )
    assert exercise.grade(lambda x: x).kind == "right"
    result = exercise.grade(lambda x: x.half())
    assert (result.kind, result.mistake) == ("wrong", "")
    assert "float16" in result.message
    assert "float32" in result.message
    assert "float16" not in exercise.grade(lambda x: (x + 1).half()).message


def test_a_number_that_is_no_whole_one_is_shown_as_it_is():
    exercise = Exercise("Large", solution=590_592, mistakes=[Mistake("m", 589_824, "h")])
    assert "Received 590592.5:" in exercise.grade(590_592.5).message


def test_a_whole_number_is_compared_exactly():
    exercise = Exercise("Large", solution=590_592, mistakes=[Mistake("m", 589_824, "h")])
    assert [exercise.grade(n).kind for n in (590_592, 590_593, 590_592.5)] == [
        "right",
        "wrong",
        "wrong",
    ]


def test_what_differs_looks_different():
    exercise = Exercise("Twice", solution=lambda n: 2 * n, inputs=[(3,), (480,)],
                        mistakes=[Mistake("once", lambda n: n, "h")])  # fmt: skip
    message = exercise.grade(lambda n: 2 * n * (1 + 1e-11)).message
    assert "should be 6, yours is 6.00000000006." in message
    message = exercise.grade(lambda n: 2 * n * (1 + 1e-14)).message
    assert "should be 6, yours is 6.00000000000006" in message
    halves = Exercise("Halves", solution=lambda n: n / 2, inputs=[(3,), (480,)], tolerance=1e-7,
                      mistakes=[Mistake("once", lambda n: n, "h")])  # fmt: skip
    message = halves.grade(lambda n: n / 2 * (1 + 1e-6)).message
    assert "should be 1.5, yours is 1.5000015." in message
    assert "1 times" not in message


def test_a_few_numbers_are_shown_beside_many():
    table, grid = np.ones((30, 2), "float32"), (5, 6)
    exercise = _exercise(
        solution=lambda table, old: table.reshape(*old, -1).sum((0, 1)),
        mistakes=[Mistake("m", lambda table, old: table[0], "h")],
        inputs=[(table, grid)],
    )
    message = exercise.grade(lambda table, old: table[0] + 1).message
    assert "For table: numbers of shape (30, 2), old = [5 6]: the entry [0]" in message


def test_numpy_may_be_told_to_raise_errors():
    small = _exercise(inputs=[(np.full((3, 4), 1e-300),), (np.eye(3, 4) + 1,)])
    with np.errstate(all="raise"):
        assert small.grade(lambda x: np.full((3, 4), 1e-310)).kind == "wrong"


def test_the_smallest_case_that_differs_is_shown_with_its_numbers():
    small, large = np.arange(6, dtype="float32").reshape(2, 3), np.ones((9, 9), "float32")
    exercise = _exercise(
        solution=lambda x: x.cumsum(1),
        mistakes=[Mistake("m", lambda x: x, "h")],
        inputs=[(large,), (small,)],
    )
    message = exercise.grade(lambda x: x.cumsum(1) + (x == 5)).message
    assert "x = [[0. 1. 2.] [3. 4. 5.]]" in message
    assert "the entry [1, 2] should be 12, yours is 13" in message


def test_an_answer_turned_round_is_told_so():
    x = np.random.default_rng(0).normal(size=(3, 3))
    exercise = _exercise(
        solution=lambda x: x @ x, mistakes=[Mistake("m", lambda x: x, "h")], inputs=[(x,)]
    )
    assert "last two axes exchanged" in exercise.grade(lambda x: (x @ x).T).message


def test_a_ready_made_function_is_refused_by_its_name():
    exercise = _exercise(to="torch", forbidden=("normalize",))
    for answer in (
        lambda x: torch.nn.functional.normalize(x, dim=-1),
        lambda x: (lambda y: torch.nn.functional.normalize(y, dim=-1))(x),
    ):
        result = exercise.grade(answer)
        assert result.kind == "wrong"
        assert "`normalize`" in result.message
    assert exercise.grade(lambda x: x / x.norm(dim=-1, keepdim=True)).kind == "right"


def test_a_ready_made_function_is_refused_under_another_name():
    unit = torch.nn.functional.normalize

    def through_itself(x, deep=0):
        return through_itself(x, deep + 1) if deep < 3 else unit(x, dim=-1)

    class Module(torch.nn.Module):
        def forward(self, x):
            return through_itself(x)

    exercise = _exercise(to="torch", forbidden=("normalize",))
    for answer in (lambda x: unit(x, dim=-1), through_itself, Module()):
        assert "`normalize`" in exercise.grade(answer).message
    exercise = _exercise(to="torch", forbidden=("LayerNorm", "autograd"))
    norm, calculus = torch.nn.LayerNorm(4), torch.autograd.functional
    for answer, name in ((norm, "LayerNorm"), (lambda x: norm(x), "LayerNorm"),
                         (lambda x: calculus.jacobian(unit, x), "autograd")):  # fmt: skip
        assert f"`{name}`" in exercise.grade(answer).message


def test_a_mistake_may_have_more_than_one_outcome():
    def tripled(received, x):
        return received.shape == x.shape and bool(np.isclose(np.abs(received), 3 * np.abs(x)).all())

    exercise = _exercise(mistakes=[Mistake("tripled", lambda x: 3 * x, "Divide.", fits=tripled)])
    assert exercise.grade(lambda x: -3 * x).mistake == "tripled"
    assert exercise.grade(lambda x: 2 * x).mistake == ""


@pytest.mark.parametrize(
    ("further", "said"),
    [
        (lambda function: "", ("right", "")),
        (lambda function: "Too slow.", ("wrong", "Too slow.")),
        (lambda function: 1 / 0, ("wrong", "Your code stopped with ZeroDivisionError")),
    ],
)
def test_a_right_answer_may_have_more_to_pass(further, said):
    exercise = _exercise(further=further)
    result = exercise.grade(_normalise)
    assert (result.kind, result.message[: len(said[1])]) == said
    assert exercise.grade(lambda x: x).mistake == "not normalised", "only right ones are asked more"


@pytest.mark.parametrize("tracing", [False, True])
def test_the_memory_of_a_call_is_measured_also_where_tracing_runs(tracing):
    if tracing:
        tracemalloc.start()
        held = np.ones(200_000)  # a peak from before does not count
        del held
    try:
        assert 80_000 <= peak_of(lambda n: np.zeros(n), 10_000) < 90_000
        assert peak_of(lambda n: None, 10_000) < 10_000
        assert tracemalloc.is_tracing() is tracing
    finally:
        tracemalloc.stop()


def test_hints_come_in_steps(capsys):
    mistake = Mistake("off by one", 4, ("Count again.", "Counting starts at 0.", "Write n - 1."))
    exercise = Exercise("Steps", solution=3, mistakes=[mistake])
    assert_exercise_is_sound(exercise)
    said = []
    for _ in range(4):
        exercise.check(4, record_progress=False)
        said.append(capsys.readouterr().out)
    assert "Hint 1 of 3: Count again." in said[0]
    assert "Counting" not in said[0]
    assert "Hint 2 of 3: Counting starts at 0." in said[1]
    assert "Write" not in said[1]
    assert "Hint 3 of 3: Write n - 1." in said[2]
    assert said[2] == said[3]


def test_text_and_list_answers():
    words = Exercise("Words", solution=["ViT", "CNN"], mistakes=[Mistake("m", ["CNN", "ViT"], "h")])
    assert words.grade([" vit", "cnn "]).kind == "right"
    assert words.grade(["cnn", "vit"]).mistake == "m"
    assert words.grade([..., "vit"]).kind == "not yet attempted"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"difficulty": 9}, "1 to 5"),
        ({"minutes": 0}, "positive"),
        ({"to": "jax"}, "torch"),
        ({"mistakes": []}, "no mistake"),
        ({"inputs": None}, "function"),
        ({"mistakes": [Mistake("a", lambda x: x, ())]}, "without a hint"),
        ({"mistakes": [Mistake("a", lambda x: x, ("ok", ""))]}, "without a hint"),
        ({"forbidden": "normalize"}, "forbidden"),
    ],
)
def test_bad_definition_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        _exercise(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": [(np.eye(3, dtype="float32"),)]}, "tell 'solution' and 'wrong axis' apart"),
        ({"inputs": []}, "argument tuples"),
        ({"inputs": [np.ones(3)]}, "argument tuples"),
        ({"mistakes": [Mistake("a", lambda x: x, "h")] * 2}, "two mistakes"),
    ],
)
def test_inputs_that_do_not_discriminate_are_found(changes, message):
    with pytest.raises(ValueError, match=message):
        assert_exercise_is_sound(_exercise(**changes))


def test_shared_hint_is_not_sound():
    same = [Mistake("a", 1, "h"), Mistake("b", 2, "h")]
    with pytest.raises(AssertionError, match="share a hint"):
        assert_exercise_is_sound(Exercise("x", solution=3, mistakes=same))


def test_check_prints_and_remembers(capsys, progress_file):
    TOKENS.check(...)
    assert capsys.readouterr().out == "○ Count: not yet attempted\n"
    assert not progress_file.exists()
    TOKENS.check(196)
    assert capsys.readouterr().out == "✎ Count: CLS forgotten\nCount CLS.\n"
    TOKENS.check(197, record_progress=False)
    assert json.loads(progress_file.read_text()) == {"Count": {"solved": False, "tries": 1}}
    TOKENS.check(197)
    TOKENS.check(5)
    assert json.loads(progress_file.read_text()) == {"Count": {"solved": True, "tries": 2}}
    exercises.forget_progress()
    assert json.loads(progress_file.read_text()) == {}


def test_progress_goes_to_another_machine(capsys, monkeypatch, progress_file, tmp_path):
    TOKENS.check(196)
    TOKENS.check(197)
    exercises.export_progress(tmp_path / "mine.json")
    assert capsys.readouterr().out.endswith("Solved exercises written to mine.json: 1\n")
    other = tmp_path / "other" / "progress.json"
    monkeypatch.setenv("VIZKIT_PROGRESS_FILE", str(other))
    TOKENS.check(5)
    Exercise("Other", solution=3, mistakes=[Mistake("a", 1, "h")]).check(3)
    exercises.import_progress(tmp_path / "mine.json")
    assert json.loads(other.read_text()) == {
        "Count": {"solved": True, "tries": 2},
        "Other": {"solved": True, "tries": 1},
    }
    exercises.export_progress(tmp_path / "both.json")
    monkeypatch.setenv("VIZKIT_PROGRESS_FILE", str(tmp_path / "third" / "progress.json"))
    exercises.import_progress(tmp_path / "both.json")  # into nothing
    assert exercises.progress_path().read_text() == other.read_text()


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"vizkit_progress": 1, "exercises": {"Count": {"solved": 1}}}']
)
def test_another_file_is_no_progress(content, progress_file, tmp_path):
    TOKENS.check(197)
    before = progress_file.read_text()
    (tmp_path / "file.json").write_text(content)
    with pytest.raises(ValueError, match="no file that export_progress wrote"):
        exercises.import_progress(tmp_path / "file.json")
    assert progress_file.read_text() == before
    with pytest.raises(FileNotFoundError):
        exercises.import_progress(tmp_path / "none.json")


def test_progress_is_shown(capsys, monkeypatch):
    monkeypatch.setattr(catalog, "all_exercises", lambda: {"02_patch_embedding": [TOKENS]})
    TOKENS.check(197)
    exercises.show_progress()
    out = capsys.readouterr().out
    assert "Exercises solved: 1 of 1" in out
    assert "✓ 02_patch_embedding: Count" in out


def test_failing_write_does_not_break_the_check(capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VIZKIT_PROGRESS_FILE", str(tmp_path / "file" / "progress.json"))
    TOKENS.check(197)
    TOKENS.check(197)
    out = capsys.readouterr().out
    assert out.count("Count: right") == 2
    assert out.count("could not be saved") == 1


@pytest.mark.parametrize("content", ["{", "[]", '{"Count": 3}', '{"Count": {"solved": "x"}}'])
def test_damaged_progress_file_is_survived(content, progress_file, capsys):
    progress_file.parent.mkdir()
    progress_file.write_text(content)
    TOKENS.check(196)
    exercises.show_progress()
    assert "CLS forgotten" in capsys.readouterr().out


def test_learners_text_is_escaped(monkeypatch):
    shown = {}
    monkeypatch.setattr(exercise_module, "show", lambda text, html: shown.update(html=html))
    TOKENS.check("<img src=x onerror=alert(1)>")
    assert "&lt;img" in shown["html"]
    assert "<img" not in shown["html"]
