"""The server killed at random while agents register and people upload: nothing that it acknowledged is lost, and nothing is there twice."""

import hashlib
import itertools
import json
import os
import random
import shutil
import threading
from dataclasses import replace

import pytest
import requests
from hypothesis import settings
from live_server import LiveServer

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry
from modelwatch.testing.sink_contract import make_registration

KILLS = 200 if settings.default.max_examples > 1000 else 6  # `make soak`
WRITERS = 4
_TEAM = "/api/v1/teams/default"
_ATTEMPT_SECONDS = 20


class Writer:
    """
    Registers one version after the other, each until it is acknowledged.

    Args:
        server: Whom it writes to; its address stays the same.

        number: Which of the writers.

        stop: Set when no further version is to be begun.
    """

    def __init__(self, server, number, stop):
        self.acknowledged = {}
        self.error = None
        self._server = server
        self._number = number
        self._stop = stop
        self._session = requests.Session()
        self._random = random.Random(number)
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            for step in itertools.count():
                if self._stop.is_set():
                    return
                self._register(step)
        except BaseException as error:
            self.error = error
            raise
        finally:
            self._session.close()

    def _register(self, step):
        content = self._random.randbytes(self._random.choice([10, 3_000, 400_000]))
        manifest = Manifest((ManifestEntry("data", len(content), Digest.of_bytes(content)),))
        registration = replace(
            make_registration(manifest, model=f"model-{self._number % 2}", step=step), root=f"{self._number}-{step}"
        )
        while True:
            try:
                receipt = self._attempt(registration, content)
            except requests.RequestException:
                self._stop.wait(0.02)  # the server is being started again
                continue
            if receipt is not None:
                self.acknowledged[registration.key] = (receipt["model"], receipt["version"], hashlib.sha256(content).hexdigest())
                return

    def _attempt(self, registration, content):
        """Upload and register; return the receipt, None when it has to be done again."""
        entry = registration.manifest.entries[0]
        begun = self._send("POST", f"{_TEAM}/uploads", json={"digest": str(entry.digest), "size": entry.size})
        if begun.status_code == 201:
            done = self._send("PATCH", begun.headers["Location"], data=content, headers={"Upload-Offset": "0"})
            if done.status_code != 200:
                return None
        elif begun.status_code != 200:
            return None
        body = json.dumps(registration.to_json())
        registered = self._send("PUT", f"{_TEAM}/registrations/{registration.key}", data=body)
        assert registered.status_code in {200, 409, 503}, registered.text
        return registered.json() if registered.status_code == 200 else None

    def _send(self, method, path, **more):
        return self._session.request(method, self._server.url + path, timeout=_ATTEMPT_SECONDS, **more)


def _versions(server, model):
    found, cursor = [], ""
    while cursor is not None:
        page = server.json(f"{_TEAM}/models/{model}/versions?limit=500&order=ascending{cursor}")
        found += page["versions"]
        cursor = page["next"] and f"&cursor={page['next']}"
    return found


@pytest.mark.timeout(900)
def test_what_was_acknowledged_is_there_once_and_whole(tmp_path):
    """However often the server is killed; and its index is the one that it would build anew."""
    server = LiveServer(tmp_path / "repository", tmp_path / "server.log")
    server.start()
    port = int(server.url.rpartition(":")[2])
    stop, between = threading.Event(), threading.Event()
    writers = [Writer(server, number, stop) for number in range(WRITERS)]
    for writer in writers:
        writer.thread.start()
    draw = random.Random(os.urandom(8))
    try:
        for _ in range(KILLS):
            between.wait(draw.uniform(0.0, 0.6))
            server.kill()
            server.start(port=port)
    finally:
        stop.set()
        for writer in writers:
            writer.thread.join()
    assert [writer.error for writer in writers] == [None] * WRITERS
    acknowledged = {key: told for writer in writers for key, told in writer.acknowledged.items()}
    assert len(acknowledged) >= WRITERS
    kept = {}
    for model in sorted({model for model, _, _ in acknowledged.values()}):
        kept[model] = _versions(server, model)
        keys = [version["key"] for version in kept[model]]
        assert len(keys) == len(set(keys))
        assert [version["version"] for version in kept[model]] == list(range(1, len(keys) + 1))
    by_key = {version["key"]: (model, version) for model, versions in kept.items() for version in versions}
    for key, (model, number, digest) in acknowledged.items():
        found_model, found = by_key[key]
        assert (found_model, str(found["version"])) == (model, number)
        _, body = server.get(f"{_TEAM}/models/{model}/versions/{number}/files/data")
        assert hashlib.sha256(body).hexdigest() == digest
    server.stop()
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        (server.repository / "server" / name).unlink(missing_ok=True)
    server.start()
    assert {model: _versions(server, model) for model in kept} == kept
    assert server.stop() == 0
    shutil.rmtree(tmp_path / "repository")
