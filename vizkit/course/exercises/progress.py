"""Which exercises are done, over the whole course and across kernels."""

import os
import sys
from pathlib import Path

from vizkit.course.show import GREY, card, show
from vizkit.course.storage import update_json
from vizkit.files import home_folder

_warned = False


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

    def change(progress: dict) -> None:
        old = progress.get(name)
        tries = old.get("tries", 0) if isinstance(old, dict) else 0
        was_solved = isinstance(old, dict) and bool(old.get("solved"))
        if not was_solved:
            progress[name] = {"solved": solved, "tries": int(tries) + 1}

    global _warned
    try:
        path = progress_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        update_json(path, change)
    except OSError as error:
        if not _warned:
            _warned = True
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
