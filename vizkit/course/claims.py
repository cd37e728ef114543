"""`claim` and `cite`: a statement of the course, its evidence, its rivals and its verdict.

A claim is kept one way: the output of its cell carries a bundle of the type `CLAIM_MIME`. What the
reader sees, the ledger page and the tests are all made from that bundle.
"""

import difflib
import math
from collections.abc import Mapping
from html import escape
from numbers import Integral, Real
from typing import Any

from vizkit.course.evidence import UNDECIDED, Estimate
from vizkit.course.registry import CLAIMS, Claim
from vizkit.course.show import BLUE, GREEN, GREY, ORANGE, VERMILLION, show

CLAIM_MIME = "application/vnd.vizkit.claim+json"
WITH_A_LIMIT = "with a limit"
BY_ITS_SOURCE = ", by its source"
_MEASURED = {
    "holds": ("✓", GREEN),
    "holds with a limit": ("◐", ORANGE),
    "undecided": ("?", GREY),
    "does not hold": ("✗", VERMILLION),
}
# Verdict → mark and colour; a verdict by the source stands beside each measured one.
VERDICTS = {
    **_MEASURED,
    **{
        verdict + BY_ITS_SOURCE: (mark, BLUE if color == GREEN else color)
        for verdict, (mark, color) in _MEASURED.items()
        if verdict != UNDECIDED
    },
}
MAX_ROWS = 8  # of a table that a reader takes in at one look


def claim(
    id: str,
    *,
    measured: Any,
    holds: bool | str,
    sentence: str,
    controls: Mapping[str, Any],
    note: str = "",
    notebook: str | None = None,
) -> None:
    """Show a claim with what was measured, what ruled out its rivals, and the verdict.

    Measured values stand between ⟨ and ⟩; the notebook tests blank what is in there, so numbers
    may breathe while the verdict is compared strictly.

    Args:
        id: the claim, as in the registry: "A1".
        measured: a number, an `Estimate`, a short text, or a dictionary of those by name.
        holds: True, False, "undecided", or "with a limit" (then `note` must name the limit).
        sentence: what came out, in words; the same text in every run.
        controls: for each rival that the registry names for this claim: what the control that
            rules it out (or limits the verdict) measured; the kinds that `measured` may have.
        note: the limit, or one more sentence.
        notebook: needed only where two notebooks measure the same claim.

    Raises:
        ValueError: an unknown id, notebook, verdict or rival, no control, no sentence, a limit
            that is not named, or more rows than a reader takes in.
        TypeError: a measured value is none of the kinds.
    """
    entry = _find(id)
    home = _home(entry, notebook)
    verdict = _verdict(holds)
    _check_text("note", note, empty=True)
    _check_text("sentence", sentence)
    if verdict == "holds with a limit" and not note:
        raise ValueError(
            f'claim {id} holds "with a limit": say in note= which limit that is (it is empty)'
        )
    content = {
        "id": entry.id,
        "notebook": home,
        "statement": entry.statement,
        "verdict": verdict,
        "sentence": sentence,
        "measured": _rows("measured", measured),
        "rivals": _controls(entry, controls),
        "note": note,
        "source": entry.source,
    }
    _show(content)


def cite(
    id: str, source: str, *, holds: bool | str, note: str = "", notebook: str | None = None
) -> None:
    """Show a claim that is judged by its source, not measured here.

    holds: True, False, or "with a limit" (then `note` must name the limit): what the source says
        of the statement as it is commonly taught.

    Raises:
        ValueError: an unknown id, notebook or verdict, no source, or a limit that is not named.
    """
    entry = _find(id)
    home = _home(entry, notebook)
    if not isinstance(source, str) or not source.strip():
        raise ValueError(f"claim {id} is cited: say in source= where it is stated, not {source!r}")
    verdict = _verdict(holds)
    if verdict == UNDECIDED:
        raise ValueError(
            f"claim {id} is cited: its source decides it, so holds= cannot be {holds!r}"
        )
    _check_text("note", note, empty=True)
    if verdict == "holds with a limit" and not note:
        raise ValueError(f'claim {id} holds "with a limit": say in note= which limit that is')
    content = {
        "id": entry.id,
        "notebook": home,
        "statement": entry.statement,
        "verdict": verdict + BY_ITS_SOURCE,
        "sentence": entry.truth,
        "measured": [],
        "rivals": [],
        "note": note,
        "source": source,
    }
    _show(content)


def claim_text(content: Mapping[str, Any]) -> str:
    """The plain text of a claim's bundle: the verdict first, then a line per number."""
    mark, _ = VERDICTS[content["verdict"]]
    lines = [f"{mark} {content['id']} {content['verdict']} · {content['statement']}"]
    lines.append(f"  {_heading(content)}: {content['sentence']}")
    lines += [f"  measured · {row['name']}: ⟨{row['value']}⟩" for row in content["measured"]]
    for rival in content["rivals"]:
        lines.append(f"  rival · {rival['rival']}: {rival['reason']}")
        lines += [f"    control · {row['name']}: ⟨{row['value']}⟩" for row in rival["control"]]
    if content["note"]:
        lines.append(f"  note · {content['note']}")
    if not content["measured"]:
        lines.append(f"  source · {content['source']}")
    return "\n".join(lines)


def claim_html(content: Mapping[str, Any]) -> str:
    """A card with the verdict, the sentence and one small table. All text is escaped."""
    mark, color = VERDICTS[content["verdict"]]
    about = [f"<em>Commonly taught:</em> {escape(content['statement'])}"]
    about.append(f"<em>{_heading(content)}:</em> {escape(_without_brackets(content['sentence']))}")
    if content["note"]:
        about.append(f"<em>Note:</em> {escape(_without_brackets(content['note']))}")
    if not content["measured"]:
        about.append(f"<em>Source:</em> {escape(content['source'])}")
    paragraphs = "".join(f'<div style="margin-top:4px">{line}</div>' for line in about)
    return (
        f'<div role="status" style="border-left:6px solid {color};border-radius:4px;'
        "padding:8px 14px;margin:4px 0;max-width:60em;line-height:1.5;"
        "background:var(--jp-layout-color2,rgba(128,128,128,.12));"
        'color:var(--jp-ui-font-color1,inherit)">'
        f"<strong>{mark} Claim {escape(content['id'])}: {escape(content['verdict'])}</strong>"
        f"{paragraphs}{_table(content)}</div>"
    )


def _heading(content: Mapping[str, Any]) -> str:
    return "What came out" if content["measured"] else "What is known"


def _table(content: Mapping[str, Any]) -> str:
    left = "text-align:left;padding:2px 14px 2px 0;vertical-align:top"
    styles = (left, f"{left};white-space:nowrap", left)
    rows = [(escape(row["name"]), escape(row["value"]), "") for row in content["measured"]]
    for rival in content["rivals"]:
        for number, row in enumerate(rival["control"]):
            named = f"<em>{escape(rival['rival'])}</em>: {escape(rival['reason'])}"
            about = named if number == 0 else ""
            rows.append((f"control: {escape(row['name'])}", escape(row["value"]), about))
    if not rows:
        return ""
    cells = "".join(f"<tr>{_cells('td', row, styles)}</tr>" for row in rows)
    heads = _cells("th", ("what was measured", "result", "which rival it tests"), styles)
    return (
        '<table style="margin-top:6px;border-collapse:collapse;font-size:.93em">'
        f"<thead><tr>{heads}</tr></thead><tbody>{cells}</tbody></table>"
    )


def _cells(tag: str, contents: tuple[str, ...], styles: tuple[str, ...]) -> str:
    pairs = zip(contents, styles, strict=True)
    return "".join(f'<{tag} style="{style}">{content}</{tag}>' for content, style in pairs)


def _find(id: str) -> Claim:
    if isinstance(id, str) and id in CLAIMS:
        return CLAIMS[id]
    near = difflib.get_close_matches(str(id).upper(), CLAIMS, n=4, cutoff=0.4)
    known = ", ".join(near) if near else f"{next(iter(CLAIMS))} … {list(CLAIMS)[-1]}"
    raise ValueError(f"there is no claim {id!r}; near it: {known}")


def _home(entry: Claim, notebook: str | None) -> str:
    notebook = entry.notebooks[0] if notebook is None else notebook
    if not isinstance(notebook, str) or notebook not in entry.notebooks:
        raise ValueError(
            f"claim {entry.id} belongs to {' and '.join(entry.notebooks)}, not to {notebook!r}"
        )
    return notebook


def _check_text(name: str, text: Any, *, empty: bool = False) -> None:
    if not isinstance(text, str):
        raise ValueError(f"{name} must be a text, not {text!r}")
    if not empty and not text.strip():
        raise ValueError(f"{name} must not be empty")


def _verdict(holds: Any) -> str:
    expected = f'holds must be True, False, "{WITH_A_LIMIT}" or "{UNDECIDED}", not {holds!r}'
    if isinstance(holds, str):
        if holds not in (WITH_A_LIMIT, UNDECIDED):
            raise ValueError(expected)
        return UNDECIDED if holds == UNDECIDED else "holds with a limit"
    # A comparison of arrays or tensors gives their own kind of bool, of size 1.
    if not isinstance(holds, bool) and "bool" not in str(getattr(holds, "dtype", "")):
        raise ValueError(expected)
    if getattr(holds, "shape", ()) not in ((), (1,)):
        raise ValueError(f"holds must be one verdict, not {holds!r}")
    return "holds" if bool(holds) else "does not hold"


def _controls(entry: Claim, controls: Any) -> list[dict[str, Any]]:
    if not isinstance(controls, Mapping) or not controls:
        raise ValueError(
            f"claim {entry.id} needs controls=: what rules out each of its rivals, "
            f"{list(entry.rivals)}; received {controls!r}"
        )
    unknown = [name for name in controls if name not in entry.rivals]
    if unknown:
        raise ValueError(
            f"claim {entry.id} has the rivals {list(entry.rivals)} in the registry; "
            f"received controls for {unknown}"
        )
    found = [
        {
            "rival": name,
            "reason": entry.rivals[name],
            "control": _rows(f"the control of {name!r}", value),
        }
        for name, value in controls.items()
    ]
    if sum(len(rival["control"]) for rival in found) > MAX_ROWS:
        raise ValueError(f"claim {entry.id} has more than {MAX_ROWS} control numbers")
    return found


def _rows(name: str, measured: Any) -> list[dict[str, str]]:
    """The rows of a table: a name and a number as it is printed."""
    if isinstance(measured, Mapping):
        if not measured:
            raise ValueError(f"{name} is an empty dictionary: {{}}")
        if len(measured) > MAX_ROWS:
            raise ValueError(
                f"{name} has {len(measured)} rows, more than the {MAX_ROWS} of a small table"
            )
        return [{"name": str(key), "value": _printed(name, it)} for key, it in measured.items()]
    return [{"name": "result", "value": _printed(name, measured)}]


def _printed(name: str, value: Any) -> str:
    """A value of 3 significant digits, so that stored outputs do not change for nothing."""
    if isinstance(value, str):
        _check_text(name, value)
        return _without_brackets(value)
    if isinstance(value, Estimate):
        return str(value)
    if hasattr(value, "item") and getattr(value, "shape", None) in ((), (1,)):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(
            f"{name} must be a number, an Estimate, a short text, or a dictionary of those by "
            f"name; received {type(value).__name__}"
        )
    if isinstance(value, Integral):
        return f"{int(value):,}"
    value = float(value)
    return f"{float(f'{value:.3g}'):,}" if math.isfinite(value) else str(value)


def _without_brackets(text: str) -> str:
    return text.replace("⟨", "").replace("⟩", "")


def _show(content: dict[str, Any]) -> None:
    show(claim_text(content), claim_html(content), data={CLAIM_MIME: content})
