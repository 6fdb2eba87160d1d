"""What uploaded content is recognised as."""

import os

from tensorflow_files import lay_out

from modelwatch.core.entities import Manifest, ManifestEntry, ModelType
from modelwatch.server.accounts.database import accounts_path


def _uploaded(server, files):
    return Manifest(tuple(ManifestEntry(path, len(files[path]), server.upload(files[path])) for path in sorted(files)))


def _library(server):
    return server.services.library("default", sees_all=True)


def test_a_model_tells_what_it_is_whoever_sent_its_files(server, tmp_path):
    """A SavedModel that came in pieces has its type and parameters, and the look at it leaves nothing behind."""
    folder = lay_out("saved_model_2", tmp_path / "model")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found = _library(server).recognised(_uploaded(server, files), None)
    assert found.model_type is ModelType.TENSORFLOW
    assert found.told is not None
    assert found.told.metadata["parameters"] == 1
    assert not list(accounts_path(server.root).parent.glob("recognising-*"))


def test_names_that_no_folder_can_hold_are_of_no_known_kind(server):
    """A file name that is too long for the disk, or no text, stops no upload."""
    for name in ("x" * 300, "\ud800"):
        found = _library(server).recognised(_uploaded(server, {name: b"?"}), None)
        assert (found.model_type, found.told) == (ModelType.CUSTOM, None)


def test_what_somebody_was_killed_at_is_swept_away(server):
    """A folder of links that a killed server left would keep content for ever; the next look removes it once it is old."""
    left = accounts_path(server.root).parent / "recognising-left"
    left.mkdir()
    os.utime(left, (1.0, 1.0))
    _library(server).recognised(_uploaded(server, {"weights": b"?"}), None)
    assert not left.exists()
