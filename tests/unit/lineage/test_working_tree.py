"""What is read from a working tree's files is what Git itself says."""

import os
import shutil
import subprocess

import pytest

from modelwatch.config.settings import Git
from modelwatch.lineage.working_tree import working_tree

if shutil.which("git") is None:
    pytest.skip("git is missing (on Debian: apt-get install git): reading its files is not tested", allow_module_level=True)

IDENTITY = ("-c", "user.name=n", "-c", "user.email=e@x", "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main")


def git(folder, *arguments):
    """Run Git in a folder, without anybody's configuration, and return what it says."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(["git", *IDENTITY, *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path):
    """A working tree with one commit on main, and a remote whose address holds a password."""
    folder = tmp_path / "project"
    (folder / "deep" / "down").mkdir(parents=True)
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "one")
    git(folder, "remote", "add", "upstream", "https://example.com/other.git")
    git(folder, "remote", "add", "origin", "https://anna:hunter2@example.com/project.git")
    return folder


def test_a_branch_is_told_with_its_commit_and_address(tree):
    """From a folder deep inside as well; the password in the address is not told."""
    expected = Git("main", git(tree, "rev-parse", "HEAD"), "https://***@example.com/project.git")
    assert working_tree(tree) == working_tree(tree / "deep" / "down") == expected


def test_packed_references_are_read(tree):
    """After `git gc` a branch is a line of one file."""
    git(tree, "branch", "main2")
    git(tree, "commit", "--quiet", "--allow-empty", "--message", "two")
    git(tree, "pack-refs", "--all")
    assert not (tree / ".git" / "refs" / "heads" / "main").exists()
    assert working_tree(tree).sha == git(tree, "rev-parse", "HEAD")


def test_a_detached_head_has_a_commit_and_no_branch(tree):
    """As continuous integration checks out."""
    git(tree, "checkout", "--quiet", "--detach")
    found = working_tree(tree)
    assert (found.ref, found.sha) == (None, git(tree, "rev-parse", "HEAD"))


def test_a_branch_with_slashes_and_without_remote(tmp_path):
    """The whole name is told; there is no address."""
    git(tmp_path, "init", "--quiet", "--initial-branch", "feature/a/b")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "one")
    assert working_tree(tmp_path) == Git("feature/a/b", git(tmp_path, "rev-parse", "HEAD"), None)


def test_a_linked_worktree_is_told_apart_from_its_repository(tree, tmp_path):
    """Its HEAD is its own; branches and remotes are the repository's."""
    git(tree, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    git(tmp_path / "side", "commit", "--quiet", "--allow-empty", "--message", "two")
    found = working_tree(tmp_path / "side")
    assert (found.ref, found.sha) == ("side", git(tmp_path / "side", "rev-parse", "HEAD"))
    assert found.sha != working_tree(tree).sha
    assert found.repository == "https://***@example.com/project.git"


def test_a_submodule_is_told_and_not_what_it_is_in(tree, tmp_path):
    """A training in a submodule is of the submodule's commit."""
    git(tmp_path, "init", "--quiet", "outer")
    git(tmp_path / "outer", "submodule", "--quiet", "add", str(tree), "inner")
    assert working_tree(tmp_path / "outer" / "inner").sha == git(tree, "rev-parse", "HEAD")


def test_sha_256_is_a_commit_too(tmp_path):
    """Its commits have 64 digits."""
    git(tmp_path, "init", "--quiet", "--object-format=sha256")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "one")
    assert len(working_tree(tmp_path).sha) == 64


def test_no_working_tree_and_no_commit_are_told_as_nothing(tmp_path):
    """A folder outside of any, and a repository that was just made."""
    assert working_tree(tmp_path) is None
    git(tmp_path, "init", "--quiet")
    assert working_tree(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("HEAD", b"ref: refs/heads/../../../../etc/hostname\n"),
        ("HEAD", b"ref: refs/heads/.invalid\n"),
        ("HEAD", b"ref: HEAD\n"),
        ("HEAD", b"\xff\x00" * 100),
        ("HEAD", b"x" * 100_000),
        ("HEAD", None),
        ("refs/heads/main", b"ref: refs/heads/main\n"),
        ("refs/heads/main", b"not a commit\n"),
    ],
)
def test_what_git_does_not_write_is_told_as_nothing(tree, name, content):
    """Damage, loops, references out of the folder and FIFOs end in nothing, soon."""
    path = tree / ".git" / name
    path.unlink()
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content)
    assert working_tree(tree) is None


def test_a_damaged_file_in_place_of_the_folder_is_told_as_nothing(tmp_path):
    """`.git` as a file that names nothing, or a folder that is not there."""
    (tmp_path / ".git").write_text("gitdir: nowhere\n", encoding="utf-8")
    assert working_tree(tmp_path) is None
