"""Packages whose modules are loaded when they are first used, so that a process pays for what it does only."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType


def modules_of(package: str) -> Callable[[str], ModuleType]:
    """What a package has for its ``__getattr__``: a module of it is imported when it is first asked for.

    Beside it the package imports these modules for type checkers (``if TYPE_CHECKING``), so that nothing is untyped.

    Args:
        package: The package's name.
    """

    def load(name: str) -> ModuleType:
        full = f"{package}.{name}"
        try:
            return import_module(full)
        except ModuleNotFoundError as error:
            if error.name != full:
                raise  # the module is there and misses another one
            raise AttributeError(f"module {package!r} has no attribute {name!r}") from None

    return load
