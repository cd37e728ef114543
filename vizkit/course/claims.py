"""`claim`: one statement of the course, measured, with its verdict; kept in a ledger."""

import difflib
import math
import os
from numbers import Real
from pathlib import Path

from vizkit.course.registry import CLAIMS, Claim
from vizkit.course.show import BLUE, GREEN, GREY, ORANGE, VERMILLION, card, show
from vizkit.course.storage import update_json

WITH_A_LIMIT = "with a limit"
_MARKS = {
    "holds": ("✓", GREEN),
    "holds with a limit": ("◐", ORANGE),
    "does not hold here": ("✗", VERMILLION),
    "cited": ("❝", BLUE),
}
_warned_about: set[str] = set()


def claim(
    id: str,
    *,
    measured: float | dict[str, float] | str,
    holds: bool | str,
    note: str = "",
    notebook: str | None = None,
) -> None:
    """Show a claim with what was measured and the verdict, and write both to the ledger.

    Measured values stand between ⟨ and ⟩; the notebook tests blank what is in there, so numbers
    may breathe while the verdict is compared strictly.

    Args:
        id: the claim, "A1" … "F2".
        measured: a number, several by name, or a short text.
        holds: True, False, or "with a limit" (then `note` must name the limit).
        note: one more sentence; text that is the same in every run.
        notebook: needed only where two notebooks measure the same claim.

    Raises:
        ValueError: an unknown id, notebook or verdict, or a limit that is not named.
        TypeError: `measured` is none of the three kinds.
    """
    entry = _find(id)
    home = _home(entry, notebook)
    verdict = _verdict(holds)
    _check_note(note)
    if verdict == "holds with a limit" and not note:
        raise ValueError(
            f'claim {id} holds "with a limit": say in note= which limit that is (it is empty)'
        )
    numbers = _plain_numbers(measured)
    _show(entry, verdict, f"measured {_format(numbers)}", note)
    _write(entry, home, {"verdict": verdict, "measured": numbers, "note": note})


def cite(id: str, source: str, note: str = "", *, notebook: str | None = None) -> None:
    """Show a claim that is cited, not measured here, and write it to the ledger.

    Raises:
        ValueError: an unknown id or notebook, or no source.
    """
    entry = _find(id)
    home = _home(entry, notebook)
    if not isinstance(source, str) or not source.strip():
        raise ValueError(f"claim {id} is cited: say in source= where it is stated, not {source!r}")
    _check_note(note)
    _show(entry, "cited", f"what is known: {entry.truth} · source: {source}", note)
    _write(entry, home, {"verdict": "cited", "source": source, "note": note})


def ledger_path() -> Path:
    """Where claims are written: `VIZKIT_LEDGER`, or `ledger.json` beside the notebook."""
    return Path(os.environ.get("VIZKIT_LEDGER") or "ledger.json")


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


def _check_note(note: str) -> None:
    if not isinstance(note, str):
        raise ValueError(f"note must be a text, not {note!r}")


def _verdict(holds) -> str:
    if isinstance(holds, str):
        if holds != WITH_A_LIMIT:
            raise ValueError(f'holds must be True, False or "{WITH_A_LIMIT}", not {holds!r}')
        return "holds with a limit"
    # A comparison of arrays or tensors gives their own kind of bool, of size 1.
    if not isinstance(holds, bool) and "bool" not in str(getattr(holds, "dtype", "")):
        raise ValueError(f'holds must be True, False or "{WITH_A_LIMIT}", not {holds!r}')
    if getattr(holds, "shape", ()) not in ((), (1,)):
        raise ValueError(f"holds must be one verdict, not {holds!r}")
    return "holds" if bool(holds) else "does not hold here"


def _plain_numbers(measured):
    """Plain numbers of 3 significant digits, so that the ledger does not change for nothing."""
    if isinstance(measured, str):
        return measured
    if isinstance(measured, dict):
        if not measured:
            raise ValueError("measured is an empty dictionary: {}")
        return {str(name): _plain_numbers(value) for name, value in measured.items()}
    if hasattr(measured, "item") and getattr(measured, "shape", None) in ((), (1,)):
        measured = measured.item()
    if isinstance(measured, bool) or not isinstance(measured, Real):
        raise TypeError(
            "measured must be a number, a dictionary of names and numbers, or a short text; "
            f"received {type(measured).__name__}"
        )
    if isinstance(measured, int):
        return measured
    if not math.isfinite(measured):
        return str(float(measured))  # JSON has no word for it
    return float(f"{measured:.3g}")


def _format(numbers) -> str:
    if isinstance(numbers, dict):
        return ", ".join(f"{name} {_format(value)}" for name, value in numbers.items())
    text = numbers if isinstance(numbers, str) else f"{numbers:,}"
    return f"⟨{text}⟩"


def _show(entry: Claim, verdict: str, evidence: str, note: str) -> None:
    mark, color = _MARKS[verdict]
    lines = [f"Commonly taught: {entry.statement}", evidence[0].upper() + evidence[1:], note]
    text = f"{mark} {entry.id} {verdict} · {entry.statement} · {evidence}"
    show(
        text + (f" · {note}" if note else ""),
        card(color, f"{mark} Claim {entry.id}: {verdict}", "\n".join(lines)),
    )


def _write(entry: Claim, notebook: str, row: dict) -> None:
    if os.environ.get("VIZKIT_REHEARSAL"):
        return  # what an untrained network says is no result
    path = ledger_path()
    row = {key: value for key, value in row.items() if value != ""}

    def change(ledger: dict) -> None:
        ledger.setdefault(entry.id, {})[notebook] = row

    try:
        update_json(path, change)
    except OSError as error:
        if str(path) not in _warned_about:
            _warned_about.add(str(path))
            text = f"The ledger of claims could not be written ({error}); all else works."
            show(text, card(GREY, text))
