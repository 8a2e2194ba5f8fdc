"""Drives headless Chromium through the pipe of its DevTools protocol: no further package is needed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions")


class Chromium:
    """A browser with one page. ``call`` is any method of the protocol; ``value`` evaluates JavaScript in the page."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = os.fdopen(read, "rb"), os.fdopen(write, "wb")
        self._left, self._count, self._session = b"", 0, ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")

    def call(self, method: str, **params: Any) -> Any:
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def value(self, expression: str) -> Any:
        """What the expression comes to; a promise is awaited."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def open(self, url: str, *, width: int = 1200, height: int = 900) -> None:
        """Goes to a page and waits until it has loaded."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=url)
        while self.value("document.readyState + location.protocol") != "completefile:":
            time.sleep(0.01)

    def until(self, expression: str, seconds: float = 60.0) -> float:
        """How long it takes until the expression is true, in seconds. Raises TimeoutError."""
        started = time.perf_counter()
        while not self.value(expression):
            if time.perf_counter() - started > seconds:
                raise TimeoutError(f"not true after {seconds} s: {expression}")
            time.sleep(0.01)
        return time.perf_counter() - started

    def _next(self) -> Any:
        while b"\0" not in self._left:
            read = self._read.read1(1 << 20)
            if not read:
                raise RuntimeError("the browser has gone")
            self._left += read
        message, self._left = self._left.split(b"\0", 1)
        return json.loads(message)


@contextlib.contextmanager
def chromium() -> Iterator[Chromium]:
    """A fresh browser, closed at the end. Raises FileNotFoundError where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise FileNotFoundError("there is no chromium here: apt-get install chromium")
    there, write = os.pipe()
    read, back = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # the browser reads its file 3 and writes its file 4
        script = f'exec "$@" 3<&{there} 4>&{back}'
        options = [*OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={profile}"]
        process = subprocess.Popen(
            ["bash", "-c", script, "-", program, *options], pass_fds=(there, back), stderr=subprocess.DEVNULL
        )
        os.close(there)
        os.close(back)
        try:
            browser = Chromium(read, write)
            yield browser
            browser.call("Browser.close")
        finally:
            process.terminate()
            process.wait()
