"""A server's response as plain data, checked: nothing is made up for what it leaves out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from oversight_envs.models.requests import LabelReading


class Malformed(ValueError):
    """A response that is no chat completion. It may come from a fault on the way, so it is asked for again."""


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What a server answered. ``top`` are the first token's candidates with their log-probabilities; None: not given.

    ``top`` is empty where the server gives some, but the model ended its answer before the first token.
    ``reasoning`` is what a thinking model wrote beside its answer. ``tokens_in`` and the like are 0 where the server
    does not say.
    """

    text: str
    finish: str = ""
    reasoning: str = ""
    refused: bool = False
    served: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    top: tuple[tuple[str, float], ...] | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=True, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> ChatAnswer:
        """Reads what ``to_json`` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        data = json.loads(line)
        if set(data) != {field.name for field in fields(cls)}:
            raise ValueError("not an answer")
        top = data.pop("top")
        return cls(**data, top=None if top is None else tuple((str(token), float(p)) for token, p in top))


def read_answer(data: Any) -> ChatAnswer:
    """A chat completion's JSON as an answer. Raises Malformed for anything else."""
    if not isinstance(data, Mapping):
        raise Malformed(f"it is {type(data).__name__}, not an object")
    if isinstance(data.get("error"), Mapping):
        raise Malformed(f"it says: {data['error'].get('message', data['error'])!s:.200}")
    choices = data.get("choices")
    if not isinstance(choices, Sequence) or isinstance(choices, str):
        raise Malformed("it has no choices")
    if not choices:
        raise Malformed("its choices are empty")
    choice = choices[0]
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(message, Mapping):
        raise Malformed("its first choice has no message")
    text, refusal = message.get("content"), message.get("refusal")
    if not isinstance(text, (str, type(None))) or not isinstance(refusal, (str, type(None))):
        raise Malformed(f"its content is {text!r:.80}, not a text")
    usage = data.get("usage") if isinstance(data.get("usage"), Mapping) else {}
    assert isinstance(usage, Mapping)
    details = usage.get("prompt_tokens_details")
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    return ChatAnswer(
        text=text or refusal or "",
        finish=str(choice.get("finish_reason") or ""),
        reasoning=reasoning if isinstance(reasoning, str) else "",
        refused=bool(refusal),
        served=data["model"] if isinstance(data.get("model"), str) else "",
        tokens_in=_count(usage.get("prompt_tokens")),
        tokens_out=_count(usage.get("completion_tokens")),
        tokens_cached=_count(details.get("cached_tokens")) if isinstance(details, Mapping) else 0,
        top=_first_token(choice.get("logprobs"), ended=not text and not refusal),
    )


def read_response(text: str, *, streamed: bool = False) -> ChatAnswer:
    """A response's text as an answer. Raises Malformed for anything that is none."""
    try:
        return read_answer(_joined(text) if streamed else json.loads(text))
    except Malformed:
        raise
    except (ValueError, RecursionError):
        raise Malformed("it is no JSON") from None


def _joined(stream: str) -> dict[str, Any]:
    """A streamed completion as it would have come in one piece. Raises Malformed where it broke off."""
    whole: dict[str, Any] = {}
    message: dict[str, str] = {}
    tokens: list[Any] = []
    finish = None
    for line in stream.split("\n"):
        if not line.startswith("data:") or line[5:].strip() == "[DONE]":
            continue
        chunk = json.loads(line[5:])
        if not isinstance(chunk, Mapping) or "error" in chunk:
            raise Malformed(f"its stream says: {chunk!r:.200}")
        whole |= {key: chunk[key] for key in ("model", "usage") if chunk.get(key)}
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, Sequence) and choices else None
        if not isinstance(choice, Mapping):
            continue  # the last chunk may hold the usage only
        delta, logprobs = choice.get("delta"), choice.get("logprobs")
        for key, piece in (delta if isinstance(delta, Mapping) else {}).items():
            if isinstance(piece, str):
                message[key] = message.get(key, "") + piece
        if isinstance(logprobs, Mapping):
            tokens += logprobs.get("content") or []
        finish = choice.get("finish_reason") or finish
    if finish is None:
        raise Malformed("its stream broke off")
    return whole | {"choices": [{"message": message, "finish_reason": finish, "logprobs": {"content": tokens}}]}


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _first_token(logprobs: Any, *, ended: bool) -> tuple[tuple[str, float], ...] | None:
    """The candidates for the first token of the answer; None where the server gives none."""
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if content == [] and ended:
        return ()
    first = content[0] if isinstance(content, Sequence) and content else None
    candidates = first.get("top_logprobs") if isinstance(first, Mapping) else None
    if not isinstance(candidates, Sequence) or not candidates:
        return None
    top = []
    for candidate in candidates:
        token = candidate.get("token") if isinstance(candidate, Mapping) else None
        log_prob = candidate.get("logprob") if isinstance(candidate, Mapping) else None
        if not isinstance(token, str) or not isinstance(log_prob, (int, float)) or not log_prob <= 1e-3:  # NaN too
            raise Malformed(f"its top_logprobs hold {candidate!r:.80}")
        top.append((token, max(min(float(log_prob), 0.0), -1e4)))
    return tuple(top)


_AROUND = " \t\n\r\u2581\u0120\u010a*_`\"'([)].:,"
"""What may stand around a label within one token: blanks (also as tokenisers write them), marks, brackets."""


def read_labels(top: Sequence[tuple[str, float]], labels: Sequence[str]) -> LabelReading | None:
    """How probable each label is as the first token: all its spellings summed; None where none is among ``top``.

    ``" A"``, ``"(A"`` and ``"**A"`` spell A; words may be in any case, letters not ("a" is an article). A label that is
    not listed is less probable than the least token that is; it is given that much, so that the verdict is never more
    certain than what was read, and its choice is the model's own. ``mass`` counts what was listed only.
    """
    masses = [0.0] * len(labels)
    for token, log_prob in top:
        spelled = token.strip(_AROUND)
        for place, label in enumerate(labels):
            if spelled == label or (len(label) > 1 and spelled.casefold() == label.casefold()):
                masses[place] += math.exp(log_prob)
    found = sum(masses)
    if found <= 0:
        return None
    least = min(log_prob for _, log_prob in top)
    bounded = [math.log(mass) if mass > 0 else least for mass in masses]
    total = math.log(sum(map(math.exp, bounded)))
    return LabelReading(tuple(p - total for p in bounded), min(found, 1.0))
