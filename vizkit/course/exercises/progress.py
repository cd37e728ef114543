"""Which exercises are done, over the whole course and across kernels."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from vizkit.course.show import GREY, card, show
from vizkit.course.storage import read_json, update_json
from vizkit.files import home_folder, write_whole

warned = False  # whether this process has said that progress cannot be saved


def progress_path() -> Path:
    """`VIZKIT_PROGRESS_FILE`, or a file in the user's own data folder.

    Raises:
        FileNotFoundError: the variable is not set, and the user has no folder.
    """
    if given := os.environ.get("VIZKIT_PROGRESS_FILE"):
        return Path(given)
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or home_folder() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = home_folder() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home_folder() / ".local" / "share")
    return base / "vizkit" / "progress.json"


def record(name: str, *, solved: bool) -> None:
    """Note an attempt. An exercise once solved stays solved; a failing write is no error."""

    def change(progress: dict[str, Any]) -> None:
        old = progress.get(name)
        tries = old.get("tries", 0) if isinstance(old, dict) else 0
        if not is_solved(old):
            progress[name] = {"solved": solved, "tries": int(tries) + 1}

    global warned
    try:
        path = progress_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        update_json(path, change)
    except OSError as error:
        if not warned:
            warned = True
            text = (
                f"Your progress could not be saved ({error}); the check itself works. "
                "VIZKIT_PROGRESS_FILE names another file to keep it in."
            )
            show(text, card(GREY, text))


def forget_progress() -> None:
    """Erase what is stored about solved exercises.

    Raises:
        OSError: the file cannot be written.
    """
    if progress_path().exists():
        update_json(progress_path(), dict.clear)
    show("Your progress is erased.", card(GREY, "Your progress is erased."))


def export_progress(path: str | os.PathLike[str]) -> None:
    """Write what is solved into a JSON file of its own, to take to another machine.

    Raises:
        OSError: the file cannot be written.
    """
    stored = read_json(progress_path())
    content = {"vizkit_progress": 1, "exercises": stored}
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    write_whole(Path(path), f"{text}\n".encode())
    solved = sum(is_solved(entry) for entry in stored.values())
    words = f"Solved exercises written to {Path(path).name}: {solved}"
    show(words, card(GREY, words))


def import_progress(path: str | os.PathLike[str]) -> None:
    """Add what a file of `export_progress` holds: solved here or there is solved.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such file; nothing is changed then.
        OSError: the stored progress cannot be written.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if content["vizkit_progress"] != 1:
            raise ValueError
        entries = content["exercises"].items()
        given = {name: (entry["solved"], entry["tries"]) for name, entry in entries}
        if not all(type(done) is bool and type(tries) is int for done, tries in given.values()):
            raise TypeError
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ValueError(f"{path} is no file that export_progress wrote") from None

    def change(progress: dict[str, Any]) -> None:
        for name, (solved, tries) in given.items():
            old = progress.get(name)
            before = old.get("tries", 0) if isinstance(old, dict) else 0
            progress[name] = {
                "solved": solved or is_solved(old),
                "tries": max(tries, int(before)),
            }

    progress_path().parent.mkdir(parents=True, exist_ok=True)
    update_json(progress_path(), change)
    words = f"Exercises added from {Path(path).name}: {len(given)}"
    show(words, card(GREY, words))


def is_solved(entry: object) -> bool:
    return isinstance(entry, dict) and bool(entry.get("solved"))
