"""What a player is, as a digest: the same digest only where the same code, settings and weights play.

Stored episodes are used again only when their players are provably the same. A name or a type proves nothing: a
function keeps its name when its text is changed, a model when it is trained. So a digest is taken of all that a player
is made of: compiled code with what it refers to, the fields of objects, arrays, the weights of models. Installed
packages count by their versions. An object can say itself what it is, by an attribute ``fingerprint`` (a string).

Where that can't be had (an open connection, an object of compiled code), ``Unidentified`` says so; nothing is guessed.
"""

from __future__ import annotations

import dis
import enum
import functools
import importlib.util
import io
import logging
import os
import pickle
import re
import sys
import sysconfig
import types
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import fields
from hashlib import blake2b
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Any

import numpy as np

_OWN = "oversight_envs"
_PLAIN = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    range,
    re.Pattern,
    PurePath,
    type(...),
    type(NotImplemented),
    types.GenericAlias,
    types.UnionType,
)
_NOT_CODE = frozenset(
    [
        *("__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__slots__", "__annotations__"),
        *("__abstractmethods__", "_abc_impl", "__parameters__", "__orig_bases__", "__match_args__"),
        *("__dataclass_fields__", "__dataclass_params__", "__firstlineno__", "__static_attributes__"),
        *("__annotate_func__", "__annotations_cache__", "__slotnames__"),  # the last comes with the first pickling
    ]
)
"""What stands in a class's namespace and says nothing about what it does."""


class Unidentified(ValueError):
    """No fingerprint can be had of an object; the message says of which part, and why."""


def fingerprint(thing: Any, name: str = "it") -> str:
    """A digest of ``thing``, the same in every process; ``name`` is what errors call it. Raises ``Unidentified``."""
    walk = _Walk()
    walk.visit(thing, name)
    return walk.digest.hexdigest()


class _Walk:
    """One pass over an object and all that it refers to. Order and types of what is met make the digest."""

    def __init__(self) -> None:
        self.digest = blake2b(digest_size=16)
        self._met: dict[int, tuple[int, Any]] = {}
        """By id: the how-manieth object it was, and the object, which must live on for its id to stay its own."""

    def visit(self, thing: Any, where: str) -> None:
        """Takes in one object; ``where`` is what errors call it."""
        cls = type(thing)
        if isinstance(thing, _PLAIN) or cls.__module__ in ("typing", "typing_extensions"):
            self._put(cls.__name__, repr(thing))
            return
        if cls is tuple:  # may be one object or several with the same content
            self._items(thing, where)
            return
        if id(thing) in self._met:
            self._put("again", str(self._met[id(thing)][0]))
            return
        self._met[id(thing)] = len(self._met), thing
        own = None if isinstance(thing, type) else getattr(thing, "fingerprint", None)
        if isinstance(own, str):
            self._put(cls.__qualname__, own)
        elif cls is list:
            self._items(thing, where)
        elif cls in (dict, types.MappingProxyType):
            self._mapping(thing, where)
        elif cls in (set, frozenset):
            self._put("set", " ".join(sorted(fingerprint(part, where) for part in thing)))
        elif isinstance(thing, types.ModuleType):
            self._module(thing, where)
        elif isinstance(thing, type):
            self._class(thing, where)
        elif isinstance(thing, (np.ndarray, np.generic)):
            self._array(np.asarray(thing), where)
        elif not self._code(thing, where):
            self._object(thing, where)

    def _items(self, things: Sequence[Any], where: str) -> None:
        self._put(type(things).__name__, str(len(things)))
        for place, part in enumerate(things):
            self.visit(part, f"{where}[{place}]")

    def _mapping(self, things: Mapping[Any, Any], where: str) -> None:
        self._put("mapping", str(len(things)))
        for key in sorted(things, key=repr):
            self.visit(key, where)
            self.visit(things[key], f"{where}[{key!r:.40}]")

    def _put(self, kind: str, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self.digest.update(f"{kind}:{len(data)}:".encode())
        self.digest.update(data)

    def _array(self, array: np.ndarray, where: str) -> None:
        if array.dtype.hasobject:
            self.visit(array.tolist(), where)
            return
        self._put("array", f"{array.dtype.str} {array.shape}")
        self.digest.update(np.ascontiguousarray(array).data)

    def _code(self, thing: Any, where: str) -> bool:
        """Visits a function in any of its forms; False for what is none."""
        if isinstance(thing, types.FunctionType):
            self._function(thing, where)
        elif isinstance(thing, types.MethodType):
            self.visit(thing.__func__, where)
            self.visit(thing.__self__, f"{where}.__self__")
        elif isinstance(thing, functools.partial):
            self.visit((thing.func, thing.args, thing.keywords), where)
        elif isinstance(thing, (staticmethod, classmethod)):
            self.visit(thing.__func__, where)
        elif isinstance(thing, property):
            self.visit((thing.fget, thing.fset), where)
        elif isinstance(thing, functools.cached_property):
            self.visit(thing.func, where)
        elif callable(getattr(thing, "__wrapped__", None)):
            self.visit(thing.__wrapped__, where)
        elif isinstance(thing, (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)):
            owner = getattr(thing, "__self__", None)
            if owner is None or isinstance(owner, types.ModuleType):
                self._put("builtin", f"{getattr(thing, '__module__', '')}.{thing.__qualname__} {sys.version}")
            else:
                self._put("builtin", thing.__qualname__)
                self.visit(owner, f"{where}.__self__")
        else:
            return False
        return True

    def _function(self, function: types.FunctionType, where: str) -> None:
        self._put("function", function.__qualname__)
        package = _installed(function.__module__)
        if package is not None:
            self._put("of", f"{function.__module__} {package}")
        else:
            self._bytecode(function.__code__)
            for name in sorted(_names(function.__code__)):
                if name in function.__globals__:
                    self._put("global", name)
                    self.visit(function.__globals__[name], f"{where}: {name}")
            for name in sorted(_imports(function.__code__, function.__globals__.get("__package__"))):
                self._import(name, where)
        self.visit((function.__defaults__, function.__kwdefaults__), where)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                self.visit(cell.cell_contents, f"{where}: {name}")
            except ValueError as error:
                if isinstance(error, Unidentified):
                    raise
                self._put("empty", name)

    def _import(self, name: str, where: str) -> None:
        """A module that a function imports when it is called."""
        if package := _installed(name):
            self._put("imports", f"{name} {package}")
            return
        try:
            module = import_module(name)
        except ImportError:
            self._put("imports", f"{name}, which is not there")
        else:
            self.visit(module, f"{where}: import {name}")

    def _bytecode(self, code: types.CodeType) -> None:
        self._put("code", f"{sys.version_info[:2]} {code.co_code.hex()} {code.co_names} {code.co_varnames}")
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._bytecode(constant)
            else:
                self._put("constant", repr(sorted(constant, key=repr) if isinstance(constant, frozenset) else constant))

    def _class(self, cls: type, where: str) -> None:
        self._put("class", cls.__qualname__)
        package = _installed(cls.__module__)
        if package is not None:
            self._put("of", f"{cls.__module__} {package}")
            return
        for base in cls.__bases__:
            self.visit(base, f"{where}, base {base.__qualname__}")
        for name in sorted(set(vars(cls)) - _NOT_CODE):
            value = vars(cls)[name]
            if not isinstance(value, (types.MemberDescriptorType, types.GetSetDescriptorType)):
                self._put("attribute", name)
                self.visit(value, f"{cls.__qualname__}.{name}")

    def _module(self, module: types.ModuleType, where: str) -> None:
        package = _installed(module.__name__)
        self._put("module", f"{module.__name__} {package or ''}")
        if package is not None:
            return
        source = getattr(module, "__file__", None)
        if source is None:
            raise Unidentified(f"{where} is the module {module.__name__!r}, which has no file")
        self._put("source", Path(source).read_bytes().hex())
        for name in sorted(vars(module)):
            value = vars(module)[name]
            home = value if isinstance(value, types.ModuleType) else sys.modules.get(getattr(value, "__module__", ""))
            if home is not None and home is not module and _installed(home.__name__) is None:
                self.visit(home, f"{where}.{name}")

    def _object(self, thing: Any, where: str) -> None:
        cls = type(thing)
        self.visit(cls, f"{where}: {cls.__qualname__}")
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(thing, torch.Tensor):
            self._tensor(thing)
        elif torch is not None and isinstance(thing, torch.nn.Module):
            self._weights(thing)
        elif isinstance(thing, enum.Enum):
            self._put("member", thing.name)
            self.visit(thing.value, f"{where}.value")
        elif isinstance(thing, np.random.Generator):
            self.visit(thing.bit_generator.state, where)
        elif isinstance(thing, logging.Logger):
            self._put("logger", thing.name)
        elif "__dataclass_fields__" in vars(cls):  # not one that only derives from a data class, and may hold more
            for option in fields(thing):
                if option.init:
                    self._put("field", option.name)
                    self.visit(getattr(thing, option.name), f"{where}.{option.name}")
        else:
            self._state(thing, where)

    def _state(self, thing: Any, where: str) -> None:
        """All attributes, and the items of what derives from a collection; what has neither as pickle has it."""
        slots = [name for cls in type(thing).__mro__ for name in _slots(cls) if hasattr(thing, name)]
        own = getattr(thing, "__dict__", None)
        if isinstance(thing, Mapping):
            self._mapping(thing, where)
        elif isinstance(thing, (list, tuple)):
            self._items(thing, where)
        elif isinstance(thing, io.IOBase) or (own is None and not slots and type(thing) is not object):
            self._pickled(thing, where)
        for name, value in sorted({**{name: getattr(thing, name) for name in slots}, **(own or {})}.items()):
            self._put("attribute", name)
            self.visit(value, f"{where}.{name}")

    def _pickled(self, thing: Any, where: str) -> None:
        try:
            self._put("pickle", pickle.dumps(thing, 5).hex())
        except Exception:
            kind = f"{type(thing).__module__}.{type(thing).__qualname__}"
            raise Unidentified(f"{where} is a {kind}, which can't be looked into") from None

    def _weights(self, module: Any) -> None:
        for kind, tensors in (("parameter", module.named_parameters()), ("buffer", module.named_buffers())):
            for name, tensor in tensors:
                self._put(kind, name)
                self._tensor(tensor)
        config = getattr(module, "config", None)
        if config is not None and callable(getattr(config, "to_json_string", None)):
            self._put("config", config.to_json_string())

    def _tensor(self, tensor: Any) -> None:
        import torch

        plain = tensor.detach().cpu().contiguous()
        self._put("tensor", f"{plain.dtype} {tuple(plain.shape)}")
        if plain.numel():
            self.digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)


def _names(code: types.CodeType) -> set[str]:
    """Names that the code, and the functions in it, may look up among its globals."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


def _imports(code: types.CodeType, package: str | None) -> set[str]:
    """Modules that the code, and the functions in it, import."""
    found, before = set(), deque[Any](maxlen=2)
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            level = before[0]
            found.add(importlib.util.resolve_name("." * level + step.argval, package) if level else step.argval)
        before.append(step.argval)
    return found.union(*(_imports(inner, package) for inner in code.co_consts if isinstance(inner, types.CodeType)))


def _slots(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    return tuple(name for name in ((slots,) if isinstance(slots, str) else slots) if not name.startswith("__"))


@functools.lru_cache(maxsize=1024)
def _installed(module: str | None) -> str | None:
    """The version of the installed package that a module belongs to; None for the user's own modules."""
    top = (module or "").partition(".")[0]
    if top in sys.builtin_module_names or top in sys.stdlib_module_names:
        return None if top == "__main__" else f"python {sys.version}"
    if top == _OWN:
        return _own_sources()
    found = sys.modules.get(top)
    file = getattr(found, "__file__", None) if found else _file(top)
    if file is None or top == "__main__":
        return None
    homes = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    if not any(Path(file).is_relative_to(home) for home in homes if home):
        return None
    return _version(top) or str(getattr(found, "__version__", "")) or file


def _file(top: str) -> str | None:
    """Where a package lies that was not imported yet."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    return None if spec is None else spec.origin


@functools.cache
def _own_sources() -> str:
    """A digest of this library's own files: an editable install keeps its version when they are edited."""
    digest = blake2b(digest_size=16)
    for folder, _, names in sorted(os.walk(import_module(_OWN).__path__[0], followlinks=True)):
        for name in sorted(names):
            if name.endswith((".py", ".toml")):
                digest.update(Path(folder, name).read_bytes())
    return digest.hexdigest()


def _version(package: str) -> str | None:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return None
