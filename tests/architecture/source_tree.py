"""What the architecture tests read from the source: modules, their imports, and who may import whom.

The checks take text, not files, so that a test can hand them a small module that breaks the rule.
"""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module or name, as ``package.module`` or ``package.module.name``."""

    target: str
    line: int
    local: bool


@dataclass(frozen=True, slots=True)
class Module:
    """The source of one module under its dotted name; a package goes by its own name."""

    name: str
    text: str
    is_package: bool = False

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)


def modules() -> list[Module]:
    """Every module of the distribution, as it stands in the working tree."""
    return [_module(path) for path in sorted(SOURCE.rglob("*.py"))]


def _module(path: Path) -> Module:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    return Module(".".join(parts[:-1] if is_package else parts), path.read_text(encoding="utf-8"), is_package)


def tracked_files() -> list[Path]:
    """Every file that git tracks and that is still in the working tree."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    paths = (ROOT / name for name in listed.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def imports(module: Module) -> list[Import]:
    """All imports of a module, wherever they stand; ``from a import b`` counts as ``a.b``."""
    return list(_imports(module.tree, module, local=False))


def _imports(node: ast.AST, module: Module, *, local: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, local) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = _base(child, module)
            yield from (Import(f"{base}.{alias.name}", child.lineno, local) for alias in child.names)
        inner = local or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports(child, module, local=inner)


def _base(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    package = module.name.split(".")
    package = package[: len(package) - node.level + (1 if module.is_package else 0)]
    return ".".join([*package, *([node.module] if node.module else [])])


def within(name: str, package: str) -> bool:
    """Whether a dotted name is the package or lies in it."""
    return name == package or name.startswith(f"{package}.")
