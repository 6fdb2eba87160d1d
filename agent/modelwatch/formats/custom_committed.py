"""
Folders with a commit marker: their writer says that they are complete.

The marker is written last. One that is older than what lies beside it belongs to an earlier generation that is being overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelwatch.core.entities import Candidate, ModelType, Verdict
from modelwatch.core.tree import FileTree
from modelwatch.formats.base import Evidence
from modelwatch.formats.custom import MARKERS, UnitKind, judge_unit, units


class CustomCommitted:
    """
    Custom models that are complete when their marker is there.

    Args:
        commit_markers: Names of marker files besides the usual ones. If there are any, every folder waits for one.

        marked_only: Take only folders that have a marker, and leave the rest to other formats.
    """

    name = "custom-committed"
    title = "Custom model with a commit marker"
    model_type = ModelType.CUSTOM
    evidence = Evidence.QUIET

    def __init__(self, commit_markers: tuple[str, ...] = (), *, marked_only: bool = False) -> None:
        self._markers = commit_markers
        self._awaited = () if marked_only else commit_markers

    def find(self, tree: FileTree) -> Iterator[Candidate]:
        """Give every folder that has a marker, or should get one."""
        for unit in units(tree, self._markers, frozenset({UnitKind.COMMITTED}), wait=bool(self._awaited)):
            yield Candidate(self.name, unit.root, unit.members)

    def inspect(self, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:  # noqa: ARG002 - there is nothing to verify
        """Accept a folder whose marker is there and not older than its other files."""
        try:
            times_ns = {member.path: Path(folder, member.path).lstat().st_mtime_ns for member in candidate.members}
            committed_ns = [
                times_ns[member.path]
                for member in candidate.members
                if member.directory == candidate.root and member.name in {*MARKERS, *self._markers}
            ]
            if not committed_ns:
                return Verdict.incomplete(f"waits for a commit marker: {' or '.join(self._awaited or MARKERS)}")
            verdict = judge_unit(self.name, folder, candidate)
        except (OSError, ValueError) as error:
            return Verdict.incomplete(str(error))
        newest = max(times_ns, key=lambda path: times_ns[path])
        if verdict.checkpoint is not None and times_ns[newest] > max(committed_ns):
            return Verdict.out_of_order(f"{newest} is newer than the commit marker", verdict.checkpoint)
        return verdict

    def hardlink_safe(self, path: str) -> bool:  # noqa: ARG002 - nothing is known about any file
        """Return False: how the files are written is not known."""
        return False
