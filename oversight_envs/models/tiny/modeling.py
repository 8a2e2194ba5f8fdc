"""Transformers of about 0.1M parameters that learn small games on a CPU in minutes.

Ordinary pre-norm decoders with one addition: a token's input is the sum of embeddings of itself and of the few tokens
before it. In so small a model that is what makes copying a line of a story, and so a verified quote, easy: which word
comes next in a line follows from the two or three words before it, with no layer spent on looking back for them.

They are ``PreTrainedModel``s like any other: batches may be padded on either side, prompts may be read in pieces with
a key-value cache, and nothing else in the library knows that they are tiny.
"""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the customary name
from transformers import Cache, DynamicCache, GenerationMixin, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import (
    BaseModelOutputWithPast,
    CausalLMOutputWithPast,
    SequenceClassifierOutputWithPast,
)

from oversight_envs.models.tiny.configuration import TinyConfig

Turn = tuple[Tensor, Tensor]
"""Cosines and sines of the angles that rotary positions turn features by."""


class NgramEmbedding(nn.Module):
    """The input of each token: the sum of one embedding for itself and one for each of the tokens before it."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.vocab_size, self.ngram = config.vocab_size, config.ngram
        self.embedding = nn.Embedding(config.ngram * config.vocab_size, config.hidden_size)

    def forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        """``ids`` [rows, earlier + new], ``positions`` [rows, new] -> inputs of the new tokens [rows, new, hidden].

        A position tells how many tokens stand before it in its row: what is further left is padding and left out.
        """
        new = positions.shape[1]
        padded = F.pad(ids, (self.ngram - 1, 0))
        total: Tensor = self.embedding(ids[:, -new:])
        for back in range(1, self.ngram):
            end = padded.shape[1] - back
            shifted = self.embedding(padded[:, end - new : end] + back * self.vocab_size)
            total = total + shifted * (positions >= back)[..., None]
        return total


class Block(nn.Module):
    """Causal self-attention with rotary positions, then a two-layer perceptron; both pre-norm and residual."""

    def __init__(self, config: TinyConfig, layer: int) -> None:
        super().__init__()
        width = config.hidden_size
        self.heads, self.layer = config.num_attention_heads, layer
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv_proj, self.o_proj = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up_proj, self.down_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, turn: Turn, mask: Tensor | None, cache: Cache | None) -> Tensor:
        """``x`` [rows, new, hidden] -> the same shape; ``turn`` are cosines and sines [rows, 1, new, head size / 2].

        ``mask`` [rows, 1, new, earlier + new] is True where a token may look; None: at everything up to itself.
        """
        rows, new, width = x.shape
        q, k, v = self.qkv_proj(self.attention_norm(x)).view(rows, new, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = _rotate(q, turn), _rotate(k, turn)
        if cache is not None:
            k, v = cache.update(k, v, self.layer)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None and new > 1)
        x = x + self.o_proj(seen.transpose(1, 2).reshape(rows, new, width))
        out: Tensor = x + self.down_proj(F.gelu(self.up_proj(self.mlp_norm(x))))
        return out


def _rotate(x: Tensor, turn: Turn) -> Tensor:
    """Rotary positions (Su et al., arXiv 2104.09864): turns each pair of features by its angle."""
    a, b = x.chunk(2, dim=-1)
    cos, sin = turn
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class TinyPreTrainedModel(PreTrainedModel):  # type: ignore[misc]  # transformers is untyped here
    """What the models below share: their config and how weights start."""

    config_class = TinyConfig
    base_model_prefix = "model"
    _supports_sdpa = True
    _no_split_modules = ["Block"]  # noqa: RUF012  as in every transformers model

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=0.5)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, WeakestStep):
            init.zeros_(module.bias)


class TinyModel(TinyPreTrainedModel):
    """The trunk: token ids to hidden states."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.embed = NgramEmbedding(config)
        self.blocks = nn.ModuleList([Block(config, number + 1) for number in range(config.num_blocks)])
        self.norm = nn.LayerNorm(config.hidden_size)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool | None = None,
        **_: Any,
    ) -> BaseModelOutputWithPast:
        """``input_ids`` [rows, new]; ``attention_mask`` [rows, earlier + new], 1 for tokens and 0 for padding.

        ``past_key_values`` holds what was read before of each row, and takes in what is new.
        """
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        earlier = 0 if past_key_values is None else past_key_values.get_seq_length()
        new = input_ids.shape[1]
        if position_ids is None:
            position_ids = _positions(input_ids, attention_mask, earlier)
        position_ids = position_ids.expand(input_ids.shape)
        ids = input_ids
        if past_key_values is not None:  # earlier ids are kept as the keys of layer 0, one head of one dimension
            kept = input_ids[:, None, :, None]
            ids = past_key_values.update(kept, kept, 0)[0][:, 0, :, 0]
        mask = _visible(attention_mask, earlier, new, input_ids.device)
        half = self.config.hidden_size // self.config.num_attention_heads // 2
        steps = torch.arange(half, device=input_ids.device, dtype=torch.float32)
        frequencies = torch.exp(steps * (-math.log(self.config.rope_theta) / half))
        angles = position_ids[:, None, :, None] * frequencies
        x = self.embed(ids, position_ids)
        turn = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        for block in self.blocks:
            x = block(x, turn, mask, past_key_values)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(x), past_key_values=past_key_values)


def _positions(ids: Tensor, attention_mask: Tensor | None, earlier: int) -> Tensor:
    """Positions of the new tokens [rows, new], counted from each row's first real token."""
    if attention_mask is None:
        return torch.arange(earlier, earlier + ids.shape[1], device=ids.device)[None]
    return (attention_mask.cumsum(dim=-1) - 1).clamp(min=0)[:, earlier:]


def _visible(attention_mask: Tensor | None, earlier: int, new: int, device: torch.device) -> Tensor | None:
    """Where each new token may look, [rows, 1, new, earlier + new]; None where that is everything up to itself.

    Every token sees itself, padding too: a softmax over nothing would be NaN, and spread from there.
    """
    if attention_mask is None and (earlier == 0 or new == 1):
        return None
    rows = torch.arange(earlier, earlier + new, device=device)[:, None]
    columns = torch.arange(earlier + new, device=device)[None]
    visible = (columns <= rows)[None]
    if attention_mask is not None:
        visible = visible & attention_mask.bool()[:, None] | (columns == rows)
    return visible[:, None]


class TinyForCausalLM(TinyPreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """The trunk and a next-token head."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.model = TinyModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        output_hidden_states: bool = False,
        **_: Any,
    ) -> CausalLMOutputWithPast:
        """Logits of the last ``logits_to_keep`` tokens (0: all), [rows, kept, vocabulary].

        ``hidden_states``, where asked for, is what the head reads, as a tuple of one: [rows, new, hidden].
        """
        out = self.model(input_ids, attention_mask, position_ids, past_key_values, use_cache)
        hidden = out.last_hidden_state
        return CausalLMOutputWithPast(
            logits=self.lm_head(hidden[:, -logits_to_keep:]),
            past_key_values=out.past_key_values,
            hidden_states=(hidden,) if output_hidden_states else None,
        )


class WeakestStep(nn.Module):
    """Scores a text by its worst tokens: ``b - logsumexp_t(3 g_t)``, where g_t says how wrong the step at t looks.

    g_t is a perceptron over the states at t and t - 1 and the log-probability of token t under the model's own
    language head. One bad step makes a solution wrong, however many good ones surround it, and a wrong number is first
    of all an unlikely one: heads that read the last state, or the mean of all, barely learn on models this small.
    """

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * config.hidden_size + 1, config.hidden_size)
        self.badness = nn.Linear(config.hidden_size, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, states: Tensor, log_probs: Tensor, counted: Tensor) -> Tensor:
        """``states`` [rows, length, hidden], ``log_probs`` and ``counted`` [rows, length] -> scores [rows, 1]."""
        before = F.pad(states[:, :-1], (0, 0, 1, 0))
        features = torch.cat([states, before, log_probs[..., None]], dim=-1)
        g = self.badness(F.gelu(self.hidden(features)))[..., 0]
        g = g.masked_fill(~counted, -math.inf)
        return (self.bias - torch.logsumexp(3 * g, dim=-1))[:, None]


class LastState(nn.Module):
    """The plain head: a linear layer on the state of a text's last token. It has to learn what a step is by itself."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.hidden_size, 1, bias=False)

    def forward(self, states: Tensor, log_probs: Tensor, counted: Tensor) -> Tensor:
        """As ``WeakestStep``; what the language head thinks of the tokens is not asked."""
        places = torch.arange(counted.shape[1], device=counted.device)
        last = torch.where(counted, places, -1).amax(dim=-1).clamp(min=0)
        score: Tensor = self.linear(states[torch.arange(len(states), device=states.device), last])
        return score


class TinyForSequenceClassification(TinyPreTrainedModel):
    """A verifier: the trunk, its language head, and one score for a whole text (a reward model in the usual form).

    The score counts the tokens of the last assistant's turn, its end included; all tokens where there is no such turn.
    """

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        if config.num_labels != 1:
            raise ValueError(f"num_labels={config.num_labels}: this model gives one score; pass num_labels=1")
        self.model = TinyModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.score = WeakestStep(config) if config.score_head == "weakest step" else LastState(config)
        self.post_init()

    @classmethod
    def from_language_model(cls, base: TinyForCausalLM, *, seed: int) -> TinyForSequenceClassification:
        """A verifier with a copy of the language model's weights and a fresh score head, drawn from ``seed``.

        In training the head wants about ten times the rate of the rest (``score.parameters()`` and all others).
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = cls(deepcopy(base.config))
        model.load_state_dict(base.state_dict(), strict=False)
        return model

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, position_ids: Tensor | None = None, **_: Any
    ) -> SequenceClassifierOutputWithPast:
        """``input_ids`` [rows, length], padded on either side -> logits [rows, 1]."""
        states = self.model(input_ids, attention_mask, position_ids).last_hidden_state
        log_probs = self.lm_head(states[:, :-1]).log_softmax(dim=-1)
        log_probs = F.pad(log_probs.gather(-1, input_ids[:, 1:, None])[..., 0], (1, 0))
        real = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return SequenceClassifierOutputWithPast(logits=self.score(states, log_probs, self._counted(input_ids, real)))

    def _counted(self, ids: Tensor, real: Tensor) -> Tensor:
        if self.config.answer_token_id is None:
            return real.bool()
        opened = (ids == self.config.answer_token_id) & real.bool()
        still_to_come = opened.flip(-1).cumsum(dim=-1).flip(-1)  # how many open here or later
        answer = opened.any(dim=-1, keepdim=True) & (still_to_come == 0)
        return torch.where(answer.any(dim=-1, keepdim=True), answer, torch.ones_like(answer)) & real.bool()
