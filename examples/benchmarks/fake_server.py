"""A server that speaks OpenAI's chat protocol and has no model: what it answers is derived from what it is asked.

It takes as long as it is told to, fails as often as it is told to, and logs every answer that it gave whole. Made for
``servers.py``, which runs it in a process of its own; on raw asyncio, so that it is never the bottleneck.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import sys
from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

MODEL = "fake-model"
FAULTS = ("500", "429", "cut", "half", "no JSON")


@dataclass(frozen=True)
class Behaviour:
    """``seconds`` is how long an answer takes: always, or (``sigma``) the median of a log-normal distribution, drawn by
    the request alone. ``faults`` is the share of requests that fail, each in one of the ways of ``FAULTS``."""

    seconds: float = 0.0
    sigma: float = 0.0
    faults: float = 0.0


def digest(value: Any) -> int:
    return int.from_bytes(blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).digest(), "big")


def speech(messages: list[dict[str, str]], seed: int) -> str:
    """What is said: it can be told whether it was said in this conversation and under this seed."""
    return f"As I see it, {digest(messages):016x} under {seed}."


def first_share(messages: list[dict[str, str]]) -> float:
    """The probability of A as the first token."""
    return 0.1 + 0.8 * (digest(messages) % 1000) / 1000


def seconds(behaviour: Behaviour, body: dict[str, Any]) -> float:
    """How long the answer to this request takes."""
    draw = random.Random(digest([body["messages"], body["seed"]])).gauss(0.0, 1.0)
    return behaviour.seconds * math.exp(behaviour.sigma * draw)


class Server:
    """What all connections share."""

    def __init__(self) -> None:
        self.behave(Behaviour())

    def behave(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.rng = random.Random(0)
        self.given: Counter[str] = Counter()
        """Answers that were sent whole, by conversation and seed."""
        self.requests = self.faults = self.together = self.most = 0

    def log(self) -> dict[str, Any]:
        counts = {name: getattr(self, name) for name in ("requests", "faults", "most")}
        return {**counts, "given": dict(self.given)}


class Connection(asyncio.Protocol):
    """One connection: requests come one after another, as HTTP/1.1 clients send them."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.read = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data
        head, blank, rest = self.read.partition(b"\r\n\r\n")
        if not blank:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if len(rest) < length:
            return
        self.read = rest[length:]
        path = head.split(b" ", 2)[1]
        if path.endswith(b"/chat/completions"):
            self.take(json.loads(rest[:length]))
        elif path == b"/behave":
            self.server.behave(Behaviour(**json.loads(rest[:length])))
            self.send({})
        else:
            self.send(self.server.log())

    def take(self, body: dict[str, Any]) -> None:
        server = self.server
        server.requests += 1
        server.together += 1
        server.most = max(server.most, server.together)
        fails = server.rng.random() < server.behaviour.faults
        fault = FAULTS[server.faults % len(FAULTS)] if fails else None
        server.faults += fails
        asyncio.get_running_loop().call_later(seconds(server.behaviour, body), self.answer, body, fault)

    def answer(self, body: dict[str, Any], fault: str | None) -> None:
        server = self.server
        server.together -= 1
        if self.transport.is_closing():
            return None
        if fault == "500":
            return self.send({"error": {"message": "worker died"}}, "500 Internal Server Error")
        if fault == "429":
            return self.send({"error": {"message": "slow down"}}, "429 Too Many Requests", "Retry-After: 0.1\r\n")
        if fault == "no JSON":
            return self.write(b"<html>gateway</html>", "200 OK")
        if fault == "cut":
            return self.transport.abort()
        answer = json.dumps(completion(body)).encode()
        if fault == "half":
            self.write(answer[: len(answer) // 2], "200 OK", length=len(answer))
            return self.transport.close()
        server.given[key(body["messages"], body["seed"])] += 1
        return self.write(answer, "200 OK")

    def send(self, data: Any, status: str = "200 OK", headers: str = "") -> None:
        self.write(json.dumps(data).encode(), status, headers)

    def write(self, content: bytes, status: str, headers: str = "", length: int | None = None) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}"
        head += f"Content-Length: {len(content) if length is None else length}\r\n\r\n"
        self.transport.write(head.encode() + content)


def key(messages: list[dict[str, str]], seed: int) -> str:
    return f"{digest(messages):016x} {seed}"


def completion(body: dict[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}
    if body.get("logprobs"):
        p = first_share(body["messages"])
        top = [{"token": "A", "logprob": math.log(p)}, {"token": "B", "logprob": math.log(1 - p)}]
        choice["message"]["content"] = "A"
        choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    else:
        choice["message"]["content"] = speech(body["messages"], body["seed"])
    tokens = {"prompt_tokens": 500, "completion_tokens": 20, "total_tokens": 520}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice], "usage": tokens}


async def serve() -> None:
    """Serves on a free port, which is printed, until stdin ends."""
    server = Server()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", 0, backlog=1024)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    listening.close()


if __name__ == "__main__":
    asyncio.run(serve())
