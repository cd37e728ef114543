"""Experiments that take longer than a notebook may, one file and one command each.

    python -m experiments [NAME …] [--compare]

Every one stores its table in `experiments/results`, where the notebooks find it with
`vizkit.course.stored_experiment`. How to write another one: `experiments/run.py`.
"""
