"""Assignments for a class, and what came back: `python -m tools.classroom assignment|grade`."""
