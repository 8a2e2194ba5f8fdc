"""A language model that vLLM runs, as the games use it.

Written for vLLM 0.32 and 0.33: ``LLM.generate`` with ``TokensPrompt`` and ``SamplingParams``, whose
``logprob_token_ids`` gives the log-probabilities of chosen tokens over the whole vocabulary.

A sample's random stream is vLLM's, started by the request's own seed: what is drawn differs from what transformers
would draw with that seed, and repeats in vLLM. It does not depend on what else is in the batch, but for rounding, which
in half precision can turn a near tie into another token; the environment variable ``VLLM_BATCH_INVARIANT=1`` makes
vLLM's arithmetic independent of the batch too, on GPUs that can.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from oversight_envs.core.fingerprint import fingerprint
from oversight_envs.models.engine import Ability
from oversight_envs.models.hf.chat import ChatEncoder
from oversight_envs.models.hf.prefixes import Ids
from oversight_envs.models.hf.template import describe_options
from oversight_envs.models.hf.tokenized import TokenizedEngine
from oversight_envs.models.requests import Completion, Generation, LabelReading, NonFiniteLogits, PromptOrIds
from oversight_envs.models.vllm.address import PREFIX
from oversight_envs.models.vllm.loading import VllmOptions, import_vllm, load_llm

_DEFAULTS = VllmOptions()
_COLDEST, _HOTTEST = 0.01, 2.0
"""vLLM silently raises a temperature below the one, and refuses one above the other."""


class VllmModel(TokenizedEngine):
    """A causal language model that vLLM runs: on a GPU, continuous batching, shared prefixes computed once.

    Args:
        model: a hub id, ``org/name@revision``, a folder, or ``smollm2-135m``.
        options: how vLLM is to run it.
        template_options: further variables for the chat template (``{"enable_thinking": False}``).

    Where vLLM runs its engine in a process of its own, as it does by default, a script must make this object under
    ``if __name__ == "__main__":``. One thread at a time may use it.
    """

    def __init__(
        self, model: str, options: VllmOptions = _DEFAULTS, template_options: Mapping[str, Any] | None = None
    ) -> None:
        self.model, self.options = model, options
        self.name = PREFIX + model
        self.template_options = dict(template_options or {})
        self._loaded = load_llm(model, options)
        self._vllm = import_vllm(self.name)
        self.context_length: int = self._loaded.llm.model_config.max_model_len
        self.chat = ChatEncoder(
            self._loaded.tokenizer, self.name, end_ids=self._loaded.end_ids, template_options=template_options
        )

    @property
    def can(self) -> frozenset[Ability]:
        return frozenset({"label_log_probs", "token_ids"})

    @property
    def description(self) -> dict[str, Any]:
        """What the record keeps of it."""
        dtype = str(self._loaded.llm.model_config.dtype).removeprefix("torch.")
        described = {
            "type": "VllmModel",
            "model": self.name,
            "revision": self._loaded.revision,
            "dtype": dtype,
            "vllm": self._vllm.__version__,
            "tensor_parallel_size": self.options.tensor_parallel_size,
        }
        return described | describe_options(self.template_options)

    @property
    def fingerprint(self) -> str:
        """What it is, for stored episodes: weights, vocabulary, template and settings."""
        return fingerprint((self._loaded.weights(), self.chat, self.context_length, self.description))

    def __repr__(self) -> str:
        return f"VllmModel({self.name!r})"

    def __deepcopy__(self, memo: Any) -> VllmModel:
        return self  # the weights are on the GPU once, and never change

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process loads it for itself."""
        return VllmModel, (self.model, self.options, self.template_options)

    def forget(self) -> None:
        """Drops what was kept of earlier prompts."""
        self._loaded.llm.reset_prefix_cache()

    def generate(self, requests: Sequence[Generation]) -> list[Completion]:
        """Continues every prompt, in order.

        A completion has no log-probabilities where top-p or top-k cut the distribution: vLLM gives those after the cut,
        and training needs those before it.

        Raises PromptTooLong, before anything is computed, if a prompt and its new tokens exceed the context, and
        ValueError for a temperature that vLLM does not take.
        """
        params = [self._sampling(request) for request in requests]
        prompts = self._encoded([request.prompt for request in requests], [r.max_new_tokens for r in requests])
        completions = []
        for request, output in zip(requests, self._run(prompts, params), strict=True):
            ids = tuple(output.token_ids)
            steps = output.logprobs or ()
            log_probs = tuple(step[token].logprob for step, token in zip(steps, ids, strict=False))
            if any(map(math.isnan, log_probs)):
                raise self._not_finite("it drew from NaN")
            finished = output.finish_reason == "stop"
            completions.append(Completion(self.written(request.prompt, ids), ids, log_probs, finished))
        return completions

    def label_log_probs(
        self, prompts: Sequence[PromptOrIds], labels: Sequence[str], *, batch_size: int | None = None
    ) -> list[LabelReading]:
        """How probable each label is as the next token where the reply to each prompt begins, in order.

        vLLM chooses its batches itself: ``batch_size`` changes nothing.

        Raises ValueError for a label that is not one token of its own, PromptTooLong, and NonFiniteLogits.
        """
        read = [self._label_prompt(prompt, labels) for prompt in prompts]
        encoded = self._encoded([ids for ids, _ in read], [1] * len(prompts))
        params = [
            self._vllm.SamplingParams(
                max_tokens=1,
                temperature=0.0,  # so that what it gives is the model's own distribution
                logprobs=len(label_ids),
                logprob_token_ids=label_ids,
                detokenize=False,
            )
            for _, label_ids in read
        ]
        readings = []
        for (_, label_ids), output in zip(read, self._run(encoded, params), strict=True):
            log_probs = [output.logprobs[0][token].logprob for token in label_ids]
            if not all(map(math.isfinite, log_probs)):
                raise self._not_finite(f"a label of {list(labels)!r} has the log-probabilities {log_probs}")
            most = max(log_probs)
            mass = most + math.log(math.fsum(math.exp(log_prob - most) for log_prob in log_probs))
            readings.append(LabelReading(tuple(log_prob - mass for log_prob in log_probs), math.exp(mass)))
        return readings

    def _sampling(self, request: Generation) -> Any:
        temperature = request.temperature
        if temperature and not _COLDEST <= temperature <= _HOTTEST:
            raise ValueError(f"temperature={temperature!r}: vLLM takes 0, or {_COLDEST} to {_HOTTEST}")
        cut = temperature > 0 and (request.top_p < 1 or request.top_k > 0)
        return self._vllm.SamplingParams(
            seed=request.seed % 2**63,
            temperature=temperature,
            top_p=request.top_p,
            top_k=request.top_k,
            max_tokens=request.max_new_tokens,
            logprobs=None if cut else 0,  # 0: of the drawn token alone
            stop_token_ids=sorted(self.chat.end_ids),
            ignore_eos=True,  # the ids above are all that end a turn
            detokenize=False,
        )

    def _run(self, prompts: Sequence[Ids], params: Sequence[Any]) -> list[Any]:
        """vLLM's output for each prompt. Ids go in and ids come out: no text is ever tokenised over there."""
        if not prompts:
            return []
        given = [self._vllm.TokensPrompt(prompt_token_ids=list(ids)) for ids in prompts]
        outputs = [result.outputs[0] for result in self._loaded.llm.generate(given, list(params), use_tqdm=False)]
        for output in outputs:
            if output.finish_reason not in ("stop", "length"):
                raise RuntimeError(f"model {self.name!r}: vLLM ended a request by {output.finish_reason!r}")
        return outputs

    def _not_finite(self, what: str) -> NonFiniteLogits:
        return NonFiniteLogits(f"model {self.name!r}: {what}; check its weights and its dtype")
