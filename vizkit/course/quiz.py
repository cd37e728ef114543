"""`quiz`: one question, radio buttons, and a reason for every answer."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from vizkit.course.show import GREEN, VERMILLION, live_form, show

_FRONT_END = Path(__file__).with_name("quiz.js")


def quiz(question: str, options: Sequence[str], answer: int, explanations: Sequence[str]) -> None:
    """Ask one question; choosing an option says whether it is right, and why.

    Without a live kernel the options fold out to their explanations; the plain text lists
    question and options without the answer.

    Args:
        options: two or more different answers.
        answer: the index of the right one.
        explanations: for every option, why it is right or wrong.

    Raises:
        ValueError: fewer than two options, two alike, an answer that is not among them, or not
            one explanation per option.
    """
    for name, texts in (("options", options), ("explanations", explanations)):
        listed = isinstance(texts, list | tuple)
        if not listed or not all(isinstance(text, str) and text.strip() for text in texts):
            raise ValueError(f"{name} must be a list of texts, received {texts!r}")
    if not isinstance(question, str) or not question.strip():
        raise ValueError(f"question must be a text, received {question!r}")
    options, explanations = list(options), list(explanations)
    if len(options) < 2 or len(set(options)) != len(options):
        raise ValueError(f"a quiz needs two or more different options; received {options}")
    if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < len(options):
        raise ValueError(f"answer must be an index from 0 to {len(options) - 1}, not {answer!r}")
    if len(explanations) != len(options):
        raise ValueError(
            f"expected one explanation per option ({len(options)}), received {len(explanations)}"
        )
    feedback = [f"Not quite. {text}" for text in explanations]
    told = explanations[answer].startswith("Right")  # not twice
    feedback[answer] = explanations[answer] if told else f"Right. {explanations[answer]}"
    text = "\n".join([f"Question: {question}", *(f"  ( ) {option}" for option in options)])
    show(
        text,
        _static_form(question, options, feedback),
        data=_live_form(question, options, feedback, answer),
    )


def _static_form(question: str, options: list[str], feedback: list[str]) -> str:
    folds = "".join(
        f'<details style="margin:4px 0"><summary style="cursor:pointer">{escape(option)}'
        f'</summary><div style="margin:2px 0 6px 18px">{escape(reason)}</div></details>'
        for option, reason in zip(options, feedback, strict=True)
    )
    return f"<div><p><strong>{escape(question)}</strong></p>{folds}</div>"


def _live_form(
    question: str, options: list[str], feedback: list[str], answer: int
) -> dict[str, Any]:
    import anywidget
    import traitlets

    class Quiz(anywidget.AnyWidget):
        _esm = _FRONT_END.read_text(encoding="utf-8")
        content = traitlets.Dict().tag(sync=True)

    form = Quiz(
        content={
            "question": question,
            "options": options,
            "feedback": feedback,
            "answer": answer,
            "colors": [GREEN, VERMILLION],
        }
    )
    return live_form(form)
