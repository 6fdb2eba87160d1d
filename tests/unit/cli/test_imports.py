"""What stands beside a training loads only what it needs."""

import subprocess
import sys

import pytest

_PROGRAM = """
import contextlib, sys
from modelwatch.cli.main import main
with contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(*sorted(set(map(lambda name: name.partition(".")[0], sys.modules))))
"""


@pytest.mark.parametrize(
    "words",
    [("watch", "--once"), ("status",), ("drain",), ("models", "list"), ("config", "show"), ("doctor",)],
    ids=" ".join,
)
def test_nobody_pays_for_what_they_do_not_use(tmp_path, words):
    """Neither rich nor shtab is loaded when standard output is no terminal (docs/adr/0001), nor HTTP for a repository that is a folder."""
    (tmp_path / "models").mkdir()
    options = ["--repository", str(tmp_path / "repository")] if words != ("status",) else []
    options += ["--modelPath", str(tmp_path / "models")] if words[0] != "models" else []
    command = [sys.executable, "-I", "-c", _PROGRAM, *words, *options]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1].split()
    assert "argparse" in loaded
    assert not {"rich", "shtab", "pygments", "requests", "urllib3", "ssl", "http"} & set(loaded)
