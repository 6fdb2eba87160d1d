"""Accounts whose writer is killed at any moment."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from account_makers import HERE, open_accounts

from modelwatch.server.accounts.entities import KeyState
from modelwatch.server.accounts.principal import Principal

_SUPPORT = str(Path(__file__).parents[1] / "support")
_PROGRAM = """
import itertools, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from account_makers import OPERATOR, open_accounts
from modelwatch.server.accounts.entities import Scope
with open_accounts(Path(sys.argv[1])) as accounts:
    for number in itertools.count():
        made = accounts.make_key("default", str(number), Scope.READ, by=OPERATOR)
        print("made", made.text, flush=True)
        if number % 3 == 0:
            accounts.revoke_key(made.text, by=OPERATOR)
            print("revoked", made.text, flush=True)
"""


@pytest.mark.parametrize("after", [1, 2, 5, 17, 40])
def test_what_was_acknowledged_survives_the_kill(tmp_path, after):
    """Every key that was told to somebody is good, every revocation that was told holds, and the audit has each of them once."""
    for _ in range(2):  # the second time with a log that the first left behind
        process = subprocess.Popen([sys.executable, "-c", _PROGRAM, tmp_path, _SUPPORT], stdout=subprocess.PIPE, text=True)
        told = [process.stdout.readline().split() for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        told += [line.split() for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        made, revoked = ([text for what, text in told if what == wanted] for wanted in ("made", "revoked"))
        with open_accounts(tmp_path) as accounts:
            assert {accounts.key(text).state for text in revoked} <= {KeyState.REVOKED}
            # The last key may have been revoked without anybody having been told.
            assert {accounts.key(text).state for text in made[:-1] if text not in revoked} <= {KeyState.GOOD}
            assert not any(isinstance(accounts.principal_of_key(text, HERE), Principal) for text in revoked)
            assert all(isinstance(accounts.principal_of_key(text, HERE), Principal) for text in made[:-1] if text not in revoked)
            audited = [(entry.what, entry.subject) for entry in accounts.audited(limit=10_000) if entry.what != "key-refused"]
            assert len(set(audited)) == len(audited)
            assert {("key-made", text[:11]) for text in made} | {("key-revoked", text[:11]) for text in revoked} <= set(audited)
            keys = accounts.keys()
            assert set(audited) == {("key-made", key.prefix) for key in keys} | {
                ("key-revoked", key.prefix) for key in keys if key.state is KeyState.REVOKED
            }
