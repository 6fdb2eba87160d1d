"""Signed links: only the server makes them, each for one purpose and one time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.server.access.links import LONGEST_SECONDS, LinkSigner
from modelwatch.server.errors import RefusedError
from modelwatch.testing.clock import FakeClock

SECRET = bytes(range(32))
FIELDS = {"team": "red", "model": "mo123", "version": 3}


def _signer(secret=SECRET):
    clock = FakeClock()
    return LinkSigner(secret, clock), clock


def test_a_link_says_what_it_was_made_for():
    """What was put in comes out again while the link holds."""
    signer, clock = _signer()
    token = signer.token("file", FIELDS, 60)
    clock.advance(59)
    assert signer.read("file", token).fields == FIELDS


def test_a_link_expires():
    """After its time it is refused, and the refusal says so."""
    signer, clock = _signer()
    token = signer.token("file", FIELDS, 60)
    clock.advance(61)
    with pytest.raises(RefusedError, match="expired"):
        signer.read("file", token)


def test_no_link_lives_for_ever():
    """A longer time than the longest is cut."""
    signer, clock = _signer()
    token = signer.token("file", FIELDS, 1e12)
    clock.advance(LONGEST_SECONDS + 1)
    with pytest.raises(RefusedError, match="expired"):
        signer.read("file", token)


def test_a_link_is_for_one_purpose():
    """A link to download is no link to upload."""
    signer, _ = _signer()
    with pytest.raises(RefusedError):
        signer.read("upload", signer.token("file", FIELDS, 60))


def test_another_server_makes_no_links_of_ours():
    """Who does not have the secret cannot sign."""
    signer, _ = _signer()
    with pytest.raises(RefusedError):
        signer.read("file", _signer(bytes(32))[0].token("file", FIELDS, 60))


@given(st.data())
def test_no_changed_link_is_taken(data):
    """A link with any character changed, put in or taken out is refused."""
    signer, _ = _signer()
    token = signer.token("file", FIELDS, 60)
    at = data.draw(st.integers(0, len(token) - 1))
    instead = data.draw(st.text(alphabet="abcXYZ019-_.é\0", max_size=2).filter(lambda text: text != token[at]))
    with pytest.raises(RefusedError):
        signer.read("file", token[:at] + instead + token[at + 1 :])
