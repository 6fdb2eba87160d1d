"""
Content on its way to a server: several files at once, each in pieces, and on from where a connection broke.

    POST uploads {"digest", "size"} → PATCH with Upload-Offset, as often as needed → the last byte is answered with the digest

HEAD tells how far an upload has come. What one call could not finish the next goes on with: uploads are remembered until they are done.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from modelwatch.client.connection import PIECE_BYTES, Answer, Connection
from modelwatch.client.failures import no_server
from modelwatch.core.backoff import Backoff
from modelwatch.core.digest import Digest
from modelwatch.core.errors import PermanentError, TransientError
from modelwatch.core.files import NotARegularFileError, RegularFile
from modelwatch.core.steps import reached
from modelwatch.repository.storage.copying import hash_file

Advance = Callable[[int], None]
"""Is told the bytes sent since the last call."""

OFFSET = "Upload-Offset"

_AT_ONCE = 4
_LARGEST_REQUEST_BYTES = 64 << 20
"""Longer ones gain nothing, and a proxy that keeps a request until it is whole would lose more of it with the connection."""
_SMALLEST_REQUEST_BYTES = 1 << 20
_TRIES = 5
_LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Content:
    """
    A file's bytes that the server is to have.

    Attributes:
        digest: Of the bytes.
        size: How many.
        path: The regular file that holds them, and that nobody writes.
    """

    digest: Digest
    size: int
    path: Path


class Sender:
    """
    Sends content to one team. Belongs to one thread; it starts others for the time of a call.

    Args:
        connection: To the server.

        team: Whose content it will be.
    """

    def __init__(self, connection: Connection, team: str) -> None:
        self._connection = connection
        self._team = team
        self._under_way: dict[Digest, str] = {}  # the ids of uploads that are begun and not finished
        self._request_bytes = _LARGEST_REQUEST_BYTES
        self._lock = threading.Lock()

    def send(self, contents: Sequence[Content], advance: Advance) -> None:
        """
        Send contents that the server does not have.

        Raises:
            TransientError: The server cannot take them now. The next call goes on where this one was.

            PermanentError: A file is gone, or does not hold what its digest says.

            AccessError, NotFoundError: As `Connection`.
        """

        def one_at_a_time(count: int) -> None:
            with self._lock:
                advance(count)

        if len(contents) == 1:
            self._send(contents[0], advance, threading.Event())
            return
        given_up = threading.Event()
        with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(contents))), thread_name_prefix="modelwatch-send") as pool:
            ordered = sorted(contents, key=lambda content: content.size, reverse=True)
            running = [pool.submit(self._send, content, one_at_a_time, given_up) for content in ordered]
            try:
                wait(running, return_when=FIRST_EXCEPTION)
            except BaseException:
                self._connection.close()  # the user does not wait for what is on its way
                raise
            finally:
                given_up.set()
                for future in running:
                    future.cancel()
        for future in running:
            if not future.cancelled():
                future.result()

    def _send(self, content: Content, advance: Advance, given_up: threading.Event) -> None:
        with _opened(content) as file:
            told = Told(advance)
            tries, farthest = 0, -1
            while not given_up.is_set():
                try:
                    if self._attempt(content, file, told, given_up):
                        reached("client.content-sent")
                        return
                except TransientError as error:
                    tries = 1 if told.reached > farthest else tries + 1
                    farthest = max(farthest, told.reached)
                    pause = error.retry_after_seconds or Backoff(0.2, cap_seconds=_LONGEST_PAUSE_SECONDS).wait_seconds(tries)
                    if tries >= _TRIES or pause > _LONGEST_PAUSE_SECONDS:
                        raise
                    self._connection.pause(pause)

    def _attempt(self, content: Content, file: RegularFile, told: Told, given_up: threading.Event) -> bool:
        """Go on with an upload as far as it goes; return whether it is done. Raise what stopped it."""
        offset = self._offset(content)
        if offset is not None and not self._append(content, file, offset, told, given_up):
            return False
        self._under_way.pop(content.digest, None)
        told.reach(content.size)
        return True

    # ------------------------------------------------------------------------------------------------------------- requests

    def _path(self, *parts: str) -> str:
        return self._connection.path("teams", self._team, "uploads", *parts)

    def _offset(self, content: Content) -> int | None:
        """Return where to go on with an upload, which is begun when it is not under way, or None when the team has the content."""
        identifier = self._under_way.get(content.digest)
        if identifier is not None:
            answer = self._connection.request("HEAD", self._path(identifier), also={404})
            if answer.error is None:
                return self._whole(answer.headers.get(OFFSET))
            del self._under_way[content.digest]  # too old, or it was done and the answer was lost
        body = {"digest": str(content.digest), "size": content.size}
        answer = self._connection.request("POST", self._path(), body=body)
        if answer.status == 200:
            return None
        with self._as_a_server():
            self._under_way[content.digest] = str(answer.value["id"])
            return int(answer.value["offset"])

    def _append(self, content: Content, file: RegularFile, offset: int, told: Told, given_up: threading.Event) -> bool:
        """Send what comes from an offset on; return whether the server has all of it. Raise what stopped it."""
        while not given_up.is_set():
            length = min(self._request_bytes, content.size - offset)
            try:
                answer = self._patch(content, Piece(file, content.path, offset, length, told))
            except TransientError:
                self._shorten(length)
                raise
            if answer.status == 200:
                return True
            if answer.error is not None:  # 413: of whoever stands between us and the server
                if length <= _SMALLEST_REQUEST_BYTES:
                    raise answer.error
                self._shorten(length)
                return False
            self._request_bytes = min(_LARGEST_REQUEST_BYTES, self._request_bytes * 2)
            offset = self._after(answer, offset, content.size)
        return False

    def _shorten(self, length: int) -> None:
        """
        Send less at a time.

        Something may stand in between that takes no requests of this length, or breaks off those that last so long; not all of them say so.
        """
        self._request_bytes = max(_SMALLEST_REQUEST_BYTES, length // 4)

    def _patch(self, content: Content, piece: Piece) -> Answer:
        path = self._path(self._under_way[content.digest])
        headers = {OFFSET: str(piece.offset), "Content-Type": "application/octet-stream"}
        try:
            answer = self._connection.send("PATCH", path, piece if len(piece) else (), headers=headers, also={404, 409, 413})
        except PermanentError as error:
            del self._under_way[content.digest]
            raise self._refused(content, error) from error
        if answer.status in {404, 409}:
            raise TransientError(f"{self._connection.url} stands elsewhere in the upload of {content.path}")
        return answer

    def _after(self, answer: Answer, offset: int, size: int) -> int:
        after = self._whole(answer.headers.get(OFFSET))
        if not offset < after < size:
            raise no_server(self._connection.url, f"after {offset} of {size} bytes it stands at {after}")
        return after

    def _refused(self, content: Content, error: PermanentError) -> PermanentError | TransientError:
        """Return why the server did not take the content: because of the file, or of what has become of its bytes on the way."""
        with _opened(content) as file:
            digest = hash_file(file.fileno(), lambda _count: None)[0]
        if digest == content.digest:
            return TransientError(f"{content.path} was not taken: {error.message}", hint=error.hint)
        return PermanentError(f"{content.path} does not hold what was sealed with the digest {content.digest}")

    def _whole(self, text: str | None) -> int:
        with self._as_a_server():
            return int(str(text))

    @contextlib.contextmanager
    def _as_a_server(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise no_server(self._connection.url, f"{type(error).__name__}: {error}") from error


class Told:
    """
    How much of a file has been told to who follows the progress: what is sent again is not told again.

    Attributes:
        reached: Bytes.
    """

    def __init__(self, advance: Advance) -> None:
        self.reached = 0
        self._advance = advance

    def reach(self, offset: int) -> None:
        """Say that everything before `offset` is sent."""
        if offset > self.reached:
            self._advance(offset - self.reached)
            self.reached = offset


class Piece:
    """
    A part of a file as a request's body, read while it is sent.

    Attributes:
        offset: Where in the file it begins.
    """

    def __init__(self, file: RegularFile, path: Path, offset: int, length: int, told: Told) -> None:
        self.offset = offset
        self._file = file
        self._path = path
        self._length = length
        self._told = told

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        offset, end = self.offset, self.offset + self._length
        while offset < end:
            try:
                data = self._file.read_at(offset, min(PIECE_BYTES, end - offset))
            except OSError as error:
                raise TransientError(f"{self._path} cannot be read: {error.strerror}") from error
            if not data:
                raise PermanentError(f"{self._path} became shorter while it was sent")
            yield data
            offset += len(data)
            self._told.reach(offset)


@contextlib.contextmanager
def _opened(content: Content) -> Iterator[RegularFile]:
    try:
        file = RegularFile(content.path)
    except (FileNotFoundError, NotADirectoryError, NotARegularFileError) as error:
        raise PermanentError(f"{content.path} is gone, or no regular file any more") from error
    except OSError as error:
        raise TransientError(f"{content.path} cannot be read: {error.strerror}") from error
    with file:
        if file.size != content.size:
            raise PermanentError(f"{content.path} has {file.size} bytes, not the {content.size} it was sealed with")
        yield file
