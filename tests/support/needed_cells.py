"""Which cells of a notebook must have run before some of its cells can.

Read from the syntax alone: a cell is needed if it gives a value to a name that a needed cell after
it reads, or changes it in place, by itself or by a function that does. That a call may change what
it is given does not count: a network may stay untrained.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

CHANGING = {"add", "append", "clear", "extend", "insert", "pop", "remove", "setdefault", "update"}


class Names(ast.NodeVisitor):
    """The names of one cell, in the order in which Python meets them.

    Attributes:
        read: those that must have a value before; what a function reads counts as read.
        given: those that have a value afterwards.
        changed: those whose object changes in place: `rows[0] = 1`, `rows.append(1)`.
        changed_by: function to the names that it changes in place.
    """

    def __init__(self, source: str) -> None:
        self.read: set[str] = set()
        self.given: set[str] = set()
        self.changed: set[str] = set()
        self.changed_by: dict[str, set[str]] = {}
        self.depth = 0  # of functions, classes and comprehensions
        self.visit(ast.parse(source))

    def visit_in_order(self, *parts: ast.AST | Iterable[ast.AST] | None) -> None:
        for part in parts:
            for node in [part] if isinstance(part, ast.AST) else part or []:
                self.visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.given.add(node.id)
        elif node.id not in self.given:
            self.read.add(node.id)

    def visit_alias(self, node: ast.alias) -> None:
        self.given.add((node.asname or node.name).split(".")[0])

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit_in_order(node.value, node.targets)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit_in_order(node.value, node.target)
        if isinstance(node.target, ast.Name):
            self.changed.add(node.target.id)

    def visit_For(self, node: ast.For) -> None:
        self.visit_in_order(node.iter, node.target, node.body, node.orelse)

    def visit_Subscript(self, node: ast.Subscript | ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Store):
            self.changed |= owner(node)
        self.generic_visit(node)

    visit_Attribute = visit_Subscript  # noqa: N815

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            self.changed |= owner(node.func)
        self.generic_visit(node)

    def inside(self, own: set[str], *parts: ast.AST | Iterable[ast.AST] | None) -> None:
        """What a function or a comprehension does: names of its own are none of the cell's."""
        before = set(self.given)
        self.given |= own
        self.depth += 1
        self.visit_in_order(*parts)
        self.depth -= 1
        self.given = before

    def visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        taken = node.args
        self.visit_in_order(getattr(node, "decorator_list", []), taken.defaults)
        self.visit_in_order(value for value in taken.kw_defaults if value)
        own = {argument.arg for argument in ast.walk(taken) if isinstance(argument, ast.arg)}
        own |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not is_read(n)}
        before, self.changed = self.changed, set()
        self.inside(own, node.body)
        changes, self.changed = self.changed - own, before
        if isinstance(node, ast.Lambda) or self.depth:
            self.changed |= changes
        if not isinstance(node, ast.Lambda):
            self.given.add(node.name)
            self.changed_by[node.name] = changes

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = visit_function  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.inside(set(), node.bases, node.body)
        self.given.add(node.name)

    def visit_comprehension_of(self, node: ast.ListComp | ast.DictComp) -> None:
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self.inside(set(), node.generators, results)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = visit_comprehension_of  # noqa: N815

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self.visit_in_order(node.iter, node.target, node.ifs)


def is_read(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


def owner(target: ast.expr) -> set[str]:
    """The name in front of `name[…]`, `name.attribute` and `name.method(…)`, if there is one."""
    while isinstance(target, (ast.Subscript, ast.Attribute, ast.Call)):
        target = target.func if isinstance(target, ast.Call) else target.value
    return {target.id} if isinstance(target, ast.Name) else set()


def needed_cells(sources: Sequence[str], wanted: Iterable[int]) -> list[int]:
    """The numbers of the wanted cells and of those before that they need, in order.

    sources: the code of every cell, "" for one of text. Raises SyntaxError if one is no Python.
    """
    cells, wanted = [Names(source) for source in sources], set(wanted)
    changed_by = {name: changed for cell in cells for name, changed in cell.changed_by.items()}
    needed: list[int] = []
    missing: set[str] = set()
    for number in reversed(range(len(cells))):
        cell = cells[number]
        calls = cell.read & set(changed_by)
        changed = cell.changed.union(*(changed_by[name] for name in calls))
        if number in wanted or missing & (cell.given | changed):
            needed.append(number)
            missing = (missing - cell.given) | cell.read | (missing & cell.changed)
    return needed[::-1]
