"""`modelwatch serve` as a process of its own, on a free port of this machine."""

import contextlib
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request

from waiting import wait_until

_SERVING = re.compile(r"serving url=(\S+)")
_LIMIT_SECONDS = 30.0


class LiveServer:
    """
    One server.

    Args:
        repository: Its folder, which is made when it is missing.

        log: A file for what it tells.

    Attributes:
        url: Where it is, once it was started.
    """

    def __init__(self, repository, log):
        self.repository = repository
        self.log = log
        self.url = None
        self.process = None

    def start(self, *options, port=0):
        """Start it and wait until it takes requests."""
        command = [sys.executable, "-m", "modelwatch", "serve", "--repository", str(self.repository)]
        command += ["--serverAddress", f"127.0.0.1:{port}", *options]
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(command, stdout=stream, stderr=stream)
        wait_until(lambda: self._told(begin) or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()
        self.url = self._told(begin)
        wait_until(self._answers)

    def _told(self, begin):
        found = _SERVING.search(self.log.read_bytes()[begin:].decode())
        return found[1] if found else None

    def _answers(self):
        with contextlib.suppress(OSError):
            return self.get("/healthz")[0] == 200
        return False

    def kill(self):
        """Kill it, as a crash does."""
        self.process.kill()
        self.process.wait(_LIMIT_SECONDS)

    def stop(self):
        """Ask it to end, and return its exit code."""
        if self.process is None:
            return None
        self.process.terminate()
        try:
            return self.process.wait(_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def request(self, method, path, body=None, headers=None):
        """Send a request; return its status, headers and body."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=_LIMIT_SECONDS) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def get(self, path, headers=None):
        """Return the status and the body of a GET."""
        status, _, body = self.request("GET", path, headers=headers)
        return status, body

    def json(self, path, headers=None):
        """Return the JSON value at a path, which must be there."""
        status, body = self.get(path, headers)
        assert status == 200, body
        return json.loads(body)


@contextlib.contextmanager
def live_server(folder, *options):
    """Give a server over ``folder``/repository; it is ended afterwards."""
    server = LiveServer(folder / "repository", folder / "server.log")
    server.start(*options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
