"""Content that arrives in pieces."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repositories import blob_files, new_repository

from modelwatch.core.digest import Digest
from modelwatch.core.errors import NotFoundError, PermanentError, TransientError
from modelwatch.core.lock import LockedError, locked
from modelwatch.repository.layout import LOCK
from modelwatch.repository.storage.staging import OffsetError, StagedUpload

CONTENT = b"0123456789"


@pytest.fixture
def storage(tmp_path):
    """The keys of a new repository."""
    return new_repository(tmp_path / "repository").storage


@pytest.fixture
def upload(storage):
    """An upload of `CONTENT` that has begun."""
    with StagedUpload.create(storage, Digest.of_bytes(CONTENT), len(CONTENT)) as upload:
        yield upload


def staged(storage):
    """Return what is in staging."""
    return list(storage.path("staging").iterdir())


@given(cuts=st.lists(st.tuples(st.integers(0, 10), st.booleans()), max_size=6))
def test_pieces_of_any_size_with_any_interruption_make_the_blob(tmp_path_factory, cuts):
    """However the content is cut, and wherever whoever writes it ends and another goes on, the blob is the content."""
    storage = new_repository(tmp_path_factory.mktemp("r") / "repository").storage
    upload = StagedUpload.create(storage, Digest.of_bytes(CONTENT), len(CONTENT))
    for cut, interrupted in sorted(cuts):
        upload.append(upload.offset, CONTENT[upload.offset : cut])
        upload.sync()
        if interrupted:
            upload.close()
            upload = StagedUpload.resume(storage, upload.identifier)
            assert upload.offset == cut
    upload.append(upload.offset, CONTENT[upload.offset :])
    upload.finish()
    assert storage.blob_path(Digest.of_bytes(CONTENT)).read_bytes() == CONTENT
    assert staged(storage) == []


def test_nothing_is_a_blob_before_the_end(storage, upload):
    """A half upload shows nowhere, and cannot be finished."""
    upload.append(0, CONTENT[:9])
    assert not storage.has_blob(upload.digest, upload.size)
    with pytest.raises(OffsetError, match="9 of 10"):
        upload.finish()
    upload.append(9, CONTENT[9:])
    upload.finish()
    assert storage.has_blob(upload.digest, upload.size)


@pytest.mark.parametrize(("offset", "data"), [(2, b"x"), (4, b"x"), (3, b"x" * 8)])
def test_a_piece_that_does_not_fit_is_refused_and_the_offset_told(upload, offset, data):
    """A gap, bytes that are there already and more than was announced write nothing."""
    upload.append(0, CONTENT[:3])
    with pytest.raises(OffsetError) as caught:
        upload.append(offset, data)
    assert caught.value.offset == upload.offset == 3


def test_other_content_than_announced_is_discarded(storage, upload):
    """The digest decides: wrong bytes become no blob and are not kept either."""
    upload.append(0, b"9876543210")
    with pytest.raises(PermanentError, match="digest"):
        upload.finish()
    assert staged(storage) == []
    with pytest.raises(NotFoundError):
        StagedUpload.resume(storage, upload.identifier)


def test_two_cannot_write_to_one_upload(storage, upload):
    """A second request for the same upload is told to come back, and finds it once the first has ended."""
    upload.append(0, b"01")
    with pytest.raises(TransientError) as caught:
        StagedUpload.resume(storage, upload.identifier)
    assert caught.value.retry_after_seconds
    upload.close()
    upload.close()
    with StagedUpload.resume(storage, upload.identifier) as again:
        assert (again.offset, again.digest, again.size) == (2, upload.digest, upload.size)


@pytest.mark.parametrize("identifier", ["", "x", "../../repository.json", f"{'0' * 32}-5-{'0' * 64}", f"{'0' * 32}-5-{'0' * 64}\n"])
def test_unknown_uploads_are_not_found(storage, identifier):
    """Neither an upload that is not there nor a name that leads elsewhere is opened or made."""
    storage.path("staging").mkdir()
    with pytest.raises(NotFoundError):
        StagedUpload.resume(storage, identifier)
    assert staged(storage) == []


def test_content_that_is_there_already_is_replaced_by_the_same(storage, upload):
    """Uploading what the repository has heals a blob that was cut short, and lets the time to register it begin anew."""
    blob = storage.blob_path(upload.digest)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"012")
    os.utime(blob, (1, 1))
    upload.append(0, CONTENT)
    upload.finish()
    assert blob.read_bytes() == CONTENT
    assert blob.stat().st_mtime > 1


def test_an_empty_file_is_content(storage):
    """Nothing to append is enough."""
    upload = StagedUpload.create(storage, Digest.of_bytes(b""), 0)
    upload.finish()
    assert storage.has_blob(Digest.of_bytes(b""), 0)


def test_uploads_survive_a_collection_for_a_day(storage, upload, tmp_path):
    """What is being uploaded is not taken for a killed writer's; what nobody goes on with is, after a day."""
    upload.append(0, CONTENT[:5])
    repository = new_repository(tmp_path / "repository")
    repository.collect_garbage()
    upload.append(5, CONTENT[5:])
    upload.finish()
    assert len(blob_files(repository)) == 1

    left = StagedUpload.create(storage, Digest.of_bytes(b"x"), 1)
    left.close()
    then = time.time() - 86400 - 60
    os.utime(staged(storage)[0], (then, then))
    repository.collect_garbage()
    assert staged(storage) == []


def test_an_upload_that_was_collected_cannot_be_finished(storage, upload):
    """Who comes back too late is told to begin again, and no blob appears under the digest, whoever has the name by now."""
    upload.append(0, CONTENT)
    path = staged(storage)[0]
    path.unlink()
    path.write_bytes(b"another")
    with pytest.raises(NotFoundError):
        upload.finish()
    assert not storage.has_blob(upload.digest, upload.size)


def test_a_finished_upload_is_young_however_old_its_pieces_are(storage, upload, tmp_path):
    """The time that content waits for its registration counts from its end, not from its last piece."""
    upload.append(0, CONTENT)
    then = time.time() - 86400 + 5
    os.utime(staged(storage)[0], (then, then))
    upload.finish()
    assert storage.blob_written(upload.digest) > then + 60
    assert new_repository(tmp_path / "repository").collect_garbage().blobs == 0


def test_finishing_waits_for_a_collection(storage, upload, monkeypatch):
    """While content becomes a blob, nobody removes blobs."""
    upload.append(0, CONTENT)
    adopt = storage.adopt_blob
    seen = []

    def look(path, digest):
        with pytest.raises(LockedError), locked(storage.path(LOCK), wait=False):
            pass
        seen.append(digest)
        adopt(path, digest)

    monkeypatch.setattr(storage, "adopt_blob", look)
    upload.finish()
    assert seen == [upload.digest]


def test_a_full_disk_is_transient_and_the_upload_goes_on(upload, monkeypatch):
    """What could be written is kept and counted, and the rest can follow."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:4]))
    upload.append(0, CONTENT[:6])
    assert upload.offset == 6

    def full(_descriptor, _data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(TransientError, match="is full"):
        upload.append(6, CONTENT[6:])
    monkeypatch.undo()
    upload.append(upload.offset, CONTENT[upload.offset :])
    upload.finish()
