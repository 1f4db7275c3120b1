"""The modules that a source imports, whatever the spelling and the place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .sources import Source


def imported_names(source: Source) -> Iterator[tuple[int, str]]:
    """Each import of a file as (line, dotted name).

    ``from a import b`` gives ``a.b``: whether ``b`` is a module or a name in ``a``, the longest known parent of it is
    what the rules look up. Imports in functions and under TYPE_CHECKING count: they couple as much as others do.
    """
    for node in ast.walk(source.tree()):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(source, node)
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _is_dynamic_import(node):
            argument = node.args[0] if node.args else None
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield node.lineno, argument.value


def _absolute(source: Source, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    if not source.module:
        # Beside a test or a script, where no package has a name: it stays relative.
        return "." * node.level + (node.module or "")
    parts = source.module.split(".")
    package = parts if source.path.endswith("__init__.py") else parts[:-1]
    kept = package[: len(package) - (node.level - 1)]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _is_dynamic_import(node: ast.Call) -> bool:
    called = ast.unparse(node.func)
    return called in {"__import__", "import_module", "importlib.import_module"}
