"""What teams, users and keys may be called."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelwatch.config.reading import one_name
from modelwatch.core.errors import UsageError
from modelwatch.server.accounts.names import folded, key_name, team_name, user_name


@pytest.mark.parametrize("name", ["default", "Vision Team", "a", "équipe-7", "команда", "機械学習", "v1.2_x", "हिन्दी"])
def test_teams_are_called_as_people_call_them(name):
    """Letters and digits of any script, with dots, hyphens, underscores and spaces between them."""
    assert team_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a ",
        " a",
        ".a",
        "a.",
        "-a",
        "a/b",
        "a\\b",
        "a\nb",
        "a\x00b",
        "a\u202eb",
        "a\ud800",
        "x" * 101,
        "e\u0301quipe",
        "a@b",
        "½",
        "de\u034ffault",
        "a\u3164a",
        "a\ufe0fa",
    ],
)
def test_what_is_no_team_name_is_refused_in_words(name):
    """Nothing that leads out of a folder, hides on a screen or is typed in two ways is a team's name."""
    with pytest.raises(UsageError, match="team's name"):
        team_name(name)


@pytest.mark.parametrize("name", ["public", "Public", "PUBLIC", "\uff50\uff55\uff42\uff4c\uff49\uff43"])
def test_public_is_no_team(name):
    """`public` is the view of what teams have published, however it is written."""
    with pytest.raises(UsageError):
        team_name(name)


def test_a_mail_address_is_a_user_but_no_team():
    """People may sign in with their address."""
    assert user_name("anna+ml@example.org") == "anna+ml@example.org"
    with pytest.raises(UsageError):
        team_name("anna@example.org")
    with pytest.raises(UsageError):
        user_name("anna smith")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_a_key_is_called_by_one_line(name):
    """A key's name is for people: any line that fits."""
    assert key_name(" trainer on gpu-3 (nightly) ") == "trainer on gpu-3 (nightly)"
    with pytest.raises(UsageError):
        key_name(name)


@given(st.text(min_size=1, max_size=30))
@example("İstanbul")
@example("ﬀ")
def test_every_team_can_be_given_to_an_agent(text):
    """What a team may be called `--team` takes, letter for letter; what may not be is refused and nothing else goes wrong."""
    try:
        name = team_name(text)
    except UsageError:
        return
    assert name == text == one_name(text)
    assert unicodedata.normalize("NFC", name) == name


@given(st.text(max_size=20))
def test_folding_is_stable(text):
    """What is folded already stays as it is, so that a name is always found by what it was stored as."""
    assert folded(folded(text)) == folded(text)
    assert folded(text.upper().lower()) == folded(folded(text.upper().lower()))
