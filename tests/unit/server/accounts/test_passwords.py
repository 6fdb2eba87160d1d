"""What is kept of a password, and which are good enough."""

import hashlib
import re
from base64 import b64decode

import pytest
from account_makers import CHEAP
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.core.errors import UsageError
from modelwatch.server.accounts import passwords
from modelwatch.server.accounts.passwords import DEFAULT_COST, checked_password, cost_of, matches, nobodys, one_time_password, seal


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_sealed_password_matches_itself_and_no_other(one, other):
    """Only the same characters match, and what is kept shows none of them and differs each time."""
    sealed = seal(one, CHEAP)
    assert matches(one, sealed)
    assert matches(other, sealed) is (
        passwords.unicodedata.normalize("NFKC", one) == passwords.unicodedata.normalize("NFKC", other)
    )
    assert seal(one, CHEAP) != sealed


def test_a_password_typed_on_another_keyboard_is_the_same():
    """An accent that is a character of its own and one that is part of a letter are the same password."""
    assert matches("cafe\u0301 au lait", seal("caf\u00e9 au lait", CHEAP))


def test_what_is_kept_is_scrypt_as_everybody_computes_it():
    """The parameters are kept with the hash, in the PHC string format, and the hash is RFC 7914's."""
    sealed = seal("correct horse", DEFAULT_COST)
    log_n, r, p, salt, digest = re.fullmatch(r"\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]+)\$([^$]+)", sealed).groups()
    assert (log_n, r, p) == ("15", "8", "3")
    expected = hashlib.scrypt(b"correct horse", salt=b64decode(salt + "=="), n=1 << 15, r=8, p=3, maxmem=1 << 26, dklen=32)
    assert b64decode(digest + "=") == expected
    assert cost_of(sealed) == DEFAULT_COST


def test_a_password_sealed_at_another_cost_is_still_checked():
    """Raising the cost locks nobody out."""
    sealed = seal("correct horse", passwords.Cost(log_n=3, r=2, p=2))
    assert matches("correct horse", sealed)
    assert not matches("correct hors", sealed)


def test_what_stands_for_an_unknown_user_costs_the_same_and_matches_nothing():
    """Its parameters are those of a real one, so that checking it takes the same time."""
    sealed = nobodys(CHEAP)
    assert cost_of(sealed) == CHEAP
    assert not matches("", sealed)


@pytest.mark.parametrize("password", ["", "short", "anna12345!", "Anna-anna1", "aaaaaaaaaaaaaaaa", "abababababab", "x" * 1001])
def test_a_password_that_is_too_easy_is_refused_without_being_shown(password):
    """It is too short, the user's own name, or the same few characters; the message never repeats it."""
    with pytest.raises(UsageError) as refused:
        checked_password(password, "anna")
    assert not password or password not in str(refused.value)


def test_a_good_password_is_taken_as_it_is():
    """Nothing is asked of it but length; spaces and any script are welcome."""
    for password in ("correct horse battery", "密码要长一点才行的吧", " leading and trailing "):
        assert checked_password(password, "anna") == password


def test_one_time_passwords_can_be_read_out_and_are_good_ones():
    """Four groups of four, without letters that look like others, each time others."""
    made = {one_time_password() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"[a-km-np-z2-9]{4}(-[a-km-np-z2-9]{4}){3}", password) for password in made)
    assert all(checked_password(password, "anna") for password in made)
