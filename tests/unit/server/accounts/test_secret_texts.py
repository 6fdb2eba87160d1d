"""API keys and session tokens as texts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.lineage.secrets import MASK, masked
from modelwatch.server.accounts.secret_texts import csrf_token, new_key, new_token, read_key, read_prefix, read_token


def test_a_key_has_the_form_that_scanners_look_for():
    """`mw_`, eight public letters, and 256 bits in base64url: docs/accounts.md shows the pattern."""
    made = {new_key() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"mw_[a-z2-9]{8}_[A-Za-z0-9_-]{43}", key) for key in made)


def test_a_key_is_itself_and_no_other():
    """The digest of the whole decides: one letter more, less or other is another key."""
    key, other = new_key(), new_key()
    digest = read_key(key).digest
    assert read_key(key).is_of(digest)
    assert not read_key(other).is_of(digest)
    swapped = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert not read_key(swapped).is_of(digest)
    assert key[12:].encode() not in digest


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda data: "mw_" + data.decode("latin-1")))
def test_any_text_can_be_shown_as_a_key(text):
    """What has not the form of a key is none, and nothing else goes wrong."""
    assert read_key(text) is None
    read_token(text)


@pytest.mark.parametrize("suffix", ["\n", " ", "x", "\x00"])
def test_nothing_may_follow_a_key(suffix):
    """A key with something behind it is not the key."""
    assert read_key(new_key() + suffix) is None


def test_people_name_a_key_by_its_first_part_or_by_all_of_it():
    """For revoking, the public part is enough, with or without `mw_`; a whole key that leaked works as well."""
    key = new_key()
    assert read_prefix(key) == read_prefix(key[:11]) == read_prefix(key[3:11]) == read_prefix(f" {key[:11]} ") == key[:11]
    assert read_prefix(key[:10]) is None


def test_the_token_of_a_form_follows_from_the_session_and_does_not_give_it_away():
    """It is the same each time, another for each session, and not the session's token."""
    token = new_token()
    assert csrf_token(token) == csrf_token(token) != csrf_token(new_token())
    assert csrf_token(token) != token


def test_a_key_in_a_training_s_command_is_masked():
    """Lineage knows a key of ours by its form, whatever the option is called."""
    assert masked(f"https://host/{new_key()}") == f"https://host/{MASK}"
