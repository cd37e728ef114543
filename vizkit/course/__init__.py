"""What the notebooks are made of: claims, exercises, quizzes, sources and figures.

Knows arrays only: tensors are converted on entry, and nothing here imports torch.
"""

from vizkit.extras import require

require("course", "filelock", "plotly", "pygments", "IPython", "scipy", what="vizkit.course")

from vizkit.course.claims import cite, claim
from vizkit.course.drawings import Svg, show_drawing
from vizkit.course.evidence import Estimate, all_of, estimate
from vizkit.course.exercises import (
    Exercise,
    Mistake,
    forget_progress,
    show_progress,
)
from vizkit.course.experiments import experiment_verdicts, stored_experiment
from vizkit.course.figures import (
    bar_chart,
    dot_chart,
    heat_map,
    line_chart,
    mean_and_interval,
    scatter,
    show_figure,
    show_images,
)
from vizkit.course.quiz import quiz
from vizkit.course.registry import CLAIMS, NOTEBOOKS
from vizkit.course.rope_wheel import rope_wheel
from vizkit.course.source import show_source

__all__ = [
    "CLAIMS",
    "NOTEBOOKS",
    "Estimate",
    "Exercise",
    "Mistake",
    "Svg",
    "all_of",
    "bar_chart",
    "cite",
    "claim",
    "dot_chart",
    "estimate",
    "experiment_verdicts",
    "forget_progress",
    "heat_map",
    "line_chart",
    "mean_and_interval",
    "quiz",
    "rope_wheel",
    "scatter",
    "show_drawing",
    "show_figure",
    "show_images",
    "show_progress",
    "show_source",
    "stored_experiment",
]
