"""Which module imports which, read from the source without running it."""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STANDARD_LIBRARY: Final = frozenset(sys.stdlib_module_names)


@dataclass(frozen=True, kw_only=True)
class Import:
    """One import in one module, both as dotted paths; those inside functions are imports like any other."""

    importer: str
    imported: str
    line: int
    # Under `if TYPE_CHECKING`: an arrow all the same, but nothing is loaded.
    for_types_only: bool

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}: imports {self.imported}"


def read_imports(root: Path, *, packages: Iterable[str]) -> list[Import]:
    """Every import in the given packages of a source tree, in the order of the files."""
    paths = [path for package in packages for path in sorted((root / package).rglob("*.py"))]
    modules = {_dotted(path, root): path for path in paths}
    return [
        found for module, path in modules.items() for found in _imports_of(module, path, known=modules.keys())
    ]


def within(module: str, package: str) -> bool:
    """Whether a module is a package or lies somewhere inside it."""
    return module == package or module.startswith(f"{package}.")


def top(module: str) -> str:
    """The first part of a dotted path."""
    return module.partition(".")[0]


def _dotted(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports_of(module: str, path: Path, *, known: Iterable[str]) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    type_lines = {
        node.lineno
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and "TYPE_CHECKING" in ast.unparse(guard.test)
        for inner in guard.body
        for node in ast.walk(inner)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in statements:
        for name in _names(node, package=package, known=known):
            yield Import(
                importer=module, imported=name, line=node.lineno, for_types_only=node.lineno in type_lines
            )


def _names(node: ast.Import | ast.ImportFrom, *, package: str, known: Iterable[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        parts = package.split(".")
        above = ".".join(parts[: len(parts) - node.level + 1])
        base = f"{above}.{base}".rstrip(".")
    # `from app import module` imports the module, `from module import name` the module that holds the name.
    return [f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names]
