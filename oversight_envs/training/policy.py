"""A language model that speaks in games and learns from them.

One object samples (through the engine), remembers what it drew and with which probability, and computes these
probabilities again with gradients. Beside the language model it has a value head, and a frozen reference that it is
kept near to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from oversight_envs.core.checks import at_least, one_of, positive
from oversight_envs.core.prompt import Message, clean_text
from oversight_envs.core.requests import Turn
from oversight_envs.core.speech import Speech
from oversight_envs.models import Generation, LanguageModel, load
from oversight_envs.models.hf.loading import save_folder
from oversight_envs.models.requests import check_sampling
from oversight_envs.models.thinking import think_and_speak
from oversight_envs.training.checkpoint import fingerprint, whole_folder
from oversight_envs.training.lora import add_lora, merged
from oversight_envs.training.optimiser import keep_in_float32
from oversight_envs.training.samples import TokenSequence
from oversight_envs.training.token_probs import token_log_probs, token_probs

if TYPE_CHECKING:
    from peft import LoraConfig

_VALUE_HEAD = "value_head.safetensors"


class TokenEstimates(NamedTuple):
    """What a policy computes for its own tokens, all [n]: one number for each, in the order of the sequences."""

    log_probs: Tensor
    """Natural log-probability of the token, at the sampling temperature."""
    entropies: Tensor
    """Entropy, in nats, of the distribution that the token was drawn from."""
    values: Tensor
    """The value head's estimate of the reward to come, before the token is known."""


def trainable(lm: Any) -> Any:
    """``lm``, if it is a language model in memory.

    Raises TypeError, with the fix, for anything else, and ValueError for a model that only plays.
    """
    if isinstance(lm, type) or not callable(getattr(lm, "encode", None)) or not hasattr(lm, "model"):
        raise TypeError(f"lm={lm!r:.80}: give a language model, such as load('smollm2-135m').copy()")
    if "training" not in lm.can:
        raise ValueError(f"lm={lm.name!r} only plays: to train a model, name it without llama: or vllm:")
    return lm


class TextPolicy:
    """Fills a role like ``LanguageModelAgent`` does, and can be trained by ``PPO``.

    Args:
        lm: a model, or the name of one, with a chat template. No pad token is needed: rows are padded on the right,
            where a causal model can't see it. The value head reads what the model's output layer reads.
        lora: trains an adapter of this shape in place of all weights; the reference is then the same model with the
            adapter off, and costs no memory.
        reference: False does without a reference, which saves a copy of the weights (then ``kl_coef`` must be 0).
        temperature: at which it samples and at which probabilities are computed. There is no top-p: training needs the
            probabilities that were sampled from.
        max_new_tokens: the longest speech, in tokens.
        max_thinking_tokens: how many tokens a model that thinks before it speaks may think, beside those of the speech;
            what is not closed by then stays unspoken. 0: thinking is part of ``max_new_tokens``.
        copy: False trains the model of ``lm`` itself. By default a copy is trained, since whoever else holds that
            model (a judge; ``load`` gives everyone the same one) would change with it. With an adapter and
            ``copy=False`` the weights are in memory once.
        mixed_precision: bfloat16 autocast on a GPU, for sampling and training alike. Trained weights are float32.
        seed: where the adapter's first weights come from.

    Dropout is off in training too: the probabilities must be those that were sampled from.
    Raises ValueError for a model without a chat template or without a known output layer.
    """

    def __init__(
        self,
        lm: LanguageModel | str,
        *,
        lora: LoraConfig | None = None,
        reference: bool = True,
        temperature: float = 1.0,
        max_new_tokens: int = 256,
        max_thinking_tokens: int = 0,
        copy: bool = True,
        mixed_precision: bool = True,
        seed: int = 0,
    ) -> None:
        positive("temperature", temperature)  # greedy choice has no probabilities to learn from
        at_least("seed", seed, 0)
        for option, value in {"reference": reference, "copy": copy, "mixed_precision": mixed_precision}.items():
            one_of(option, value, (True, False))
        check_sampling(max_new_tokens, temperature, 1.0)
        at_least("max_thinking_tokens", max_thinking_tokens, 0)
        lm = load(lm) if isinstance(lm, str) else lm
        trainable(lm)
        lm.encode((Message("user", "?"),))  # a missing chat template shows here, not in the first episode
        self.lm = lm.copy() if copy else lm
        self.lm.forget()
        self.temperature, self.max_new_tokens, self.mixed_precision = temperature, max_new_tokens, mixed_precision
        self.max_thinking_tokens = max_thinking_tokens
        self.origin = fingerprint(self.lm.model)
        """Names the weights that training started from."""
        self._adapter = None if lora is None else _shape(lora)
        self._peft = None if lora is None else add_lora(self.lm.model, lora, seed=seed)
        output = output_layer(self.lm.model)
        width, device = output.weight.shape[-1], output.weight.device
        # skip_init: the usual first weights would come from the global random state
        self.value_head: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]
            nn.Linear, width, 1, device=device, dtype=torch.float32
        )
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)
        keep_in_float32(self.parameters())
        needs_copy = reference and lora is None
        self._reference = deepcopy(self.lm.model).requires_grad_(False) if needs_copy else None
        self.has_reference = reference

    def speak(self, turns: Sequence[Turn]) -> list[Speech]:
        """One speech for each turn, in order, with the ids that were drawn (the end token included) and their
        log-probabilities. Every turn has its own random stream, ``turn.seed``.

        Raises PromptTooLong if a prompt and the speech don't fit the model's context.
        """
        requests = [Generation(t.prompt, t.seed, self.max_new_tokens, self.temperature) for t in turns]
        with self._precision():
            if self.lm.thinks and self.max_thinking_tokens:
                drawn = think_and_speak(self.lm, requests, self.max_thinking_tokens, close=False)
            else:
                drawn = self.lm.generate(requests)
        # Cleaned here, as the episode would: it can't know that the ids stand for the uncleaned text, and drops them.
        return [Speech(clean_text(d.text), d.token_ids, d.log_probs, {"finished": d.finished}) for d in drawn]

    def evaluate(self, sequences: Sequence[TokenSequence]) -> TokenEstimates:
        """One forward pass over all of ``sequences``, with gradients where they are enabled."""
        logits, hidden = self._own(self.lm.model, sequences)
        log_probs, entropies = token_probs(logits, self._own_ids(sequences))
        return TokenEstimates(log_probs, entropies, self.value_head(hidden.float())[:, 0])

    def values(self, sequences: Sequence[TokenSequence]) -> Tensor:
        """The values of ``evaluate`` alone, [n]: the output layer is left out."""
        _, hidden = self._own(self.lm.model, sequences, logits=False)
        values: Tensor = self.value_head(hidden.float())[:, 0]
        return values

    @torch.no_grad()
    def reference_log_probs(self, sequences: Sequence[TokenSequence]) -> Tensor:
        """Log-probabilities [n] of the own tokens under the frozen initial model, at the same temperature."""
        if not self.has_reference:
            raise ValueError("this policy has no reference: build it with reference=True")
        with self._peft.disable_adapter() if self._peft is not None else nullcontext():
            logits, _ = self._own(self._reference or self.lm.model, sequences)
        return token_log_probs(logits, self._own_ids(sequences))

    def parameters(self) -> dict[str, nn.Parameter]:
        """What training changes, by name: the weights (or the adapter's) and the value head's."""
        trained = {f"model.{name}": p for name, p in self.lm.model.named_parameters() if p.requires_grad}
        return trained | {f"value_head.{name}": p for name, p in self.value_head.named_parameters()}

    def save(self, folder: str | Path) -> None:
        """Writes a model folder that ``load``, ``LanguageModelAgent`` and transformers read; all of it or nothing.

        An adapter is merged into a copy of the weights; where it tells tied input and output embeddings apart, they are
        saved untied. The value head lies beside them. To go on training where it stopped use ``Checkpoints``, which
        keeps the optimiser too.
        """
        from safetensors.torch import save_file

        model = self.lm.model if self._peft is None else merged(self._peft)
        with whole_folder(Path(folder)) as unfinished:
            save_folder(unfinished, model, self.lm.tokenizer)
            head = {name: p.detach().cpu() for name, p in self.value_head.named_parameters()}
            save_file(head, unfinished / _VALUE_HEAD)

    @classmethod
    def load(cls, folder: str | Path, *, trust_remote_code: bool = False, **options: Any) -> TextPolicy:
        """A policy from a folder that ``save`` wrote, value head included; ``options`` are those of the constructor.

        ``trust_remote_code`` runs Python code that lies in the folder, as for ``oversight_envs.models.load``.
        What it is kept near to is then what was saved. Raises ValueError for a folder without a model or value head.
        """
        from safetensors.torch import load_file
        from transformers import AutoModelForCausalLM, AutoTokenizer

        folder = Path(folder)
        if not (folder / _VALUE_HEAD).is_file():
            raise ValueError(f"{folder} holds no saved TextPolicy (no {_VALUE_HEAD})")
        model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=trust_remote_code)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
        lm = LanguageModel(model, tokenizer, name=str(folder))
        policy = cls(lm, copy=False, **options)
        policy.value_head.load_state_dict(load_file(folder / _VALUE_HEAD))
        return policy

    @property
    def description(self) -> dict[str, Any]:
        """What the record keeps of it: the same all through a run."""
        return {
            "type": "TextPolicy",
            "lm": self.lm.description,
            "adapter": self._adapter,
            "max_new_tokens": self.max_new_tokens,
            "temperature": self.temperature,
        } | ({"max_thinking_tokens": self.max_thinking_tokens} if self.max_thinking_tokens else {})

    def _own(self, model: Any, sequences: Sequence[TokenSequence], *, logits: bool = True) -> tuple[Tensor, Tensor]:
        """Logits [n, vocabulary] that own tokens are drawn from (over temperature), and hidden states [n, hidden].

        Both stand one position before the token, and no other position goes through the output layer: with a long
        passage in front, the logits of the rest would be most of the memory. Without ``logits`` nothing goes through.
        """
        device = self.value_head.weight.device
        width = max(len(sequence.ids) for sequence in sequences)
        ids = torch.tensor(
            [list(sequence.ids) + [0] * (width - len(sequence.ids)) for sequence in sequences], device=device
        )
        places = (
            torch.tensor([row for row, sequence in enumerate(sequences) for _ in sequence.own], device=device),
            torch.tensor([position - 1 for sequence in sequences for position in sequence.own], device=device),
        )
        states: list[Tensor] = []

        def choose(_: Any, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            states.append(args[0][places])
            return states[0][None] if logits else states[0][None, :0], *args[1:]

        model.eval()
        hook = output_layer(model).register_forward_pre_hook(choose)
        try:
            with self._precision():
                found = model(input_ids=ids, use_cache=False).logits[0].float()
        finally:
            hook.remove()
        return found if self.temperature == 1 else found / self.temperature, states[0]

    def _own_ids(self, sequences: Sequence[TokenSequence]) -> Tensor:
        own = [sequence.ids[position] for sequence in sequences for position in sequence.own]
        return torch.tensor(own, device=self.value_head.weight.device)

    def _precision(self) -> AbstractContextManager[Any]:
        return bfloat16_on_gpu(self.value_head.weight.device, self.mixed_precision)


def _shape(lora: LoraConfig) -> dict[str, Any]:
    """What an adapter computes with, as JSON values: beside its weights, the scale and where it sits."""
    targets = lora.target_modules
    where = targets if targets is None or isinstance(targets, str) else sorted(targets)
    return {"r": lora.r, "lora_alpha": lora.lora_alpha, "target_modules": where}


def output_layer(model: Any) -> Any:
    """The layer that turns hidden states [.., hidden] into logits; its weight is [vocabulary, hidden].

    Raises ValueError for a model that does not say which it is.
    """
    layer = model.get_output_embeddings() or getattr(model, "lm_head", None)
    if layer is None:
        raise ValueError(f"{type(model).__name__} has no output layer: neither get_output_embeddings() nor lm_head")
    return layer


def bfloat16_on_gpu(device: torch.device, enabled: bool) -> AbstractContextManager[Any]:
    """Autocast to bfloat16 on a GPU if enabled; elsewhere whatever is in force (by default float32)."""
    return torch.autocast(device.type, torch.bfloat16) if enabled and device.type == "cuda" else nullcontext()


@contextmanager
def output_inputs(model: Any) -> Iterator[list[Tensor]]:
    """Catches what the output layer reads, the last hidden states, without keeping those of all layers."""
    caught: list[Tensor] = []
    hook = output_layer(model).register_forward_pre_hook(lambda module, args: caught.append(args[0]))
    try:
        yield caught
    finally:
        hook.remove()
