"""``openai:MODEL?OPTIONS@URL``: which model, behind which address, asked how. Secrets in a URL are never shown."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from oversight_envs.models.options import read_options

PREFIX = "openai:"
DEFAULT_URL = "https://api.openai.com/v1"
DEFAULT_URL_VARIABLE = "OPENAI_BASE_URL"
SETTINGS = ("context_length", "concurrency", "timeout", "max_retries")
"""Options of a spec that are ours; every other one is a field of each request."""

_SPEC = re.compile(r"openai:(?P<model>.+?)(?:@(?P<url>https?://.*))?", re.DOTALL | re.IGNORECASE)
_HOST = re.compile(r".*@[\w.-]+(?::\d+)?(?:/.*)?", re.DOTALL)
MEMBER = re.compile(r"\+(?=(?:llama|logit|openai|panel|reasoning|reward-model|sampled|stated|vllm):)")
"""Where a further member begins in the name of a panel (``judges/registry.py``): a URL before it ends there."""

_URL = re.compile(r"https?://[^\s'\"]+", re.IGNORECASE)


def is_api_spec(spec: str) -> bool:
    """Whether this names a model behind a server."""
    return spec.startswith(PREFIX)


def parse_spec(spec: str) -> tuple[str, str | None, dict[str, Any]]:
    """Model, URL (None: the default one) and options. Raises ValueError for a spec that names none."""
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ValueError(f"{without_secrets(spec)!r}: write openai:MODEL or openai:MODEL@http://host:port/v1")
    model, url = match["model"], match["url"]
    if url is None and _HOST.fullmatch(model):
        raise ValueError(
            f"{spec!r}: an address begins with http:// or https://, as in openai:MODEL@http://host:port/v1"
        )
    if url is not None:
        check_url(url)
    model, mark, written = model.partition("?")
    return model, url, _options(spec, written) if mark else {}


def _options(spec: str, written: str) -> dict[str, Any]:
    options = read_options(written)
    if options is None:
        raise ValueError(
            f"{without_secrets(spec)!r}: behind the ? give options, as in openai:MODEL?context_length=8192&top_k=0@URL"
        )
    for key in options:
        if key not in SETTINGS and (close := get_close_matches(key.replace("-", "_"), SETTINGS, n=1, cutoff=0.75)):
            raise ValueError(f"{without_secrets(spec)!r}: {key}: did you mean {close[0]}?")
    return options


def check_url(url: str) -> None:
    """Raises ValueError for what can't be a server's address."""
    shown = without_secrets(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"url={shown!r}: {error}; give http://host:port/v1") from None
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(f"url={shown!r}: give http://host:port/v1 or https://host/v1")
    if not parts.path.strip("/"):
        raise ValueError(f"url={shown!r} has no path: most servers answer under /v1, so give {shown.rstrip('/')}/v1")
    if parts.path.rstrip("/").endswith("/chat/completions"):
        raise ValueError(f"url={shown!r}: leave /chat/completions out; the client adds it")


def default_url() -> str:
    """Where models are that no address is given for: ``OPENAI_BASE_URL``, else OpenAI itself."""
    return os.environ.get(DEFAULT_URL_VARIABLE) or DEFAULT_URL


def without_secrets(text: str) -> str:
    """``text`` with each URL in it cut to scheme, host, port and path: no user, password, query or fragment."""
    return "+".join([_URL.sub(lambda match: _bare(match[0]), part) for part in MEMBER.split(text)])


def _bare(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # it is no URL; what it hides can't be told
        return f"{url.partition('://')[0]}://…"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
