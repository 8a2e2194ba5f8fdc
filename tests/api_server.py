"""An OpenAI-compatible server on 127.0.0.1 that answers as a model would, and fails as servers do.

Its answers depend on the request alone. ``faults`` says, for each request in turn, what goes wrong with it.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "test-model"
KEY = "sk-secret-key-of-the-tests"
CONTEXT = 20_000
"""Characters that the model reads."""

Fault = str | None
FAULTS = ("500", "429", "cut", "half", "no json", "no choices", "drip", "hang")


class ApiServer(ThreadingHTTPServer):
    """``requests`` are the bodies that came; ``served`` those that were answered well, in the order of the answers."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.served: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.fault: Callable[[int, dict[str, Any]], Fault] = lambda number, body: None
        self.words: Callable[[dict[str, Any]], str] = said
        self.message: dict[str, Any] = {}
        """What else each message has, or has otherwise."""
        self.finish = "stop"
        self.complaint = "worker died"
        """What it says where it fails."""
        self.logprobs = True
        self.ends: Callable[[dict[str, Any]], bool] = lambda body: False
        """Whether the model draws the end of its answer as its first token."""
        self.needs_key = False
        self.seconds = 0.0
        """How long each answer takes."""
        self.together = self.most = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def spec(self) -> str:
        return f"openai:{MODEL}@{self.url}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is no news."""


@contextmanager
def api_server() -> Iterator[ApiServer]:
    server = ApiServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def digest(body: Any) -> int:
    return int.from_bytes(blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=4).digest(), "big")


def said(body: dict[str, Any]) -> str:
    """Some words that depend on all that was asked, the seed too."""
    return f"As I see it, {digest(body)}."


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ApiServer

    def log_message(self, *args: Any) -> None: ...

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "us"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            number = len(server.requests)
            server.requests.append(body)
            server.keys.add(self.headers.get("Authorization", ""))
            server.together += 1
            server.most = max(server.most, server.together)
        time.sleep(server.seconds)
        try:
            self._answer(number, body)
        finally:
            with server.lock:
                server.together -= 1

    def _answer(self, number: int, body: dict[str, Any]) -> None:
        server = self.server
        if server.needs_key and self.headers["Authorization"] != f"Bearer {KEY}":
            given = self.headers["Authorization"]
            return self._refuse(401, f"Incorrect API key provided: {given}", "invalid_api_key")
        if body["model"] != MODEL:
            return self._refuse(404, f"The model `{body['model']}` does not exist", "model_not_found")
        size = sum(len(message["content"]) for message in body["messages"])
        if size > CONTEXT:
            return self._refuse(400, f"This model's maximum context length is {CONTEXT} tokens.", "")
        fault = server.fault(number, body)
        if fault == "500":
            return self._refuse(500, server.complaint, "")
        if fault == "429":
            return self._send(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.02"})
        if fault == "hang":
            time.sleep(1)
            return None
        answer = json.dumps(self._completion(body)).encode()
        if fault == "no json":
            answer = b"<html>gateway</html>"
        elif fault == "no choices":
            answer = json.dumps({**self._completion(body), "choices": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        if fault in ("cut", "half"):
            if fault == "half":
                self.end_headers()
                self.wfile.write(answer[: len(answer) // 2])
            self.close_connection = True
            self.connection.close()
            return None
        self.end_headers()
        if fault == "drip":
            for byte in answer[:12]:
                time.sleep(0.08)
                self.wfile.write(bytes([byte]))
            self.close_connection = True
            return None
        self.wfile.write(answer)
        if fault is None:
            with server.lock:
                server.served.append(body)
        return None

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        text = self.server.words(body)
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": self.server.finish,
            "message": {"role": "assistant", "content": text, **self.server.message},
        }
        if body.get("logprobs") and self.server.logprobs:
            choice["logprobs"] = {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": candidates(body)}]}
            if self.server.ends(body):
                choice["message"]["content"], choice["logprobs"] = "", {"content": []}
        tokens_in = sum(len(message["content"]) for message in body["messages"]) // 4
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": f"{MODEL}-v2",
            "choices": [choice],
            "usage": {
                "prompt_tokens": tokens_in,
                "completion_tokens": 10,
                "total_tokens": tokens_in + 10,
                "prompt_tokens_details": {"cached_tokens": 8},
            },
        }

    def _refuse(self, status: int, message: str, code: str) -> None:
        self._send(status, {"error": {"message": message, "type": "error", "code": code}})

    def _send(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def candidates(body: dict[str, Any]) -> list[dict[str, Any]]:
    """First tokens with log-probabilities that depend on the messages: labels in two spellings each, and others."""
    first = 0.2 + 0.6 * (digest(body["messages"]) % 1000) / 1000
    yes_no = "Yes" in body["messages"][-1]["content"]
    one, other = ("Yes", "no") if yes_no else ("A", "B")
    shares = {one: first * 0.6, f" {one}": first * 0.3, other: (1 - first) * 0.9, "The": 0.05}
    return [{"token": token, "logprob": math.log(share), "bytes": None} for token, share in shares.items()]
