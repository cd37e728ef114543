"""How an answer is written: the function behind it, the names it uses, and blanks that are left."""

import ast
import dis
import functools
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from types import CodeType, ModuleType
from typing import Any

_LIBRARIES = ("torch", "timm", "open_clip", "numpy", "scipy", "vizkit")


def as_written(answer: Any) -> Any:
    """The function in which the answer is written.

    A decorator such as `torch.no_grad()`, a `partial`, and an object that is called like a
    function, such as a module of torch, are taken off.
    """
    if isinstance(answer, functools.partial):
        return as_written(answer.func)
    if hasattr(answer, "__wrapped__"):
        return inspect.unwrap(answer)
    if hasattr(answer, "__name__"):
        return answer
    return inspect.unwrap(getattr(answer, "forward", type(answer).__call__))


def _names_in(code: CodeType | None) -> Iterator[str]:
    """Every name that a function's code, or a function inside of it, refers to; also "a.b"."""
    if code is None:
        return
    yield from code.co_names
    for first, second in pairwise(dis.get_instructions(code)):
        if second.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            yield f"{first.argval}.{second.argval}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def names_used(answer: Any, seen: frozenset[CodeType] = frozenset()) -> set[str]:
    """The names in the code of an answer and of the learner's own functions that it calls.

    What came out of a library has its name there, too: a ready-made function is one under another
    name as well, or as an object that was made in another cell.
    """
    written = as_written(answer)
    things = (answer, written, getattr(written, "__self__", None))
    names = {name for thing in things for name in _ready_made(thing)}
    code = getattr(written, "__code__", None)
    if code is None or code in seen:
        return names
    names |= set(_names_in(code))
    if str(written.__module__).partition(".")[0] in _LIBRARIES:
        return names
    owner = getattr(written, "__self__", answer)  # the object whose method it is, if there is one
    for value in (*_held_by(written, code), *_inside(getattr(owner, "__dict__", {}))):
        names |= _ready_made(value)
        own = as_written(value) if callable(value) else None
        if getattr(own, "__globals__", None) is written.__globals__:
            names |= names_used(value, seen | {code})
    return names


def _held_by(function: Any, code: CodeType) -> Iterator[Any]:
    """What the global names in a function's code, its closure and its defaults hold."""
    for one in dis.get_instructions(code):
        if one.opname in ("LOAD_GLOBAL", "LOAD_NAME") and one.argval in function.__globals__:
            yield from _inside(function.__globals__[one.argval])
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _held_by(function, constant)
    if code is function.__code__:
        yield from _inside(function.__defaults__)
        for cell in function.__closure__ or ():
            with suppress(ValueError):  # a name that has no value yet
                yield from _inside(cell.cell_contents)


def _inside(value: Any, depth: int = 2) -> Iterator[Any]:
    """A value and, where it is a collection, what is in it; modules of torch are two deep."""
    yield value
    parts = value.values() if isinstance(value, Mapping) else value
    if depth and isinstance(value, Mapping | list | tuple):
        for part in parts:
            yield from _inside(part, depth - 1)


def _ready_made(thing: Any) -> set[str]:
    """What a library calls a thing that came out of it: a function, a class or an object of one.

    For a module these are the parts of its name, "torch" and "autograd".
    """
    if isinstance(thing, ModuleType):
        return set(thing.__name__.split("."))
    made = [thing, *type(thing).__mro__]
    return {
        one.__name__
        for one in made
        if hasattr(one, "__name__")
        and str(getattr(one, "__module__", "")).partition(".")[0] in _LIBRARIES
    }


def belong_together(function: Any, forbidden: str) -> bool:
    """Whether names that a function refers to are those of one call, as "vstack T" asks for.

    `T` is taken inside of a call of `vstack`, or of what that call returns. One name is by itself
    enough, and so are all of them where the source cannot be had.
    """
    first, *others = forbidden.split()
    tree = _tree_of(function) if others else None
    return tree is None or set(others) <= _attributes_at_calls(tree, first)


def _attributes_at_calls(tree: ast.AST, name: str) -> set[str]:
    """Attributes inside of calls of `name`, of what they return, and of variables that hold it."""

    def calls(node: ast.AST) -> bool:
        called = node.func if isinstance(node, ast.Call) else None
        return name in (getattr(called, "id", None), getattr(called, "attr", None))

    nodes = list(ast.walk(tree))
    held = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and calls(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    inside = [one for node in nodes if calls(node) for one in ast.walk(node)]
    behind = [
        node
        for node in nodes
        if isinstance(node, ast.Attribute)
        and (calls(node.value) or getattr(node.value, "id", None) in held)
    ]
    return {node.attr for node in [*inside, *behind] if isinstance(node, ast.Attribute)}


def _tree_of(function: Any) -> ast.Module | None:
    """The syntax tree of a function's source, None where it cannot be had by itself."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None


def has_blank(function: Any) -> bool:
    """Whether the source still holds a `...` to fill in, and not one that is (a part of) an index.

    An index stands in `[...]`, or is kept in a tuple or list with other entries; `einsum` takes
    lists of axes, in which a `...` may also stand alone.
    """
    tree = _tree_of(function)
    if tree is None:
        return False
    indices = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            indices |= {id(one) for one in ast.walk(node.slice)}
        elif isinstance(node, ast.Tuple | ast.List) and not all(map(_is_ellipsis, node.elts)):
            indices |= {id(one) for one in node.elts}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "einsum":
            lists = [one for one in node.args if isinstance(one, ast.Tuple | ast.List)]
            indices |= {id(one) for axes in lists for one in axes.elts}
    return any(_is_ellipsis(node) and id(node) not in indices for node in ast.walk(tree))


def _is_ellipsis(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis
