"""A model that thinks before it speaks, with a budget of tokens for each of the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from oversight_envs.core.prompt import Message
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.thinking import closing, mentions_thinking, open_block, split_thinking
from oversight_envs.models.engine import Engine
from oversight_envs.models.requests import Completion, Generation, PromptTooLong

_FOR_MARKS = 16
"""Tokens set aside for what closes the thinking."""


def think_and_speak(
    lm: Engine, requests: Sequence[Generation], max_thinking_tokens: int, *, close: bool = True
) -> list[Completion]:
    """Completions in which thinking takes up to ``max_thinking_tokens``, and the speech a request's ``max_new_tokens``.

    What is still thought by then is closed ("budget forcing", Muennighoff et al. 2025, arXiv 2501.19393), and the model
    speaks. Such a completion has no ids: not all of them were drawn. With ``close=False`` it ends there instead,
    unspoken. Prompts must be chat messages.
    """
    for request in requests:
        length, new = len(lm.encode(_chat(request))), max_thinking_tokens + request.max_new_tokens + _FOR_MARKS
        if length + new > lm.context_length:
            raise PromptTooLong(
                f"a prompt of {length:,} tokens, {max_thinking_tokens:,} to think and {request.max_new_tokens:,} to "
                f"speak exceed the {lm.context_length:,} that model {lm.name!r} can read; cut the passage "
                "(fit_passage), or lower max_thinking_tokens or max_new_tokens"
            )
    begun = lm.generate([replace(request, max_new_tokens=max_thinking_tokens) for request in requests])
    done: dict[int, Completion] = {}
    waiting: dict[int, tuple[str, Generation]] = {}
    for i, (request, first) in enumerate(zip(requests, begun, strict=True)):
        mark = "" if first.finished else _closing(first)
        used = 0 if mark else _spoken(lm, first)
        if used > request.max_new_tokens:
            done[i] = _shortened(lm, request, first, used - request.max_new_tokens)
        elif first.finished or used == request.max_new_tokens or (mark and not close):
            done[i] = first
        else:
            ids = [*lm.encode(_chat(request)), *first.token_ids, *(lm.encode_own(mark) if mark else ())]
            seed = derive_seed(request.seed, "speech")
            waiting[i] = mark, replace(request, prompt=ids, seed=seed, max_new_tokens=request.max_new_tokens - used)
    for i, second in zip(waiting, lm.generate([rest for _, rest in waiting.values()]), strict=True):
        mark, first = waiting[i][0], begun[i]
        if mark:
            done[i] = Completion(first.text + mark + second.text, (), (), second.finished)
        else:
            ids = [*first.token_ids, *second.token_ids]
            log_probs = first.log_probs + second.log_probs
            done[i] = Completion(lm.written(_chat(requests[i]), ids), tuple(ids), log_probs, second.finished)
    return [done[i] for i in range(len(requests))]


def _chat(request: Generation) -> tuple[Message, ...]:
    if not request.prompt or not isinstance(request.prompt[0], Message):
        raise TypeError("a model that thinks is asked by chat messages, not by ids")
    return request.prompt  # type: ignore[return-value]


def _closing(completion: Completion) -> str:
    """What closes thinking that is still open; empty where it is over, or never began."""
    _, speech = split_thinking(completion.text)
    block = open_block(completion.text) if not speech else ""
    return closing(block) if block else ""


def _spoken(lm: Engine, completion: Completion) -> int:
    """How many tokens of a completion are speech: those behind the last mark that closes thinking."""
    ids = completion.token_ids
    fewest, most = 0, len(ids)
    while fewest < most:
        middle = (fewest + most + 1) // 2
        if mentions_thinking(lm.decode(ids[len(ids) - middle :])):
            most = middle - 1
        else:
            fewest = middle
    return fewest


def _shortened(lm: Engine, request: Generation, completion: Completion, by: int) -> Completion:
    ids, log_probs = completion.token_ids[:-by], completion.log_probs[:-by]
    return Completion(lm.written(_chat(request), ids), ids, log_probs, finished=False)
