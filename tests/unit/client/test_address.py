"""The address of a server: one spelling for each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.client.address import is_server, server_address
from modelwatch.core.errors import UsageError


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("http://Models.Example.org/", "http://models.example.org"),
        ("HTTPS://models.example.org:443", "https://models.example.org"),
        ("http://models.example.org:80/", "http://models.example.org"),
        ("http://models.example.org:443", "http://models.example.org:443"),
        ("https://example.org/Team/models//", "https://example.org/Team/models"),
        (" http://[::1]:9320/ ", "http://[::1]:9320"),
    ],
)
def test_one_server_has_one_spelling(written, known):
    """The journal knows a server by its address: capitals, default ports and slashes at the end make no second one; a proxy's prefix does."""
    assert server_address(written) == known


@given(st.sampled_from(["http", "https"]), st.integers(1, 65535), st.lists(st.text("abcXYZ-_.", min_size=1), max_size=3))
def test_the_spelling_of_the_spelling_is_the_same(scheme, port, parts):
    """What `modelwatch drain` is told to be given leads to the same server."""
    known = server_address(f"{scheme}://Example.org:{port}/{'/'.join(parts)}")
    assert server_address(known) == known


@pytest.mark.parametrize(
    "written",
    [
        "http://",
        "http://:80",
        "ftp://example.org",
        "http://example.org/?team=a",
        "http://example.org/#a",
        "http://a:port",
        "/folder",
    ],
)
def test_what_is_no_address_is_told(written):
    """The address is in the message, and what one looks like in the hint."""
    with pytest.raises(UsageError, match="not the address of a server"):
        server_address(written)


def test_a_password_is_refused_and_not_repeated():
    """It would stand in the journal and in log lines; the message names the option for keys, and not the password."""
    with pytest.raises(UsageError) as caught:
        server_address("http://me:hunter2@example.org")
    assert "hunter2" not in str(caught.value)
    assert "--apiKey" in caught.value.hint


@pytest.mark.parametrize(
    ("repository", "server"),
    [("http://a", True), ("HTTPS://a", True), ("s3://a", False), ("/http:/a", False), ("http:", False), ("http", False)],
)
def test_a_folder_is_no_server(repository, server):
    """Only http and https addresses are."""
    assert is_server(repository) is server
