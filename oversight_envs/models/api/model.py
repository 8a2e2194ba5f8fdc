"""One model behind a server: what is asked of it, in bounded numbers, again where that can help, and kept.

Time-outs, retries with backoff and jitter, and ``Retry-After`` are the ``openai`` client's own. Two things are added: a
response must have arrived whole within the time-out (a client's own runs anew with each byte), and one that is no chat
completion counts as a connection that broke, so that the client asks again.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit
from weakref import WeakKeyDictionary

from oversight_envs.core.checks import at_least, positive, storable
from oversight_envs.core.players import PlayerError
from oversight_envs.core.prompt import Prompt
from oversight_envs.core.usage import Spent
from oversight_envs.models.api.address import PREFIX, check_url, default_url, is_api_spec, parse_spec, without_secrets
from oversight_envs.models.api.answers import ChatAnswer, Malformed, read_answer
from oversight_envs.models.api.budget import Budget
from oversight_envs.models.api.cache import AnswerCache
from oversight_envs.models.requests import PromptTooLong, check_sampling

KEY_VARIABLE = "OPENAI_API_KEY"
"""Where the key for the default address is, OpenAI's or that of ``OPENAI_BASE_URL``."""
OWN_KEY_VARIABLE = "OVERSIGHT_ENVS_API_KEY"
"""Where the key for an address in a spec is: the other key is nobody else's business."""
NO_KEY = "none"
"""What a server that needs no key is sent: the client insists on one."""

_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|context (?:length|size|window)"
    r"|maximum (?:model|context|prompt) length|longer than the (?:model|maximum)"
    r"|(?:prompt|input|request)\b.{0,60}\btoo (?:long|large)",
    re.IGNORECASE | re.DOTALL,
)
"""How servers say that a prompt is too long: OpenAI, vLLM, SGLang, llama.cpp and others."""

_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Any, asyncio.Semaphore]] = WeakKeyDictionary()
"""Loop -> model -> how many more calls it takes at once: players of one model share it."""


class ApiModel:
    """A model behind a server.

    Args:
        model: its name, as the server knows it; or a whole spec, ``openai:MODEL`` or ``openai:MODEL@URL``.
        url: the server, up to ``/v1``; None: ``OPENAI_BASE_URL``, else OpenAI. User, password and query are sent and
            never shown or stored.
        api_key: None takes it from the environment at each call: from ``OPENAI_API_KEY`` where no URL was given, else
            from ``OVERSIGHT_ENVS_API_KEY``. It is never shown, stored or pickled.
        concurrency: how many calls are on their way at once.
        timeout: seconds until an attempt is given up.
        max_retries: further attempts after a fault that may pass, with growing pauses.
        request: further fields of each request (``{"reasoning_effort": "low"}``).
        cache: where answers are kept and looked up (a path, or an ``AnswerCache``); None: nowhere.
        budget: what may be spent; None: no limit.
    """

    def __init__(
        self,
        model: str,
        url: str | None = None,
        *,
        api_key: str | None = None,
        concurrency: int = 32,
        timeout: float = 120.0,
        max_retries: int = 5,
        request: Mapping[str, Any] | None = None,
        cache: AnswerCache | str | Path | None = None,
        budget: Budget | None = None,
    ) -> None:
        if is_api_spec(model) and url is None:
            model, url = parse_spec(model)
        if not model:
            raise ValueError("model='': give the name of a model")
        if url is not None:
            check_url(url)
        at_least("concurrency", concurrency, 1)
        _check_file_handles(concurrency)
        at_least("max_retries", max_retries, 0)
        positive("timeout", timeout)
        storable("request", dict(request or {}))
        self.model, self.concurrency, self.timeout, self.max_retries = model, concurrency, timeout, max_retries
        self.request = dict(request or {})
        self.cache = cache if isinstance(cache, AnswerCache | None) else AnswerCache(cache)
        self.budget = budget
        self._url, self._api_key = url, api_key
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[str, str, Any]] = WeakKeyDictionary()

    @property
    def url(self) -> str:
        """The server's address, without secrets."""
        return without_secrets(self._url or default_url())

    @property
    def name(self) -> str:
        """What it is called in errors: its spec, without secrets."""
        return f"{PREFIX}{self.model}" + (f"@{self.url}" if self._url else "")

    @property
    def fingerprint(self) -> str:
        """What it is, for stored episodes."""
        return json.dumps(self.description, sort_keys=True)

    @property
    def description(self) -> dict[str, Any]:
        """What determines its answers, as JSON values."""
        return {"model": self.model, "url": self.url} | ({"request": self.request} if self.request else {})

    def __repr__(self) -> str:
        return f"ApiModel({self.name!r})"

    def __deepcopy__(self, memo: Any) -> ApiModel:
        return self  # what it holds is a connection

    def __getstate__(self) -> dict[str, Any]:
        """Without connections and key: another process asks its own environment. A budget can't be kept by several."""
        if self.budget is not None:
            raise TypeError(f"{self.name} has a budget (max_cost), which is counted in one process")
        left_out = {"_api_key": None, "_clients": None, "_url": self._url and self.url}
        return self.__dict__ | left_out

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._clients = WeakKeyDictionary()

    async def chat(
        self,
        prompt: Prompt,
        *,
        seed: int,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        top_logprobs: int = 0,
    ) -> tuple[ChatAnswer, Spent]:
        """The answer to a conversation, and what it took. ``top_logprobs`` asks for so many candidates a token.

        Raises PromptTooLong, OutOfBudget, and PlayerError, which names the model and the fix, for whatever else keeps
        the server from answering.
        """
        check_sampling(max_new_tokens, temperature, top_p)
        limit = "max_tokens" if self._url else "max_completion_tokens"  # OpenAI renamed it, others keep both or the old
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": message.role, "content": message.content} for message in prompt],
            "seed": seed % 2**31,  # some servers keep 32 bits
            limit: max_new_tokens,
            "temperature": temperature,
            "top_p": top_p,
        }
        if top_logprobs:
            body |= {"logprobs": True, "top_logprobs": top_logprobs}
        request = {"url": self.url, "body": body | self.request}
        if self.cache is not None and (known := self.cache.get(request)) is not None:
            return known, Spent(self.model, known.served, repeated=1)
        async with self._slot():
            if self.budget is None:
                answer = await self._call(body)
            else:
                async with self.budget.call(self.expects(prompt, max_new_tokens, bytes_per_token=3)) as took:
                    answer = await self._call(body)
                    took.append(self._spent(answer))
        self._check(answer, top_logprobs)
        if self.cache is not None:
            self.cache.put(request, answer)
        return answer, self._spent(answer)

    def expects(self, prompt: Prompt, max_new_tokens: int, *, bytes_per_token: float = 4) -> Spent:
        """About what a call takes, at most as far as the answer goes. English has 4 to 5 bytes a token."""
        size = sum(len(message.content.encode("utf-8", "replace")) for message in prompt)
        tokens_in = round(size / bytes_per_token) + 4 * len(prompt)
        return Spent(self.model, calls=1, tokens_in=tokens_in, tokens_out=max_new_tokens)

    def error(self, what: str) -> PlayerError:
        """An error that names this model. No secret is in it, whatever a server wrote."""
        return PlayerError(f"{self.name}: {self._safe(what)}")

    def _check(self, answer: ChatAnswer, top_logprobs: int) -> None:
        """Raises PlayerError for what is no answer to what was asked: it is neither used nor kept."""
        if top_logprobs:
            if answer.top is None:
                raise self._no_log_probs()
        elif answer.finish == "content_filter":
            raise self.error("the server's content filter stopped the answer")
        elif answer.finish == "length" and not answer.text.strip():
            raise self.error("it used up max_new_tokens before the first word of its answer (thinking?): give more")

    def _no_log_probs(self, said: str = "") -> PlayerError:
        return self.error(
            f"the server gives no log-probabilities of its first token{f' ({said})' if said else ''}: judge by words "
            f"instead (stated:{self.name}) or by votes (sampled:{self.name}; after thinking: "
            f"reasoning:sampled:{self.name})"
        )

    def _spent(self, answer: ChatAnswer) -> Spent:
        cached = min(answer.tokens_cached, answer.tokens_in)
        return Spent(self.model, answer.served, 1, 0, answer.tokens_in, answer.tokens_out, cached)

    def _slot(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        key = self.url, self.model, self.concurrency
        return _slots.setdefault(loop, {}).setdefault(key, asyncio.Semaphore(self.concurrency))

    async def _call(self, body: Mapping[str, Any]) -> ChatAnswer:
        openai = _openai()
        client = self._client(openai)
        try:
            response = await client.chat.completions.with_raw_response.create(**body, extra_body=self.request)
            return read_answer(response.http_response.json())
        except openai.APIStatusError as error:
            raise await self._refusal(client, error, body) from None
        except openai.APIConnectionError as error:
            raise self.error(self._unreached(error)) from None
        except openai.OpenAIError as error:
            raise self.error(str(error)) from None

    def _client(self, openai: Any) -> Any:
        """The loop's client: connections belong to a loop. Another key or address in the environment is another."""
        loop = asyncio.get_running_loop()
        url, key = self._url or default_url(), self._key()
        known = self._clients.get(loop)
        if known is None or known[:2] != (url, key):
            parts = urlsplit(url)
            http = openai.DefaultAsyncHttpxClient(
                limits=importlib.import_module("httpx2").Limits(max_connections=self.concurrency),
                event_hooks={"response": [self._arrived]},
            )
            client = openai.AsyncOpenAI(
                api_key=key,
                base_url=urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
                default_query=dict(parse_qsl(parts.query, keep_blank_values=True)) or None,
                timeout=self.timeout,
                max_retries=self.max_retries,
                http_client=http,
            )
            known = self._clients[loop] = url, key, client
        return known[2]

    def _key(self) -> str:
        if self._api_key is not None:
            return self._api_key
        if self._url is not None:
            return os.environ.get(OWN_KEY_VARIABLE) or NO_KEY
        key = os.environ.get(KEY_VARIABLE)
        if not key:
            raise self.error(f"no key: set {KEY_VARIABLE}, or give api_key=…, or the server that it is behind (@URL)")
        return key

    async def _arrived(self, response: Any) -> None:
        """Reads a response whole. What is none counts as a fault on the way, after which the client asks again."""
        httpx = importlib.import_module("httpx2")
        try:
            async with asyncio.timeout(self.timeout):
                await response.aread()
        except TimeoutError:
            raise httpx.ReadTimeout("not whole in time", request=response.request) from None
        if response.status_code == 200 and response.request.method == "POST":
            try:
                read_answer(response.json())
            except Malformed as error:
                raise httpx.RemoteProtocolError(str(error), request=response.request) from None
            except ValueError:
                raise httpx.RemoteProtocolError("it is no JSON", request=response.request) from None

    def _unreached(self, error: Any) -> str:
        """Why no answer came at all."""
        cause = error.__cause__
        kind, tried = type(cause).__name__, f"after {self.max_retries + 1} attempts"
        if "Timeout" in kind:
            return f"no answer within {self.timeout:g} s, {tried}: give a larger timeout, or ask for less at once"
        if kind == "ConnectError":
            return f"no server answers at {self.url} ({cause}), {tried}: start it, or mend the address"
        if kind == "RemoteProtocolError":
            return f"the server's response is no chat completion, {tried}: {cause}"
        return f"the connection to {self.url} broke, {tried}: {cause or error}"

    async def _refusal(self, client: Any, error: Any, body: Mapping[str, Any]) -> PlayerError:
        """What a server's refusal means, and what to do."""
        said = f"{error.code or ''} {error.type or ''} {error.message}"
        status = error.status_code
        if status in (400, 413, 422) and _TOO_LONG.search(said):
            return PromptTooLong(f"{self.name}: the conversation is too long for it ({self._safe(error.message)})")
        if status in (401, 403):
            variable = OWN_KEY_VARIABLE if self._url else KEY_VARIABLE
            return self.error(f"the server refuses the key ({status}): set {variable}, or give api_key=… ({said})")
        if status == 404:
            return self.error(
                f"the server has no such model or address ({status}){await self._models(client)} ({said})"
            )
        if "logprob" in said and "logprobs" in body:
            return self._no_log_probs(said)
        if status == 429:
            return self.error(
                f"the server takes no more now (429), after {self.max_retries + 1} attempts: wait, or give a smaller "
                f"concurrency ({said})"
            )
        return self.error(f"the server answers {status}: {said}")

    async def _models(self, client: Any) -> str:
        """What the server has, for an error."""
        try:
            page = await client.with_options(max_retries=0, timeout=5).models.list()
            names = [str(model.id) for model in page.data]
        except Exception:  # it is for an error message: the error that is explained matters more
            return "; most servers answer under /v1: is that missing in the address?"
        return f": it has {', '.join(names[:10]) or 'none'}"

    def _safe(self, text: str) -> str:
        text = " ".join(text.split())
        for secret in {self._api_key, os.environ.get(KEY_VARIABLE), os.environ.get(OWN_KEY_VARIABLE)}:
            if secret:
                text = text.replace(secret, "…")
        return without_secrets(text)[:500]


def _openai() -> Any:
    try:
        return importlib.import_module("openai")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"a model behind a server needs the package {error.name!r}: pip install 'oversight-envs[api]'"
        ) from error


def _check_file_handles(concurrency: int) -> None:
    """A connection is a file handle: more of them than the system gives would break in the middle of a run."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and concurrency > most - 64:
        raise ValueError(
            f"concurrency={concurrency}: this process may open {most} files, and each call needs one; give at most "
            f"{most - 64}, or raise the limit (ulimit -n)"
        )
