"""Many processes on one repository's accounts at once."""

import subprocess
import sys
from pathlib import Path

from account_makers import HERE, OPERATOR, PASSWORD, add_user, open_accounts

from modelwatch.server.accounts.entities import KeyState, Scope
from modelwatch.server.accounts.principal import Role

_SUPPORT = str(Path(__file__).parents[1] / "support")
_SERVER = """
import sys
from pathlib import Path
from account_makers import HERE, open_accounts
from modelwatch.server.accounts.principal import Principal, Role
with open_accounts(Path(sys.argv[1])) as accounts:
    for line in sys.stdin:
        kind, _, secret = line.strip().partition(" ")
        found = accounts.principal_of_key(secret, HERE) if kind == "key" else accounts.principal_of_session(secret)
        role = found.role_in("default") if isinstance(found, Principal) else None
        print(role.value if role else None, flush=True)
"""
_MAKER = """
import sys
from pathlib import Path
from account_makers import OPERATOR, open_accounts
from modelwatch.server.accounts.entities import Scope
sys.stdin.readline()
with open_accounts(Path(sys.argv[1])) as accounts:
    for number in range(40):
        made = accounts.make_key("default", f"{sys.argv[2]}-{number}", Scope.READ, by=OPERATOR)
        if number % 4 == 3:
            accounts.revoke_key(made.text, by=OPERATOR)
        print(made.text, flush=True)
"""


def start(program, tmp_path, *arguments):
    """Start a program that uses the accounts in the test's folder."""
    code = f"import sys; sys.path.insert(0, {_SUPPORT!r})\n{program}"
    return subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_what_one_process_changes_counts_in_another_at_once(tmp_path):
    """A running server lets in and turns away as the command line has just said, without being told or started again."""
    server = start(_SERVER, tmp_path)

    def asked(what):
        server.stdin.write(what + "\n")
        server.stdin.flush()
        return server.stdout.readline().strip()

    with open_accounts(tmp_path) as accounts:
        session = "session " + add_user(accounts, "anna")
        assert asked(session) == "None"
        accounts.join("default", "anna", Role.WRITER, by=OPERATOR)
        assert asked(session) == "writer"
        own = "key " + accounts.make_key("default", "anna's", Scope.WRITE, owner="anna", by=OPERATOR).text
        machine = "key " + accounts.make_key("default", "machine's", Scope.READ, by=OPERATOR).text
        assert [asked(own), asked(machine)] == ["writer", "viewer"]
        accounts.join("default", "anna", Role.VIEWER, by=OPERATOR)
        assert [asked(session), asked(own)] == ["viewer", "viewer"]
        accounts.revoke_key(machine[4:], by=OPERATOR)
        assert asked(machine) == "None"
        accounts.set_password("anna", PASSWORD + "!", by=OPERATOR)
        assert [asked(session), asked(own)] == ["None", "viewer"]
        accounts.leave("default", "anna", by=OPERATOR)
        assert asked(own) == "None"
    server.stdin.close()
    assert server.wait(timeout=30) == 0
    server.stdout.close()


def test_four_processes_make_their_keys_and_lose_none(tmp_path):
    """Four that make the database, 160 keys and the audit of them at once leave all of them, each once."""
    makers = [start(_MAKER, tmp_path, str(number)) for number in range(4)]
    for maker in makers:
        maker.stdin.write("go\n")
        maker.stdin.flush()
    texts = [text for maker in makers for text in maker.communicate(timeout=100)[0].split()]
    assert [maker.returncode for maker in makers] == [0] * 4
    with open_accounts(tmp_path) as accounts:
        assert len(set(texts)) == len(texts) == len(accounts.keys()) == 160
        states = [accounts.key(text).state for text in texts]
        assert (states.count(KeyState.GOOD), states.count(KeyState.REVOKED)) == (120, 40)
        assert all(
            (accounts.key(text).state is KeyState.GOOD) is (accounts.principal_of_key(text, HERE) is not None) for text in texts[:8]
        )
        what = [entry.what for entry in accounts.audited(limit=1000)]
        assert (what.count("key-made"), what.count("key-revoked")) == (160, 40)
