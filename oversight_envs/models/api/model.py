"""One model behind a server: what is asked of it, in bounded numbers, again where that can help, and kept.

Time-outs, retries with backoff and jitter, and ``Retry-After`` are the ``openai`` client's own. Two things are added: a
response must have arrived whole within the time-out (a client's own runs anew with each byte), and one that is no chat
completion counts as a connection that broke, so that the client asks again.
"""

from __future__ import annotations

import asyncio
import atexit
import importlib
import json
import os
import re
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit
from weakref import WeakKeyDictionary, finalize

from oversight_envs.core.checks import at_least, positive, storable
from oversight_envs.core.players import CannotPlay, PlayerError
from oversight_envs.core.prompt import Prompt
from oversight_envs.core.usage import Spent
from oversight_envs.models.api.address import PREFIX, check_url, default_url, is_api_spec, parse_spec, without_secrets
from oversight_envs.models.api.answers import ChatAnswer, Malformed, read_response
from oversight_envs.models.api.budget import Budget
from oversight_envs.models.api.cache import AnswerCache
from oversight_envs.models.api.marks import parted
from oversight_envs.models.requests import PromptTooLong, check_sampling

KEY_VARIABLE = "OPENAI_API_KEY"
"""Where the key for the default address is, OpenAI's or that of ``OPENAI_BASE_URL``."""
OWN_KEY_VARIABLE = "OVERSIGHT_ENVS_API_KEY"
"""Where the key for an address in a spec is: the other key is nobody else's business."""
NO_KEY = "none"
"""What a server that needs no key is sent: the client insists on one."""

ANSWER = "oversight_envs.answer"
"""Where a response carries what was read of it."""
FEWEST_BYTES = 3
"""Bytes of a text for each of its tokens, at least: a server doesn't say how it counts, and English has 4 to 5."""

_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|context (?:length|size|window)"
    r"|maximum (?:model|context|prompt) length|longer than the (?:model|maximum)"
    r"|(?:prompt|input|request)\b.{0,60}\btoo (?:long|large)",
    re.IGNORECASE | re.DOTALL,
)
"""How servers say that a prompt is too long: OpenAI, vLLM, SGLang, llama.cpp and others."""

_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Any, asyncio.Semaphore]] = WeakKeyDictionary()
"""Loop -> model -> how many more calls it takes at once: players of one model share it."""


_open: WeakKeyDictionary[Any, asyncio.AbstractEventLoop] = WeakKeyDictionary()
"""The clients that have connections, with their loops."""


class ApiModel:
    """A model behind a server.

    Args:
        model: its name, as the server knows it; or a whole spec, ``openai:MODEL?OPTIONS@URL``. Options are
            ``context_length``, ``concurrency``, ``timeout`` and ``max_retries``, and fields of ``request``.
        url: the server, up to ``/v1``; None: ``OPENAI_BASE_URL``, else OpenAI. User, password and query are sent and
            never shown or stored.
        api_key: None takes it from the environment at each call: from ``OPENAI_API_KEY`` where no URL was given, else
            from ``OVERSIGHT_ENVS_API_KEY``. It is never shown, stored or pickled.
        concurrency: how many calls are on their way at once; None: 32, or what ``take_at_once`` says later.
        timeout: seconds until an attempt is given up.
        max_retries: further attempts after a fault that may pass, with growing pauses.
        request: further fields of each request (``{"reasoning_effort": "low"}``).
        context_length: how many tokens it can read and write. Servers don't say; where it is given, passages are cut to
            it (on the command line, and by ``fit_passage``), and an answer that took more is none.
        cache: where answers are kept and looked up (a path, or an ``AnswerCache``); None: nowhere.
        budget: what may be spent; None: no limit.
    """

    def __init__(
        self,
        model: str,
        url: str | None = None,
        *,
        api_key: str | None = None,
        concurrency: int | None = None,
        timeout: float = 120.0,
        max_retries: int = 5,
        request: Mapping[str, Any] | None = None,
        context_length: int | None = None,
        cache: AnswerCache | str | Path | None = None,
        budget: Budget | None = None,
    ) -> None:
        if is_api_spec(model) and url is None:
            model, url, options = parse_spec(model)
            concurrency, timeout = options.pop("concurrency", concurrency), options.pop("timeout", timeout)
            max_retries = options.pop("max_retries", max_retries)
            context_length = options.pop("context_length", context_length)
            request = {**(request or {}), **options}
        if not model:
            raise ValueError("model='': give the name of a model")
        if url is not None:
            check_url(url)
        self._bounded = concurrency is not None
        concurrency = 32 if concurrency is None else concurrency
        at_least("concurrency", concurrency, 1)
        check_file_handles(concurrency)
        at_least("max_retries", max_retries, 0)
        positive("timeout", timeout)
        if context_length is not None:
            at_least("context_length", context_length, 1)
        storable("request", dict(request or {}))
        self.model, self.concurrency, self.timeout, self.max_retries = model, concurrency, timeout, max_retries
        self.request, self.context_length = dict(request or {}), context_length
        self.cache = cache if isinstance(cache, AnswerCache | None) else AnswerCache(cache)
        self.budget = budget
        self._url, self._api_key = url, api_key
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[str, str, Any]] = WeakKeyDictionary()

    @property
    def url(self) -> str:
        """The server's address, without secrets."""
        return _shown(self._url or default_url())

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

    def take_at_once(self, calls: int) -> None:
        """Lets so many calls be on their way at once, unless the model was made with a number of its own."""
        if not self._bounded:
            self.concurrency = calls

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

        Raises PromptTooLong; CannotPlay where every call would fail alike (a wrong key, an unknown model, no
        log-probabilities, nothing left to spend); and PlayerError for whatever else keeps the server from answering.
        All name the model and the fix.
        """
        check_sampling(max_new_tokens, temperature, top_p)
        limit = "max_tokens" if self._url else "max_completion_tokens"  # OpenAI renamed it, others keep both or the old
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": message.role, "content": parted(message.content)} for message in prompt],
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
                async with self.budget.call(self.expects(prompt, max_new_tokens, bytes_per_token=FEWEST_BYTES)) as took:
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

    def error(self, what: str, kind: type[PlayerError] = PlayerError) -> PlayerError:
        """An error that names this model. No secret is in it, whatever a server wrote."""
        return kind(f"{self.name}: {self._safe(what)}")

    def _check(self, answer: ChatAnswer, top_logprobs: int) -> None:
        """Raises PlayerError for what is no answer to what was asked: it is neither used nor kept."""
        if self.context_length is not None and answer.tokens_in + answer.tokens_out > self.context_length:
            took = f"{answer.tokens_in} tokens read and {answer.tokens_out} written"
            raise PromptTooLong(f"{self.name}: the conversation is too long for {self.context_length} tokens ({took})")
        if top_logprobs:
            if answer.top is None:
                raise self._no_log_probs(kind=CannotPlay if answer.text else PlayerError)  # an empty answer has none
        elif answer.finish == "content_filter":
            raise self.error("the server's content filter stopped the answer")
        elif answer.finish == "length" and not answer.text.strip():
            raise self.error("it used up max_new_tokens before the first word of its answer (thinking?): give more")

    def _no_log_probs(self, said: str = "", kind: type[PlayerError] = CannotPlay) -> PlayerError:
        return self.error(
            f"the server gives no log-probabilities of its first token{f' ({said})' if said else ''}: judge by words "
            f"instead (stated:{self.name}) or by votes (sampled:{self.name}; after thinking: "
            f"reasoning:sampled:{self.name})",
            kind,
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
            # not through chat.completions: taking plain JSON for typed parameters would be half of a call's work
            response = await client.post("/chat/completions", body={**body, **self.request}, cast_to=_httpx().Response)
            answer: ChatAnswer = response.extensions[ANSWER]
            return answer
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
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
            # aiohttp: the default transport looks at all its connections at each call, most of a call's work at 256
            http = openai.DefaultAioHttpClient(
                limits=_httpx().Limits(max_connections=self.concurrency),
                event_hooks={"response": [partial(_arrived, self.timeout)]},
                auth=(user, password) if user or password else None,
            )
            client = openai.AsyncOpenAI(
                api_key=key,
                base_url=urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")),
                default_query=dict(parse_qsl(parts.query, keep_blank_values=True)) or None,
                timeout=self.timeout,
                max_retries=self.max_retries,
                http_client=http,
            )
            known = self._clients[loop] = url, key, client
            _close_later(self, client, loop)
        return known[2]

    def _key(self) -> str:
        if self._api_key is not None:
            return self._api_key
        if self._url is not None:
            return os.environ.get(OWN_KEY_VARIABLE) or NO_KEY
        key = os.environ.get(KEY_VARIABLE)
        if not key:
            what = f"no key: set {KEY_VARIABLE}, or give api_key=…, or the server that it is behind (@URL)"
            raise self.error(what, CannotPlay)
        return key

    def _unreached(self, error: Any) -> str:
        """Why no answer came at all."""
        cause, aiohttp = error.__cause__, importlib.import_module("aiohttp")
        if isinstance(cause and cause.__cause__, aiohttp.ClientError):
            cause = cause.__cause__  # what it was made into calls most of them a time-out
        tried = f"after {self.max_retries + 1} attempts"
        if isinstance(cause, aiohttp.ClientConnectorError):
            return f"no server answers at {self.url} ({cause}), {tried}: start it, or mend the address"
        if isinstance(cause, TimeoutError | _httpx().TimeoutException):
            return f"no answer within {self.timeout:g} s, {tried}: give a larger timeout, or ask for less at once"
        if isinstance(cause, _httpx().RemoteProtocolError):
            return f"the server's response is no chat completion, {tried}: {cause}"
        return f"the connection to {self.url} broke, {tried}: {cause or error}"

    async def _refusal(self, client: Any, error: Any, body: Mapping[str, Any]) -> PlayerError:
        """What a server's refusal means, and what to do."""
        said, status = _said(error), error.status_code
        if status in (400, 413, 422) and _TOO_LONG.search(said):
            fix = "" if self.context_length else ": passages are cut to openai:MODEL?context_length=TOKENS@URL"
            return PromptTooLong(f"{self.name}: the conversation is too long for it ({self._safe(said)}){fix}")
        if status in (401, 403):
            variable = OWN_KEY_VARIABLE if self._url else KEY_VARIABLE
            what = f"the server refuses the key ({status}): set {variable}, or give api_key=… ({said})"
            return self.error(what, CannotPlay)
        if status == 404:
            what = f"the server has no such model or address ({status}){await self._models(client)} ({said})"
            return self.error(what, CannotPlay)
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


async def _arrived(timeout: float, response: Any) -> None:
    """Reads a response whole. What is none counts as a fault on the way, after which the client asks again."""
    httpx = _httpx()
    try:
        async with asyncio.timeout(timeout):
            await response.aread()
    except TimeoutError:
        raise httpx.ReadTimeout("not whole in time", request=response.request) from None
    if response.status_code == 200 and response.request.method == "POST":
        streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        try:
            response.extensions[ANSWER] = read_response(response.text, streamed=streamed)
        except Malformed as error:
            raise httpx.RemoteProtocolError(str(error), request=response.request) from None


def _close_later(model: ApiModel, client: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Has the client's connections closed when its model is gone or the process ends: else aiohttp complains."""
    if not _open:
        atexit.register(_close_all)
    _open[client] = loop
    finalize(model, _close, client, loop).atexit = False


def _close(client: Any, loop: asyncio.AbstractEventLoop) -> Future[None] | None:
    return asyncio.run_coroutine_threadsafe(client.close(), loop) if loop.is_running() else None


def _close_all() -> None:
    for closing in [_close(client, loop) for client, loop in list(_open.items())]:
        if closing is not None:
            with suppress(Exception):
                closing.result(1)


@lru_cache
def _shown(url: str) -> str:
    return without_secrets(url)


def _httpx() -> Any:
    return importlib.import_module("httpx2")  # the client's own


def _said(error: Any) -> str:
    """What a server wrote: the client shows OpenAI's own form only, and others write ``{"detail": ...}`` or text."""
    body = error.body
    shown = isinstance(body, Mapping) and isinstance(body.get("message"), str)
    words = (error.code, error.type, error.message, "" if shown else str(body or "")[:300])
    return " ".join([str(word) for word in words if word])


def _openai() -> Any:
    try:
        importlib.import_module("aiohttp")  # which it would miss at the first call only
        return importlib.import_module("openai")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"a model behind a server needs the package {error.name!r}: pip install 'oversight-envs[api]'"
        ) from error


def check_file_handles(concurrency: int, clients: int = 1) -> None:
    """Raises ValueError for more calls at once, by each of so many clients, than this process may open connections.

    A connection is a file handle: more of them than the system gives would break in the middle of a run.
    """
    try:
        import resource
    except ImportError:  # not on Windows
        return
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    left = max(1, (most - 64) // clients)
    if most != resource.RLIM_INFINITY and concurrency > left:
        each = f"each call of {clients} models" if clients > 1 else "each call"
        raise ValueError(
            f"concurrency={concurrency}: this process may open {most} files, and {each} needs one; give at most "
            f"{left}, or raise the limit (ulimit -n)"
        )
