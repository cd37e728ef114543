"""Pytest plugin: which examples the property-based tests try.

"same", the default: the same examples in every run of one state of the code, here and in CI, so
that a push fails for what it changed. "explore": new ones each time, as the weekly run does it;
what it finds is printed with the line that repeats it:

    make test ARGS="tests/unit --hypothesis-profile=explore"
"""

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

settings.register_profile("same", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("explore", derandomize=False, deadline=None, print_blob=True)
settings.load_profile("same")


@pytest.hookimpl(trylast=True)  # Hypothesis' own plugin has then read --hypothesis-profile
def pytest_configure() -> None:
    if settings.get_current_profile_name() == "same":
        # Hypothesis also tries numbers and names that stand in the source of loaded modules. One
        # new constant anywhere would then change the examples of every test.
        providers.HypothesisProvider._local_constants = providers.Constants()
