"""What an optional part of the package needs, and the one line that says how to get it."""

from importlib.util import find_spec


def require(extra: str, *modules: str, what: str) -> None:
    """Make sure that the libraries of an extra are installed.

    Args:
        extra: the extra of `pip install "vizkit[extra]"` that brings them.
        modules: their top-level modules, such as "plotly".
        what: what needs them, such as "to_plotly".

    Raises:
        ModuleNotFoundError: one of them is absent; the message is one line that names the extra.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ModuleNotFoundError(
            f"{what} needs {', '.join(missing)}, which comes with the extra {extra!r}: "
            f'pip install "vizkit[{extra}]"',
            name=missing[0],
        )
