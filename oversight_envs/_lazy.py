"""Attributes of a package that are imported on first use (PEP 562), because what they need is heavy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_attributes(package: str, where: Mapping[str, str], extra: str = "models") -> Callable[[str], Any]:
    """A module ``__getattr__`` that finds each name of ``where`` in its module; ``extra`` installs what they need."""

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return getattr(import_module(where[name]), name)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] == "oversight_envs":
                raise
            raise ImportError(
                f"{package}.{name} needs the package {error.name!r}: pip install 'oversight-envs[{extra}]'"
            ) from error

    return __getattr__
