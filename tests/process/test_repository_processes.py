"""Many processes on one repository at once."""

import subprocess
import sys
from collections import Counter

from modelwatch.repository.repository import Repository

_REGISTRAR = """
import sys
from pathlib import Path
from modelwatch.repository.repository import Repository
from modelwatch.testing.sink_contract import make_registration, make_snapshot
root, work, process, keys = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
sys.stdin.readline()
repository = Repository.open(root, create=True)
for step in range(25):
    snapshot = make_snapshot(work / f"{process}-{step}", {"data": f"{step}".encode(), "own": f"{process} {step}".encode()})
    if keys == "shared":
        snapshot = make_snapshot(work / f"{process}-{step}", {"data": f"{step}".encode()})
    run = "run" if keys == "shared" else f"run-{process}"
    print(step, repository.register(make_registration(snapshot.manifest, step=step, run=run), snapshot).version)
    if step % 10 == 9 and keys == "own":
        repository.collect_garbage()
"""


def _run_together(tmp_path, processes, keys):
    """Start processes, let all go at once, and return the lines that each printed."""
    command = [sys.executable, "-c", _REGISTRAR, str(tmp_path / "repository"), str(tmp_path / "work")]
    started = [
        subprocess.Popen([*command, str(index), keys], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for index in range(processes)
    ]
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=100)[0].split("\n")[:-1] for process in started]
    assert [process.returncode for process in started] == [0] * processes
    return outputs


def test_eight_processes_make_their_versions_without_gap_or_duplicate(tmp_path):
    """Eight processes that make the repository, register 25 versions each in one model and collect garbage leave 1 to 200, whole."""
    _run_together(tmp_path, 8, "own")
    repository = Repository.open(tmp_path / "repository")
    versions = repository.model("digits", team="default").versions
    assert [version.number for version in versions] == list(range(1, 201))
    assert Counter(version.registration.provenance.run for version in versions) == {f"run-{index}": 25 for index in range(8)}
    assert all(repository.storage.has_blob(e.digest, e.size) for v in versions for e in v.registration.manifest.entries)


def test_processes_with_the_same_keys_get_the_same_receipts(tmp_path):
    """Three processes that register the same 25 checkpoints at once all get the same 25 versions."""
    first, *others = _run_together(tmp_path, 3, "shared")
    assert all(other == first for other in others)
    assert len(Repository.open(tmp_path / "repository").model("digits", team="default").versions) == 25
