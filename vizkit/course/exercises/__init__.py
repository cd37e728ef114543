"""Exercises: a stub to fill in, and a check that says which mistake it sees.

The modules beside this file hold the definitions, one for each notebook and named after it
(`patch_embedding.py` for `02_patch_embedding`).
"""

from vizkit.course.exercises.catalog import all_exercises, show_progress
from vizkit.course.exercises.exercise import (
    Exercise,
    Mistake,
    Result,
    assert_exercise_is_sound,
)
from vizkit.course.exercises.progress import (
    export_progress,
    forget_progress,
    import_progress,
    progress_path,
)

__all__ = [
    "Exercise",
    "Mistake",
    "Result",
    "all_exercises",
    "assert_exercise_is_sound",
    "export_progress",
    "forget_progress",
    "import_progress",
    "progress_path",
    "show_progress",
]
