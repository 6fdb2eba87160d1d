"""Registering content that is in the repository already, and how long content waits for its registration."""

import os
import time
from dataclasses import replace

import pytest
from repositories import TEAM, blob_files, new_repository, put_content

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Storage
from modelwatch.core.errors import PermanentError
from modelwatch.core.lock import LockedError
from modelwatch.repository.garbage import GRACE_SECONDS
from modelwatch.repository.uploading import register_upload
from modelwatch.repository.writing import MissingContentError
from modelwatch.testing.sink_contract import make_registration, make_snapshot

FILES = {"a": b"1", "b/c": b"22"}


@pytest.fixture
def repository(tmp_path):
    """A new repository."""
    return new_repository(tmp_path / "repository")


@pytest.fixture
def registration(tmp_path):
    """The registration of two files."""
    return make_registration(make_snapshot(tmp_path / "s", FILES).manifest)


def age(path, seconds):
    """Make a file look as if it was written a while ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_what_is_stored_can_be_registered(repository, registration):
    """Once its content is there, a registration becomes a version, once."""
    for content in FILES.values():
        put_content(repository, content)
    receipts = [repository.register_stored(registration) for _ in range(2)]
    assert [receipt.version for receipt in receipts] == ["1", "1"]
    assert repository.version("digits", team=TEAM).registration == registration


def test_a_registration_ahead_of_its_content_says_what_is_missing(repository, registration):
    """It becomes nothing, and the files to bring are named."""
    put_content(repository, FILES["a"])
    with pytest.raises(MissingContentError, match="'b/c'") as caught:
        repository.register_stored(registration)
    assert [entry.path for entry in caught.value.missing] == ["b/c"]
    assert repository.models() == ()
    put_content(repository, FILES["b/c"])
    assert repository.register_stored(registration).version == "1"


def test_content_of_another_size_is_missing(repository, registration):
    """A blob that was cut short is not taken for the content."""
    for content in FILES.values():
        put_content(repository, content)
    os.truncate(repository.storage.blob_path(Digest.of_bytes(b"22")), 1)
    with pytest.raises(MissingContentError):
        repository.register_stored(registration)


def test_a_deleted_version_delivered_again_needs_no_content(repository, registration):
    """It stays deleted and answers with its receipt although its content is gone."""
    for content in FILES.values():
        put_content(repository, content)
    receipt = repository.register_stored(registration)
    repository.delete_version("digits", "1", team=TEAM)
    assert repository.collect_garbage().blobs == 2
    assert repository.register_stored(registration) == receipt
    assert repository.model("digits", team=TEAM).versions == ()


@pytest.mark.parametrize("change", [{"storage": Storage.REFERENCE}, {"model": ""}, {"team": ""}])
def test_what_cannot_be_stored_is_refused(repository, registration, change):
    """A registration by reference, or without a name, can never succeed."""
    for content in FILES.values():
        put_content(repository, content)
    with pytest.raises(PermanentError):
        repository.register_stored(replace(registration, **change))


def test_the_same_upload_again_is_another_version(repository, registration):
    """Registered as an upload, the same content is a version each time; missing content is told as ever."""
    registration = replace(registration, format="upload")
    with pytest.raises(MissingContentError):
        register_upload(repository, registration)
    for content in FILES.values():
        put_content(repository, content)
    assert [register_upload(repository, registration).version for _ in range(2)] == ["1", "2"]
    assert [version.registration.upload for version in repository.model("digits", team=TEAM).versions] == ["1", "2"]


def test_a_blob_can_be_opened(repository):
    """Its bytes are read from anywhere in it; one that is not there is told."""
    digest = put_content(repository, b"0123456789")
    with repository.storage.open_blob(digest) as file:
        file.seek(4)
        assert file.read(3) == b"456"
    with pytest.raises(FileNotFoundError):
        repository.storage.open_blob(Digest.of_bytes(b"nothing"))


# ------------------------------------------------------------------------------------------------------- waiting for its turn


def test_content_waits_for_its_registration_and_not_for_ever(repository):
    """Content that nothing refers to is kept for the grace time after it came, and goes then."""
    put_content(repository, b"1")
    assert repository.collect_garbage().blobs == 0
    age(blob_files(repository)[0], GRACE_SECONDS - 60)
    assert repository.collect_garbage().blobs == 0
    age(blob_files(repository)[0], GRACE_SECONDS + 60)
    assert repository.collect_garbage().blobs == 1


def test_content_that_comes_again_after_a_deletion_waits_too(repository, registration):
    """What a deleted version had goes at once, and what was brought since the deletion is kept for a registration to come."""
    for content in FILES.values():
        put_content(repository, content)
    repository.register_stored(registration)
    repository.delete_version("digits", "1", team=TEAM)
    assert repository.collect_garbage().blobs == 2
    digest = put_content(repository, b"22")
    age(repository.storage.blob_path(digest), -1)
    assert repository.collect_garbage().blobs == 0
    assert repository.storage.has_blob(digest, 2)


def test_registering_stored_content_holds_off_collections(repository, registration, monkeypatch):
    """From the look at the content to the claim nobody can take it away."""
    for content in FILES.values():
        put_content(repository, content)
    has_blob = repository.storage.has_blob

    def look(digest, size):
        with pytest.raises(LockedError):
            repository.collect_garbage(wait=False)
        return has_blob(digest, size)

    monkeypatch.setattr(repository.storage, "has_blob", look)
    repository.register_stored(registration)
