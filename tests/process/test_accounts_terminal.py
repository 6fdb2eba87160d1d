"""Passwords typed at a real terminal."""

import sys

import pytest
from account_makers import HERE, PASSWORD
from terminals import AtTerminal

from modelwatch.server.accounts.accounts import Accounts
from modelwatch.server.accounts.database import accounts_path


@pytest.fixture
def command(tmp_path):
    """The words of a command that makes a user and asks for their password."""
    words = ["users", "add", "anna", "--askPassword", "--repository", str(tmp_path / "repository")]
    return [sys.executable, "-m", "modelwatch", *words]


def test_a_password_is_asked_for_twice_and_not_shown(command, tmp_path):
    """What is typed does not appear on the terminal, and signs in afterwards."""
    with AtTerminal(command) as terminal:
        terminal.read_until("Password: ")
        terminal.type(f"{PASSWORD}\n")
        shown = terminal.read_until("(?s)(.*)Again: ")[1]
        terminal.type(f"{PASSWORD}\n")
        shown += terminal.read_until("(?s)(.*)site admin now")[1]
        assert terminal.wait() == 0
    assert "horse" not in shown
    with Accounts.open(accounts_path(tmp_path / "repository")) as accounts:
        assert accounts.login("anna", PASSWORD, HERE) is not None


def test_two_different_passwords_make_no_user(command, tmp_path):
    """A typing error is found before it locks somebody out."""
    with AtTerminal(command) as terminal:
        terminal.read_until("Password: ")
        terminal.type(f"{PASSWORD}\n")
        terminal.read_until("Again: ")
        terminal.type("correct house battery\n")
        terminal.read_until("two different passwords")
        assert terminal.wait() == 64
    assert not (tmp_path / "repository").exists()


def test_interrupting_the_question_makes_no_user(command, tmp_path):
    """Ctrl-C ends it, and the terminal shows again what is typed."""
    with AtTerminal(command) as terminal:
        terminal.read_until("Password: ")
        terminal.type("\x03")
        assert terminal.wait() == 130
    assert not (tmp_path / "repository").exists()
