"""Requests to a server: who asks, what is told when it does not work, and that the key goes nowhere else."""

import socket
import ssl
import subprocess
import threading
import time
from email.utils import formatdate

import pytest
from scripted_server import Reply, ScriptedServer
from waiting import wait_until

from modelwatch import __version__
from modelwatch.client.connection import Connection, Patience
from modelwatch.core.errors import AccessError, NotFoundError, PermanentError, TransientError, UsageError

ERROR = {"error": {"code": "x", "message": "no such thing", "hint": "do this", "request_id": "1"}}
IMPATIENT = Patience(connect=5.0, answer=0.2)


@pytest.fixture
def closed_port():
    """The address of a port that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def always(*arguments, **keywords):
    """Return a script that gives the same reply to everyone."""
    return lambda _asked: Reply(*arguments, **keywords)


def get(server, **keywords):
    """Ask a scripted server for something."""
    with Connection(server.url, **keywords) as connection:
        return connection.request("GET", connection.path("teams", "t"))


# ------------------------------------------------------------------------------------------------------------------- asking


def test_a_request_says_who_asks(monkeypatch, tmp_path):
    """The key is a bearer token, the user agent names the program, and what ~/.netrc has for the host is not sent instead."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with ScriptedServer(always(body={})) as server:
        get(server, key="mw_key")
        get(server)
    with_key, without = server.asked
    assert with_key.headers["authorization"] == "Bearer mw_key"
    assert with_key.headers["user-agent"] == f"modelwatch/{__version__}"
    assert "authorization" not in without.headers


def test_what_a_proxy_serves_it_below_stays_in_every_path():
    """A part of a path may be any text, a slash and bytes that are no text among it."""
    with ScriptedServer(always(body={})) as server, Connection(f"{server.url}/models/") as connection:
        connection.request("GET", connection.path("teams", "a/b ü?\udcff"), query=[("name", "x&y"), ("name", "é")])
    assert server.asked[0].path == "/models/api/v1/teams/a%2Fb%20%C3%BC%3F%FF?name=x%26y&name=%C3%A9"


@pytest.mark.parametrize("part", ["", ".", ".."])
def test_no_name_leads_out_of_its_path(part):
    """What a path would swallow names nothing, and is not asked for."""
    with Connection("http://127.0.0.1:1") as connection, pytest.raises(NotFoundError):
        connection.path("teams", "t", "models", part)


def test_a_key_with_a_line_break_is_refused():
    """A file's last line break is no part of a key, and a header cannot hold one; the key is not repeated."""
    with pytest.raises(UsageError) as caught:
        Connection("http://example.org", "mw_secret\nX-Evil: 1")
    assert "mw_secret" not in str(caught.value)


def test_connections_are_kept():
    """The second request goes over the first one's connection."""
    with ScriptedServer(always(body={})) as server, Connection(server.url) as connection:
        for _ in range(3):
            connection.request("GET", connection.path("teams"))
        assert server.connections == 1


@pytest.mark.parametrize(("method", "requests"), [("GET", 2), ("PUT", 2), ("POST", 1), ("PATCH", 1)])
def test_only_what_may_be_repeated_is(method, requests):
    """A connection that breaks before the answer is tried once more, unless what is asked for would be done twice."""
    with ScriptedServer(always(0)) as server, Connection(server.url) as connection:
        with pytest.raises(TransientError, match="broke"):
            connection.request(method, connection.path("teams"), body={})
        assert len(server.asked) == requests


# ---------------------------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, UsageError, "no such thing"),
        (401, AccessError, "refuses: no such thing"),
        (403, AccessError, "refuses: no such thing"),
        (404, NotFoundError, "no such thing"),
        (409, PermanentError, "no such thing"),
        (413, PermanentError, "too large"),
        (421, TransientError, "no such thing"),
        (422, PermanentError, "no such thing"),
        (429, TransientError, "no such thing"),
        (500, TransientError, "no such thing"),
        (503, TransientError, "no such thing"),
    ],
)
def test_the_servers_errors_become_ours(status, kind, said):
    """Message and hint are the server's, and the kind says whether trying again can help."""
    with ScriptedServer(always(status, ERROR)) as server, pytest.raises(kind, match=said) as caught:
        get(server)
    assert caught.value.hint == "do this" or (status == 401 and "--apiKey" in caught.value.hint)


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"<html>nginx</html>"), (400, b""), (200, b"<html>hello</html>"), (404, b'{"error": "none"}'), (402, b"[]")],
)
def test_somebody_else_answering_is_no_final_word(status, body):
    """A proxy or another program at the address: its address is in the message, and it is tried again later."""
    with ScriptedServer(always(status, body)) as server, pytest.raises(TransientError, match="modelwatch server") as caught:
        get(server)
    assert server.url in caught.value.message


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(status):
    """The key would go with it; where the server says that it is, is in the message."""
    with ScriptedServer(always(body={})) as elsewhere:
        with (
            ScriptedServer(always(status, headers={"Location": f"{elsewhere.url}/x"})) as server,
            pytest.raises(TransientError, match=f"elsewhere: {elsewhere.url}/x"),
        ):
            get(server, key="mw_key")
        assert elsewhere.asked == []


@pytest.mark.parametrize(("text", "seconds"), [("7", 7), ("999999999", 3600), (formatdate(0, usegmt=True), 0), ("soon", None)])
def test_the_server_says_when_to_come_again(text, seconds):
    """A number of seconds or a date, an hour at most."""
    with ScriptedServer(always(503, ERROR, {"Retry-After": text})) as server, pytest.raises(TransientError) as caught:
        get(server)
    assert caught.value.retry_after_seconds == seconds


def test_the_server_names_a_time_to_come_again():
    """The wait is until then, by our own clock."""
    at = time.time() + 1000
    with ScriptedServer(always(503, ERROR, {"Retry-After": formatdate(at, usegmt=True)})) as server:
        with pytest.raises(TransientError) as caught:
            get(server)
        assert at - time.time() - 1 <= caught.value.retry_after_seconds <= 1000


def test_nobody_listens(closed_port):
    """The address and the system's reason are told, and what to look at."""
    with Connection(closed_port) as connection, pytest.raises(TransientError, match="Connection refused") as caught:
        connection.request("GET", connection.path("teams"))
    assert closed_port in caught.value.message
    assert "running" in caught.value.hint


def test_a_name_that_nobody_knows():
    """The reason is in plain words."""
    with Connection("http://models.invalid") as connection, pytest.raises(TransientError, match=r"models\.invalid: its name"):
        connection.request("GET", connection.path("teams"))


def test_a_server_that_does_not_answer(closed_port):
    """After the patience that was given, and not for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Connection(url, patience=IMPATIENT) as connection, pytest.raises(TransientError, match="took too long"):
            connection.request("GET", connection.path("teams"))


def test_an_answer_that_is_cut_short():
    """Half an answer is none."""
    with ScriptedServer(always(200, b'{"a": 1', promised=100)) as server, pytest.raises(TransientError, match="broke"):
        get(server)


def test_a_certificate_that_nobody_vouches_for(tmp_path, monkeypatch):
    """The reason is told, with the variable that names an authority; with it the server is trusted."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*make, *name, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ScriptedServer(always(body={"a": 1})) as server:
        server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
        url = server.url.replace("http:", "https:")
        with Connection(url) as connection, pytest.raises(TransientError, match="cannot trust") as caught:
            connection.request("GET", connection.path("teams"))
        assert "REQUESTS_CA_BUNDLE" in caught.value.hint
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        with Connection(url) as connection:
            assert connection.request("GET", connection.path("teams")).value == {"a": 1}


def test_a_proxy_is_used_as_the_environment_says(monkeypatch, closed_port):
    """The whole address is asked of it; one that does not answer is named as what it is."""
    with ScriptedServer(always(body={})) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with Connection("http://models.example.org/x") as connection:
            connection.request("GET", connection.path("teams"))
        assert proxy.asked[0].path == "http://models.example.org/x/api/v1/teams"
    monkeypatch.setenv("HTTP_PROXY", closed_port)
    with Connection("http://models.example.org") as connection, pytest.raises(TransientError, match="through the proxy"):
        connection.request("GET", connection.path("teams"))


# ------------------------------------------------------------------------------------------------------------------ the end


@pytest.mark.parametrize("proxied", [False, True])
def test_another_thread_can_break_it_off(monkeypatch, proxied):
    """A request that waits for a server that says nothing ends at once, and none can be made afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        if proxied:
            monkeypatch.setenv("HTTP_PROXY", url)
            url = "http://models.example.org"
        connection = Connection(url, patience=Patience(connect=60, answer=60))
        told = []

        def ask():
            try:
                connection.request("GET", connection.path("teams"))
            except TransientError as error:
                told.append(error.message)

        thread = threading.Thread(target=ask)
        thread.start()
        accepted = silent.accept()[0]
        with accepted:
            wait_until(lambda: accepted.recv(1, socket.MSG_PEEK))
            connection.close()
            thread.join(30)
        assert not thread.is_alive()
    assert told == [f"the connection to {url} was broken off here"]
    for attempt in (lambda: connection.request("GET", connection.path("teams")), lambda: connection.pause(60)):
        with pytest.raises(TransientError, match="broken off"):
            attempt()
