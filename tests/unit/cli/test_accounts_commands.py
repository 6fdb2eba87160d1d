"""`modelwatch teams`, `users`, `keys` and `audit`, run as the command line runs them."""

import io
import json
import re
import stat
import sys
from datetime import datetime

import pytest
from account_makers import HERE, PASSWORD

from modelwatch.cli.main import main
from modelwatch.repository.repository import Repository
from modelwatch.server.accounts.accounts import Accounts
from modelwatch.server.accounts.database import accounts_path
from modelwatch.server.accounts.principal import Principal, Role

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def run(tmp_path, capsys):
    """Return a function that runs a command on the test's repository and gives exit code, standard output and standard error."""

    def call(*words):
        code = main([*words, "--repository", str(tmp_path / "repository")])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def run_json(run):
    """Return a function that runs a command with `--json`, expects success and gives the value."""

    def call(*words):
        code, out, err = run(*words, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return call


@pytest.fixture
def accounts(tmp_path):
    """Return a function that opens the accounts that the commands made, as a server has them open."""
    opened = []

    def call():
        opened.append(Accounts.open(accounts_path(tmp_path / "repository")))
        return opened[-1]

    yield call
    for each in opened:
        each.close()


@pytest.fixture
def typed(monkeypatch):
    """Return a function that puts text into standard input."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_looking_before_there_are_accounts_is_no_error_and_makes_nothing(run, run_json, tmp_path):
    """Each list says how to begin; nothing is on the disk afterwards."""
    for command in ("teams", "users", "keys"):
        code, out, _ = run(command, "list")
        assert code == 0
        assert "modelwatch" in out
        assert run_json(command, "list") == {command: []}
    assert run("audit")[0] == 0
    assert run_json("audit") == {"audit": []}
    assert list(tmp_path.iterdir()) == []


def test_the_first_user_is_a_site_admin_with_a_one_time_password(run, run_json, accounts, tmp_path):
    """The password alone is on standard output, and signs in; the repository is made, and is still one."""
    code, out, err = run("users", "add", "anna")
    assert code == 0
    assert re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){3}\n", out)
    assert "the first user and site admin" in err
    assert out.strip() not in err
    assert accounts().login("anna", out.strip(), HERE).session.must_change_password
    assert run_json("users", "add", "ben")["user"]["site_admin"] is False
    assert Repository.open(tmp_path / "repository").models() == ()
    assert stat.S_IMODE(accounts_path(tmp_path / "repository").stat().st_mode) == 0o600


def test_a_password_comes_from_standard_input_or_a_file_and_never_from_the_command_line(run, run_json, accounts, typed, tmp_path):
    """Its first line is the password, with the spaces in it; nothing is printed of it, and there is no option to give it."""
    typed(f" {PASSWORD} \nanother line\n")
    added = run_json("users", "add", "anna", "--passwordFile", "-")
    assert added["one_time_password"] is None
    path = tmp_path / "password"
    path.write_bytes(b"staple battery horse\r\n")
    code, out, err = run("users", "add", "ben", "--password-file", str(path))
    assert (code, out) == (0, "")
    assert "staple" not in err
    assert accounts().login("anna", f" {PASSWORD} ", HERE) is not None
    assert accounts().login("ben", "staple battery horse", HERE) is not None
    assert run("users", "add", "cy", "--password", PASSWORD)[0] == 64


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", 64), (b"\nsecond line\n", 64), (b"short\n", 64), (b"\xff\xfe\x00bad\n", 64), (b"x" * 9000, 64), (None, 74)],
)
def test_a_file_without_a_good_password_makes_no_user(run, run_json, tmp_path, content, code):
    """It is empty, too short, not text, endless, or not there; nothing of it is printed."""
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    ended, out, err = run("users", "add", "anna", "--passwordFile", str(path))
    assert (ended, out) == (code, "")
    assert "short\n" not in err
    assert run_json("users", "list") == {"users": []}


def test_there_must_be_a_terminal_to_ask_on(run, typed):
    """Asking a pipe would wait for nobody; the message names the other ways."""
    typed("")
    code, _, err = run("users", "add", "anna", "--askPassword")
    assert code == 64
    assert "--passwordFile" in err


def test_a_user_is_put_into_teams_at_once(run, run_json):
    """With one role for all of them; a team that does not exist is told of before there is a user."""
    run("teams", "add", "vision")
    assert run("users", "add", "anna", "--join", "vision", "--join", "missing")[0] == 66
    assert run_json("users", "list") == {"users": []}
    user = run_json("users", "add", "anna", "--join", "vision", "--join", "default", "--role", "writer")["user"]
    assert [(each["team"], each["role"]) for each in user["teams"]] == [("default", "writer"), ("vision", "writer")]


def test_teams_and_their_members_come_and_go(run, run_json):
    """What each command prints is what there is then, as people read it and as JSON."""
    run("users", "add", "Anna")
    assert run_json("teams", "add", "Vision") | {"created": ""} == {"name": "Vision", "created": "", "members": 0, "keys": 0}
    assert run("teams", "join", "vision", "anna", "--role", "admin")[1] == "Anna is admin in Vision\n"
    assert run_json("teams", "join", "vision", "anna")["role"] == "viewer"
    (member,) = run_json("teams", "members", "vision")["members"]
    assert TIME.fullmatch(member.pop("joined"))
    assert member == {"team": "Vision", "user": "Anna", "role": "viewer"}
    assert [line.split()[:2] for line in run("teams", "members", "vision")[1].splitlines()] == [
        ["user", "role"],
        ["Anna", "viewer"],
    ]
    assert run("teams", "leave", "vision", "anna")[0] == 0
    assert run("teams", "leave", "vision", "anna")[0] == 66
    assert run_json("teams", "members", "vision") == {"members": []}
    assert "nobody is a member" in run("teams", "members", "vision")[1]
    assert run("teams", "add", "VISION")[0] == 65
    assert run("teams", "add", "public")[0] == 64
    assert [line.split()[0] for line in run("teams", "list")[1].splitlines()] == ["team", "default", "Vision"]


def test_removing_a_team_asks_and_says_that_its_models_stay(run, run_json):
    """Without a terminal it needs --yes; its keys are over, and the way to its models is told."""
    run("teams", "add", "vision")
    run("keys", "add", "trainer", "--team", "vision")
    code, _, err = run("teams", "remove", "vision")
    assert code == 64
    assert "remove team vision (0 members, 1 key)? its models stay" in err
    code, out, _ = run("teams", "remove", "vision", "--yes")
    assert code == 0
    assert "modelwatch models list --team vision" in out
    assert [key["state"] for key in run_json("keys", "list", "--all")["keys"]] == ["revoked"]
    assert run("teams", "remove", "vision", "--yes")[0] == 66


def test_a_key_is_printed_alone_and_once(run, run_json, accounts):
    """A script can take standard output as the key; no list shows more than its first part."""
    code, out, err = run("keys", "add", "trainer on gpu-3")
    assert code == 0
    text = out.strip()
    assert re.fullmatch(r"mw_[a-z2-9]{8}_[A-Za-z0-9_-]{43}", text)
    assert text not in err
    assert accounts().principal_of_key(text, HERE).may("default", Role.WRITER)
    listed = run("keys", "list")[1] + json.dumps(run_json("keys", "list")) + json.dumps(run_json("audit"))
    assert text[:11] in listed
    assert text[12:] not in listed


def test_a_key_is_for_what_is_asked_for(run_json, monkeypatch):
    """Team, scope, owner and end, in the forms that people write them; the team may come from the environment."""
    run_json("users", "add", "anna")
    run_json("teams", "add", "vision")
    key = run_json("keys", "add", "a", "--team", "vision", "--scope", "read", "--owner", "ANNA", "--expires", "2100-01-31")["key"]
    assert key | {"prefix": "", "created": ""} == {
        "prefix": "",
        "name": "a",
        "team": "vision",
        "scope": "read",
        "owner": "anna",
        "created": "",
        "expires": "2100-01-31T00:00:00.000Z",
        "revoked": None,
        "last_used": None,
        "state": "good",
    }
    monkeypatch.setenv("MODELWATCH_TEAM", "vision")
    for text, hours in {"12h": 12, "90d": 90 * 24, "4w": 28 * 24}.items():
        key = run_json("keys", "add", "b", "--expires", text)["key"]
        assert key["team"] == "vision"
        lives = datetime.fromisoformat(key["expires"]) - datetime.fromisoformat(key["created"])
        assert round(lives.total_seconds() / 3600) == hours


@pytest.mark.parametrize("when", ["soon", "90", "-3d", "2020-01-01", "0d", "", "2027-13-01"])
def test_an_end_that_is_none_makes_no_key(run, run_json, when):
    """A time that cannot be read, or is over, is the user's mistake."""
    assert run("keys", "add", "trainer", f"--expires={when}")[0] == 64
    assert run_json("keys", "list", "--all") == {"keys": []}


def test_a_revoked_key_is_refused_at_once_and_not_listed_any_more(run, run_json, accounts):
    """By its first part, while a server has the accounts open; a second time is no error."""
    text = run("keys", "add", "trainer")[1].strip()
    server = accounts()
    assert isinstance(server.principal_of_key(text, HERE), Principal)
    for _ in range(2):
        code, out, _ = run("keys", "revoke", text[:11])
        assert (code, out) == (0, f"revoked {text[:11]} (trainer, team default)\n")
    assert server.principal_of_key(text, HERE) is None
    assert run_json("keys", "list") == {"keys": []}
    assert [key["state"] for key in run_json("keys", "list", "--all")["keys"]] == ["revoked"]
    assert run("keys", "revoke", "mw_aaaaaaaa")[0] == 66


def test_keys_are_listed_by_team_and_owner(run, run_json):
    """Each option leaves the others out."""
    run("users", "add", "anna")
    run("teams", "add", "vision")
    run("keys", "add", "one")
    run("keys", "add", "two", "--team", "vision", "--owner", "anna")

    def names(*words):
        return [key["name"] for key in run_json("keys", "list", *words)["keys"]]

    assert names() == ["one", "two"]
    assert names("--team", "vision") == names("--owner", "anna") == ["two"]
    assert names("--team", "x") == []


def test_setting_a_password_ends_sessions_and_prints_another(run, accounts):
    """The old one does not let anybody in any more."""
    old = run("users", "add", "anna")[1].strip()
    server = accounts()
    token = server.login("anna", old, HERE).token
    new = run("users", "password", "anna")[1].strip()
    assert server.session(token) is None
    assert server.login("anna", old, HERE) is None
    assert server.login("anna", new, HERE) is not None
    assert run("users", "password", "ben")[0] == 66


def test_users_are_made_admins_and_removed(run, run_json):
    """Both are told; removing needs --yes without a terminal, and tells what stays."""
    run("users", "add", "anna")
    assert run("users", "admin", "anna", "--remove")[1] == "anna is no site admin any more\n"
    assert run_json("users", "admin", "anna")["site_admin"] is True
    heading, line = run("users", "list")[1].splitlines()
    assert re.split(r"\s{2,}", heading)[:4] == ["user", "teams", "site admin", "password"]
    assert line.split()[:3] == ["anna", "yes", "one-time"]
    assert run("users", "remove", "anna")[0] == 64
    assert run_json("users", "remove", "anna", "--yes")["removed"]["name"] == "anna"
    assert run_json("users", "list") == {"users": []}


def test_old_entries_of_the_audit_are_removed(run, run_json):
    """How many is told; what is new cannot be, and a team's own cannot be removed alone."""
    run("teams", "add", "vision")
    assert run("audit", "--prune")[1] == "removed 0 entries of more than 400 days\n"
    assert run_json("audit", "--prune", "--olderThan", "30") == {"removed": 0}
    for words in (
        ("--prune", "--olderThan", "29"),
        ("--olderThan", "90"),
        ("--prune", "--team", "vision"),
        ("--prune", "--before", "3"),
    ):
        assert run("audit", *words)[0] == 64
    assert len(run_json("audit")["audit"]) == 1


def test_the_audit_tells_what_the_commands_did(run, run_json):
    """The newest first, by whoever ran them; of one team, and in pages."""
    run("teams", "add", "vision")
    run("users", "add", "anna", "--join", "vision")
    run("keys", "add", "trainer")
    entries = run_json("audit")["audit"]
    assert [entry["what"] for entry in entries] == ["key-made", "joined", "user-made", "team-made"]
    assert all(re.fullmatch(r"local:\S+", entry["who"]) and TIME.fullmatch(entry["time"]) for entry in entries)
    assert [entry["what"] for entry in run_json("audit", "--team", "vision")["audit"]] == ["joined", "team-made"]
    page = run_json("audit", "--limit", "2")["audit"]
    assert run_json("audit", "--before", str(page[-1]["id"]))["audit"] == entries[2:]
    heading, *lines = run("audit")[1].splitlines()
    assert heading.split() == ["id", "time", "who", "what", "team", "subject", "detail", "address", "outcome"]
    assert len(lines) == 4
    assert run("audit", "--limit", "0")[0] == 64


@pytest.mark.parametrize(
    "words", [("teams", "list"), ("users", "add", "anna"), ("keys", "list"), ("keys", "revoke", "mw_aaaaaaaa"), ("audit",)]
)
def test_accounts_of_a_server_are_changed_on_the_server(capsys, words):
    """The message says where to run the command instead."""
    assert main([*words, "--repository", "https://models.example.org"]) == 64
    assert "on the server" in capsys.readouterr().err


def test_a_folder_that_is_no_repository_is_left_alone(run, tmp_path):
    """No accounts are put among somebody's files."""
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / "thesis.tex").touch()
    code, _, err = run("users", "add", "anna")
    assert code == 74
    assert "is not a modelwatch repository" in err
    assert [path.name for path in (tmp_path / "repository").iterdir()] == ["thesis.tex"]
