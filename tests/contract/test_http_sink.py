"""A server keeps the contract of every sink, and what the sink promises of servers that fail."""

import contextlib
import socket
import threading
from dataclasses import replace

import pytest
from faulty_proxy import FaultyProxy
from live_server import live_server
from repositories import registered_in, reported_in
from thread_server import thread_server
from waiting import wait_until

from modelwatch.client.connection import Patience
from modelwatch.config.load import load
from modelwatch.core.entities import Amendment, Storage
from modelwatch.core.errors import PermanentError, TransientError
from modelwatch.repository.layout import STAGED_UPLOAD, STAGING
from modelwatch.server.accounts.entities import Scope
from modelwatch.server.accounts.principal import operator
from modelwatch.sinks.http import HttpSink
from modelwatch.sinks.opening import open_sinks, options_for, repository_of
from modelwatch.testing.sink_contract import SinkContract, make_metric, make_registration, make_report, make_snapshot

BY = operator("tests")


@pytest.fixture
def server(tmp_path):
    """A server without accounts."""
    with thread_server(tmp_path / "repository") as server:
        yield server


@pytest.fixture
def proxy(server):
    """A proxy before it."""
    with FaultyProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def open_sink():
    """Return a function that makes a sink of team default, to be closed afterwards."""
    with contextlib.ExitStack() as stack:

        def make(url, key=None, **keywords):
            sink = HttpSink(url, "default", key, **keywords)
            stack.callback(sink.close)
            return sink

        yield make


@pytest.fixture
def snapshot(tmp_path):
    """Two files."""
    return make_snapshot(tmp_path / "snapshot", {"data": b"weights" * 1000, "nested/index": b"index"})


class TestHttpSink(SinkContract):
    """The shared suite on a server, which only this machine reaches and which has no accounts."""

    @pytest.fixture(autouse=True)
    def _serve(self, tmp_path):
        with thread_server(tmp_path / "repository") as server, contextlib.ExitStack() as stack:
            self._url, self._stack = server.url, stack
            yield

    def make_sink(self, tmp_path):
        """Return a sink on the test's server."""
        sink = HttpSink(self._url, "default")
        self._stack.callback(sink.close)
        return sink

    def registered(self, tmp_path):
        """Read the folder behind the server."""
        return registered_in(tmp_path / "repository")

    def reported(self, tmp_path):
        """Read the folder behind the server."""
        return reported_in(tmp_path / "repository")


# ----------------------------------------------------------------------------------------------------------------- its name


def test_the_options_that_a_name_tells_lead_to_the_same_sink():
    """The journal keeps the name of a sink, and a command that is given what it tells reaches that sink's deliveries."""
    name = HttpSink("HTTPS://Models.Example.org:443/below/", "team #1").name
    assert name == "http:https://models.example.org/below#team #1"
    given = options_for(name)
    assert given == ["--repository", "https://models.example.org/below", "--team", "team #1"]
    settings = load({"repository": given[1:2], "team": given[3:4]}, {}, "/").settings
    (sink,) = open_sinks(settings)
    assert sink.name == name
    assert repository_of(name) == "https://models.example.org/below"


# ------------------------------------------------------------------------------------------------------------------ content


def test_a_reference_sends_no_bytes(server, open_sink, snapshot):
    """Where the files are is registered, and they stay there."""
    registration = replace(make_registration(snapshot.manifest), storage=Storage.REFERENCE, source=snapshot.folder)
    open_sink(server.url).register(registration, None)
    assert not list((server.root / "blobs").rglob("*"))
    assert len(registered_in(server.root)) == 1


def test_content_that_the_team_has_is_not_sent_again(proxy, open_sink, tmp_path):
    """The next checkpoint with the same large file costs no more than its small ones."""
    shared = b"frozen" * 200_000
    sink = open_sink(proxy.url)
    for step in (1, 2):
        before = proxy.sent
        snapshot = make_snapshot(tmp_path / str(step), {"frozen": shared, "head": b"head %d" % step})
        sink.register(make_registration(snapshot.manifest, step=step), snapshot)
    assert proxy.sent - before < 20_000


def test_names_of_any_bytes_arrive(server, open_sink, tmp_path):
    """A file's name that is not UTF-8, and a model's with slashes and spaces, are the same behind the server."""
    name = b"caf\xe9/\xff %2F".decode("utf-8", "surrogateescape")
    snapshot = make_snapshot(tmp_path / "snapshot", {name: b"x"})
    open_sink(server.url).register(make_registration(snapshot.manifest, model="a/b c?#é"), snapshot)
    ((model, _, manifest, _),) = registered_in(server.root)
    assert (model, [entry.path for entry in manifest.entries]) == ("a/b c?#é", [name])


# ----------------------------------------------------------------------------------------------------------- broken networks


@pytest.mark.parametrize(
    "losing", [b"PUT /api/v1/teams/default/registrations", b"POST /api/v1/teams/default/uploads", b"PATCH /api/v1/teams/default"]
)
def test_a_lost_answer_makes_no_second_version(server, proxy, open_sink, snapshot, losing):
    """Whichever request's answer is lost, once and again, there is one version, and the receipt is that of it."""
    proxy.losing = [losing] * 3
    sink, registration = open_sink(proxy.url), make_registration(snapshot.manifest)
    for _ in range(4):
        with contextlib.suppress(TransientError):
            receipt = sink.register(registration, snapshot)
            break
    assert proxy.lost >= 2
    assert receipt.version == "1"
    assert len(registered_in(server.root)) == 1


def test_a_lost_answer_amends_once(server, proxy, open_sink, snapshot):
    """The amendment is told again, and changes nothing the second time."""
    sink, registration = open_sink(proxy.url), make_registration(snapshot.manifest)
    receipt = sink.register(registration, snapshot)
    proxy.losing = [b"PUT /api/v1/teams/default/amendments"]
    metrics = (make_metric("accuracy", 0.9),)
    assert sink.amend(Amendment("default", "digits", registration.key, metrics)) == receipt
    assert proxy.lost == 1
    assert [shown[3] for shown in registered_in(server.root)] == [metrics]


def test_an_upload_goes_on_where_its_connection_broke(server, proxy, open_sink, tmp_path):
    """Of 24 MB that are cut off three times, no more than what was on its way is sent again."""
    size = 24 << 20
    snapshot = make_snapshot(tmp_path / "snapshot", {"data": b"%07d\n" % 7 * (size // 8)})
    proxy.cuts = [5 << 20, 6 << 20, 7 << 20]
    receipt = open_sink(proxy.url).register(make_registration(snapshot.manifest), snapshot)
    assert proxy.cuts == []
    assert receipt.version == "1"
    assert size < proxy.sent < size + (12 << 20)


def test_a_slow_server_is_waited_for(server, proxy, open_sink, snapshot):
    """Slow is not dead."""
    proxy.delay_seconds = 0.3
    sink = open_sink(proxy.url, patience=Patience(connect=5, answer=10))
    assert sink.register(make_registration(snapshot.manifest), snapshot).version == "1"


def test_a_server_that_stops_to_answer_is_given_up(server, proxy, open_sink, snapshot):
    """After the time that it may take, to be tried again later."""
    proxy.delay_seconds = 3
    sink = open_sink(proxy.url, patience=Patience(connect=5, answer=0.2))
    with pytest.raises(TransientError, match="too long"):
        sink.register(make_registration(snapshot.manifest), snapshot)


def test_closing_ends_what_is_being_sent(open_sink, snapshot):
    """An agent that must end does not wait for a server that has stopped to answer."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = open_sink(f"http://127.0.0.1:{silent.getsockname()[1]}")
        told = []

        def register():
            try:
                sink.register(make_registration(snapshot.manifest), snapshot)
            except TransientError as error:
                told.append(error.message)

        thread = threading.Thread(target=register)
        thread.start()
        with silent.accept()[0] as accepted:
            wait_until(lambda: accepted.recv(1, socket.MSG_PEEK))
            sink.close()
            thread.join(30)
    assert len(told) == 1
    assert "broken off" in told[0]


def uploaded(staged):
    """Return how many bytes of an upload a server has."""
    return sum(path.stat().st_size for path in staged.glob(f"{STAGED_UPLOAD}*"))


def test_a_killed_server_goes_on_with_the_upload(tmp_path, open_sink):
    """Killed in the middle of an upload and started again, it asks for no byte that it had, and makes one version."""
    size = 32 << 20
    snapshot = make_snapshot(tmp_path / "snapshot", {"data": b"%07d\n" % 7 * (size // 8)})
    with live_server(tmp_path) as server:
        port = int(server.url.rpartition(":")[2])
        with FaultyProxy(port) as proxy:
            sink, registration = open_sink(proxy.url), make_registration(snapshot.manifest)
            staged = tmp_path / "repository" / STAGING
            killer = threading.Thread(target=lambda: (wait_until(lambda: uploaded(staged) > 8 << 20), server.kill()))
            killer.start()
            with contextlib.suppress(TransientError):
                sink.register(registration, snapshot)
            killer.join()
            before, had = proxy.sent, uploaded(staged)
            server.start(port=port)
            receipt = sink.register(registration, snapshot)
            assert (receipt.version, len(registered_in(tmp_path / "repository"))) == ("1", 1)
            assert proxy.sent - before < size - had + (1 << 20)  # the rest, and what is said around it


# --------------------------------------------------------------------------------------------------------------------- keys


def test_a_wrong_key_is_kept_and_tried_again_later(server, open_sink, snapshot):
    """Somebody can mend it: it is told what to do, and asked again after minutes; with the right key it works."""
    server.services.accounts.make_key("default", "agent", Scope.WRITE, by=BY)
    reader = server.services.accounts.make_key("default", "page", Scope.READ, by=BY).text
    writer = server.services.accounts.make_key("default", "agent", Scope.WRITE, by=BY).text
    registration = make_registration(snapshot.manifest)
    for key in (None, "mw_wrong", reader):
        sink = open_sink(server.url, key)
        attempts = (lambda: sink.register(registration, snapshot), lambda: sink.report(make_report()), sink.check)  # noqa: B023 - called at once
        for attempt in attempts:
            with pytest.raises(TransientError) as caught:
                attempt()
            assert caught.value.retry_after_seconds == 300
            assert caught.value.hint
            assert "mw_wrong" not in str(caught.value)
    sink = open_sink(server.url, writer)
    assert "key" in sink.check()
    assert sink.register(registration, snapshot).version == "1"


def test_a_team_that_is_not_there_may_come(server, open_sink, snapshot):
    """An admin can make it."""
    key = server.services.accounts.make_key("default", "agent", Scope.WRITE, by=BY).text
    sink = open_sink(server.url, key)
    with pytest.raises(TransientError, match="team 'other'") as caught:
        sink.register(replace(make_registration(snapshot.manifest), team="other"), snapshot)
    assert caught.value.retry_after_seconds == 300


def test_another_program_at_the_address_is_told(snapshot, open_sink):
    """Whatever it answers, the version is kept."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:

        def greet():
            for _ in range(2):
                with stranger.accept()[0] as connection:
                    connection.recv(1 << 16)
                    connection.sendall(b"220 mail.example.org ESMTP\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(TransientError, match=r"127\.0\.0\.1"):
            open_sink(f"http://127.0.0.1:{stranger.getsockname()[1]}").register(make_registration(snapshot.manifest), snapshot)
        thread.join()


def test_a_snapshot_of_other_files_is_refused(server, open_sink, snapshot, tmp_path):
    """Before anything is sent."""
    other = make_snapshot(tmp_path / "other", {"data": b"x"})
    with pytest.raises(PermanentError, match="not of the files"):
        open_sink(server.url).register(make_registration(other.manifest), snapshot)
