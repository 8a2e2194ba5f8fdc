"""The server of ``api_server.py`` as a fixture, and a client that waits less between its attempts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from api_server import ApiServer, api_server

openai = pytest.importorskip("openai")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.05)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OVERSIGHT_ENVS_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with api_server() as server:
        yield server
