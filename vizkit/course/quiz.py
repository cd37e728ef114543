"""`quiz`: one question, radio buttons, and a reason for every answer."""

from collections.abc import Sequence
from html import escape

from vizkit.course.show import GREEN, VERMILLION, card, show


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
    options, explanations = list(options), list(explanations)
    if len(options) < 2 or len(set(options)) != len(options):
        raise ValueError(f"a quiz needs two or more different options; received {options}")
    if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < len(options):
        raise ValueError(f"answer must be an index from 0 to {len(options) - 1}, not {answer!r}")
    if len(explanations) != len(options):
        raise ValueError(
            f"expected one explanation per option ({len(options)}), received {len(explanations)}"
        )
    feedback = [
        ("Right. " if index == answer else "Not quite. ") + text
        for index, text in enumerate(explanations)
    ]
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


def _live_form(question: str, options: list[str], feedback: list[str], answer: int) -> dict:
    import ipywidgets

    buttons = ipywidgets.RadioButtons(
        options=options, value=None, layout=ipywidgets.Layout(width="auto"), description=""
    )
    note = ipywidgets.HTML('<div role="status"></div>')

    def answered(change: dict) -> None:
        chosen = options.index(change["new"])
        right = chosen == answer
        head, reason = feedback[chosen].split(". ", 1)
        note.value = card(
            GREEN if right else VERMILLION, f"{'✓' if right else '✗'} {head}.", reason
        )

    buttons.observe(answered, "value")
    heading = ipywidgets.HTML(
        '<strong style="color:var(--jp-ui-font-color1,inherit)">' + escape(question) + "</strong>"
    )
    form = ipywidgets.VBox([heading, buttons, note])
    return {
        key: value
        for key, value in form._repr_mimebundle_().items()
        if key == "application/vnd.jupyter.widget-view+json"
    }
