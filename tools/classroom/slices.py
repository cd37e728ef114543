"""Which cells of a notebook an answer needs, so that grading need not run the whole notebook."""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Collection, Iterable, Iterator, Sequence

from IPython.core.inputtransformer2 import TransformerManager

BUILTINS = set(dir(builtins))


def tree_of(source: str) -> ast.Module | None:
    """The syntax tree of a cell, magics included; None if it is no Python."""
    try:
        return ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError):
        return None


def imports_of(sources: Iterable[str]) -> dict[str, str]:
    """The first import of each name at the top level of a notebook's cells."""
    found: dict[str, str] = {}
    for tree in filter(None, map(tree_of, sources)):
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    one = type(node)(**{**vars(node), "names": [alias]})
                    found.setdefault((alias.asname or alias.name).split(".")[0], ast.unparse(one))
    return found


def cells_needed(sources: Sequence[str], last: int, given: Collection[str] = ()) -> list[int]:
    """Indices of the cells before `last` that bind, directly or not, what cell `last` uses.

    Names that are `given` need no cell: the imports of the course's own notebook, so that one
    broken answer does not take away what another one imports in its cell.

    A name counts as bound by the nearest cell above that binds it at its top level. What a cell
    changes without binding a name (a list that is appended to) is not seen.
    """
    trees = [tree_of(source) for source in sources]
    bound = [set() if tree is None else set(names_bound(tree)) for tree in trees]
    needed: set[int] = set()
    waiting = [last]
    while waiting:
        index = waiting.pop()
        if trees[index] is None:
            continue
        for name in names_used(sources[index]) - BUILTINS - set(given):
            above = (i for i in range(index - 1, -1, -1) if name in bound[i])
            found = next(above, None)
            if found is not None and found not in needed:
                needed.add(found)
                waiting.append(found)
    return sorted(needed)


def names_used(source: str) -> set[str]:
    """The global names that a cell reads, inside its functions too."""
    waiting = [symtable.symtable(TransformerManager().transform_cell(source), "cell", "exec")]
    found: set[str] = set()
    while waiting:
        scope = waiting.pop()
        top = scope.get_type() == "module"
        found |= {
            symbol.get_name()
            for symbol in scope.get_symbols()
            if symbol.is_referenced() and (top or symbol.is_global())
        }
        waiting.extend(scope.get_children())
    return found


def names_bound(tree: ast.Module) -> Iterator[str]:
    """The names that a cell gives a value to at its top level, blocks included."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name  # what is bound inside stays inside
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        waiting.extend(ast.iter_child_nodes(node))
