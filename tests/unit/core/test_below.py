"""Reaching what is below a folder, and nothing else."""

import os

import pytest

from modelwatch.core.below import directory_below
from modelwatch.core.files import NotARegularFileError, open_regular


def test_a_folder_below_is_opened(tmp_path):
    """The descriptor is that of the folder, at any depth, and of the root for the empty path."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    for path in ("", "a", "a/b"):
        with directory_below(str(tmp_path), path) as descriptor:
            assert os.path.samestat(os.fstat(descriptor), (tmp_path / path).stat())


@pytest.mark.parametrize("path", ["link", "link/b", "a/link"])
def test_no_link_is_followed_below_the_root(tmp_path, path):
    """A symbolic link anywhere on the way ends it, while the root may be one."""
    (tmp_path / "real" / "a" / "b").mkdir(parents=True)
    (tmp_path / "real" / "link").symlink_to("a")
    (tmp_path / "real" / "a" / "link").symlink_to("b")
    (tmp_path / "root").symlink_to("real")
    with pytest.raises(NotADirectoryError), directory_below(str(tmp_path / "root"), path):
        pytest.fail("a link was followed")


def test_what_is_missing_is_told(tmp_path):
    """A folder that is not there is an error of that kind."""
    with pytest.raises(FileNotFoundError), directory_below(str(tmp_path), "a/b"):
        pytest.fail("a missing folder was opened")


def test_a_file_is_opened_from_a_folder(tmp_path):
    """A regular file is opened relative to a descriptor; a link in its place is refused."""
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    with directory_below(str(tmp_path), "") as directory:
        descriptor = open_regular("file", directory=directory)
        assert os.read(descriptor, 100) == b"content"
        os.close(descriptor)
        with pytest.raises(NotARegularFileError):
            open_regular("link", directory=directory)
        with pytest.raises(FileNotFoundError):
            open_regular("missing", directory=directory)
