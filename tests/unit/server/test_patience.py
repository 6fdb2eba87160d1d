"""Connections that do not say what they want are let go."""

import asyncio

import uvicorn

from modelwatch.server import patience
from modelwatch.server.patience import PatientProtocol


async def _app(_scope, receive, send):
    message = await receive()
    while message.get("more_body"):
        message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def _served(talk):
    """Serve `_app` on a free port, have `talk` a conversation with it, and return what that returns."""
    config = uvicorn.Config(_app, port=0, http=PatientProtocol, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.wait({task}, timeout=0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            return await asyncio.wait_for(talk(reader, writer), 30)
        finally:
            writer.close()
    finally:
        server.should_exit = True
        await task


def test_a_head_that_never_ends_is_not_waited_for(monkeypatch):
    """Neither the first one nor one after a request that was answered."""
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.05)

    async def says_nothing(reader, _writer):
        return await reader.read()

    async def says_half(reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        return await reader.read()

    async def says_one_and_a_half(reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET / HT")
        return await reader.read()

    for talk in (says_nothing, says_half, says_one_and_a_half):
        assert asyncio.run(_served(talk)) == b""


def test_a_request_that_came_whole_is_answered(monkeypatch):
    """However long its body takes: that is timed elsewhere."""
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.05)

    async def sends_a_slow_body(reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\na")
        await asyncio.wait({asyncio.create_task(asyncio.Event().wait())}, timeout=0.2)
        writer.write(b"b")
        return await reader.readline()

    assert asyncio.run(_served(sends_a_slow_body)).startswith(b"HTTP/1.1 200 ")


def test_an_answer_that_nobody_takes_is_not_kept(monkeypatch):
    """The connection is let go, with what was left to send, and the request that made it ends."""
    monkeypatch.setattr(patience, "STALLED_SECONDS", 0.05)
    ended = []

    async def sends_without_end(_scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
            if ended:
                return
            await asyncio.wait({asyncio.create_task(receive())}, timeout=0)

    async def serve():
        config = uvicorn.Config(sends_without_end, port=0, http=PatientProtocol, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve())
        while not server.started:
            await asyncio.wait({task}, timeout=0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            while not server.server_state.connections:
                await asyncio.wait({task}, timeout=0.01)
            while server.server_state.connections:  # nothing is read meanwhile
                await asyncio.wait({task}, timeout=0.01)
            ended.append(True)
        finally:
            writer.close()
            server.should_exit = True
            await task

    asyncio.run(asyncio.wait_for(serve(), 30))
    assert ended


def test_a_head_that_goes_on_and_on_is_refused():
    """Whether it is one long line or many, whatever is sent is not kept."""

    async def sends_a_long_line(reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
        return await _fill(reader, writer, b"x" * 4096)

    async def sends_many_lines(reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        return await _fill(reader, writer, b"X-Short: x\r\n" * 300)

    for talk in (sends_a_long_line, sends_many_lines):
        assert asyncio.run(_served(talk)).startswith(b"HTTP/1.1 400 ")


async def _fill(reader, writer, piece):
    """Send a piece until the server answers; return the answer's first line."""
    answer = asyncio.create_task(reader.readline())
    while not answer.done():
        writer.write(piece)
        await asyncio.wait({answer}, timeout=0.01)
    return answer.result()


def test_a_body_is_no_head():
    """However long it is, and however much of it comes with the head or after the answer."""
    body = bytes(range(256)) * (patience.LARGEST_HEAD_BYTES // 64)

    async def sends_two(reader, writer):
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return await reader.readuntil(b"\r\n\r\n") + await reader.readuntil(b"\r\n\r\n")

    assert asyncio.run(_served(sends_two)).count(b"HTTP/1.1 200 ") == 2
