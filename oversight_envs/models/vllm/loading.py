"""From ``vllm:MODEL?OPTION=VALUE`` to a model in vLLM's hands, shared by everyone who names it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import import_module
from threading import Lock
from typing import Any

from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from oversight_envs.core.checks import at_least, one_of
from oversight_envs.core.fingerprint import Unidentified
from oversight_envs.models.hf.loading import (
    TINY,
    ModelFiles,
    files_digest,
    resolve,
    split_engine_spec,
    without_gguf,
    written,
)
from oversight_envs.models.vllm.address import PREFIX

_DTYPES = ("auto", "half", "float16", "bfloat16", "float", "float32")


@dataclass(frozen=True, kw_only=True)
class VllmOptions:
    """How vLLM is to run a model; None is vLLM's own default."""

    dtype: str = "auto"
    """Of the weights; ``auto``: the model's own, but float16 for one stored in float32."""
    tensor_parallel_size: int = 1
    """How many GPUs share the model."""
    max_model_len: int | None = None
    """The most tokens that it reads and writes: less than it could saves memory."""
    gpu_memory_utilization: float | None = None
    """The part of a GPU's memory that is reserved; give two models on one GPU less than half each."""

    def __post_init__(self) -> None:
        one_of("dtype", self.dtype, _DTYPES)
        at_least("tensor_parallel_size", self.tensor_parallel_size, 1)
        if self.max_model_len is not None:
            at_least("max_model_len", self.max_model_len, 1)
        part = self.gpu_memory_utilization
        if part is not None and not (isinstance(part, (int, float)) and 0 < part <= 1):
            raise ValueError(f"gpu_memory_utilization={part!r}: give a number above 0 and up to 1")


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model in vLLM's hands, and what of it is needed on this side."""

    llm: Any
    tokenizer: Any
    end_ids: tuple[int | None, ...]
    source: ModelFiles
    revision: str | None
    files: tuple[tuple[str, int, int], ...]
    """Name, size and time of a local model's files as they were when they were read."""

    def weights(self) -> str:
        """Which weights these are: a hub's commit, or a digest of the files. Raises Unidentified."""
        if self.source.hub:
            if self.revision is None:
                raise Unidentified(f"{PREFIX}{self.source.spec}: the hub's commit is unknown")
            return f"{self.source.place}@{self.revision}"
        return files_digest(self.source, self.files)


_loaded: dict[tuple[str, VllmOptions], Loaded] = {}
_loading = Lock()


def parse_spec(spec: str) -> tuple[str, VllmOptions, dict[str, Any]]:
    """The model in ``vllm:MODEL?NAME=VALUE&…``, vLLM's options, and those of the chat template: all other names.

    Raises ValueError for a spec that names no model, and for a value that an option can't have.
    """
    return split_engine_spec(spec, PREFIX, VllmOptions, "vllm:MODEL, MODEL being a hub id, a folder or smollm2-135m")


def load_llm(name: str, options: VllmOptions) -> Loaded:
    """The model called ``name`` (as ``hf.loading.resolve`` has it); the same name and options give the same object.

    A folder that was written anew since is read anew. Raises ImportError where vLLM is not installed, and ValueError,
    naming the model and the fix, where there is no such model, no GPU, or no room on it.
    """
    with _loading:
        spec = PREFIX + name
        vllm = import_vllm(spec)
        if name in TINY:
            raise ValueError(f"model={spec!r}: the tiny models are no architecture of vLLM's; give {name!r} itself")
        source = without_gguf(resolve(name))
        files = written(source)
        known = _loaded.get((name, options))
        if known is None or known.files != files:
            if not import_module("vllm.platforms").current_platform.device_type:
                raise ValueError(f"model={spec!r}: vLLM finds no GPU here; give {name!r}, which runs on a CPU too")
            _loaded[name, options] = _load(vllm, spec, source, options, files)
        return _loaded[name, options]


def import_vllm(spec: str) -> Any:
    """The package. Raises ImportError, naming the extra, where it is missing."""
    try:
        return import_module("vllm")
    except ModuleNotFoundError as error:
        raise ImportError(f"{spec} needs the package {error.name!r}: pip install 'oversight-envs[vllm]'") from error


def _load(vllm: Any, spec: str, source: ModelFiles, options: VllmOptions, files: Any) -> Loaded:
    given = {key: value for key, value in asdict(options).items() if value is not None}
    try:
        config = AutoConfig.from_pretrained(source.place, trust_remote_code=False, **source.options)
        tokenizer = AutoTokenizer.from_pretrained(source.place, trust_remote_code=False, **source.options)
        try:
            generation = GenerationConfig.from_pretrained(source.place, **source.options)
        except OSError:
            generation = GenerationConfig.from_model_config(config)
        llm = vllm.LLM(
            model=source.place,
            **({"revision": source.revision, "tokenizer_revision": source.revision} if source.hub else {}),
            enable_prefix_caching=True,
            logprobs_mode="processed_logprobs",  # at the request's temperature
            **given,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"model={spec!r}: vLLM can't load it ({error}); check the name, and the memory: a smaller max_model_len, "
            "less gpu_memory_utilization for each where several models share a GPU, or a larger tensor_parallel_size"
        ) from error
    ends = generation.eos_token_id
    return Loaded(
        llm,
        tokenizer,
        tuple(ends) if isinstance(ends, list) else (ends,),
        source,
        getattr(config, "_commit_hash", None) or source.revision,
        files,
    )
