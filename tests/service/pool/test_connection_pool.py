"""The connection to a replica against servers that do to HTTP what networks do to it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from gateway.pool.http import connection as wire
from gateway.pool.http import connection_pool
from gateway.pool.http.connection import UpstreamError
from gateway.pool.http.connection_pool import KEEP_ALIVE, ConnectionPool

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BODY = [b"photo" * 100_000, b"end"]
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


class Talker:
    """A server that reads each question whole and does with it what the test says."""

    def __init__(self, answer: Handler) -> None:
        self._answer = answer
        self.connections = self.questions = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
                assert await reader.readexactly(length) == b"".join(BODY)
                self.questions += 1
                await self._answer(reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the other side has left, or the test has ended
        finally:
            writer.close()


@asynccontextmanager
async def pool_to(answer: Handler) -> AsyncIterator[tuple[ConnectionPool, Talker]]:
    talker = Talker(answer)
    server = await asyncio.start_server(talker, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = ConnectionPool(f"http://127.0.0.1:{port}/base")
    try:
        yield pool, talker
    finally:
        pool.close()
        server.close()


async def ask(pool: ConnectionPool) -> bytes:
    async with asyncio.timeout(5), pool.request("POST", "/v1/x", {"a": "b"}, BODY) as answer:
        assert answer.status == 200
        chunks = [chunk async for chunk in answer.chunks()]
        answer.finished = True
        return b"".join(chunks)


def says(*pieces: bytes) -> Handler:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.005)

    return answer


def says_and_closes(*pieces: bytes) -> Handler:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says(*pieces)(reader, writer)
        writer.close()

    return answer


async def test_a_connection_is_used_again() -> None:
    async with pool_to(says(OK + b"content-length: 2\r\n\r\nhi")) as (pool, talker):
        assert [await ask(pool) for _ in range(3)] == [b"hi"] * 3
        assert (talker.connections, talker.questions) == (1, 3)


async def test_questions_at_once_do_not_share_one() -> None:
    async with pool_to(says(OK, b"content-length: 2\r\n\r\nh", b"i")) as (pool, talker):
        assert await asyncio.gather(*(ask(pool) for _ in range(5))) == [b"hi"] * 5
        assert talker.connections == 5


async def test_what_is_cut_anywhere_is_put_together() -> None:
    whole = b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED + b"2\r\nhi\r\n3\r\n du\r\n0\r\n\r\n"
    pieces = [whole[n : n + 1] for n in range(len(whole))]
    async with pool_to(says(*pieces)) as (pool, talker):
        assert [await ask(pool), await ask(pool)] == [b"hi du"] * 2
        assert talker.connections == 1


async def test_framing_that_comes_after_the_last_event_keeps_the_connection() -> None:
    async with pool_to(says(CHUNKED + b"2\r\nhi\r\n", b"0\r\n\r\n")) as (pool, talker):
        for _ in range(2):
            async with (
                pool.request("POST", "/v1/x", {}, BODY) as answer,
                aclosing(answer.chunks()) as chunks,
            ):
                assert await anext(chunks) == b"hi"
                answer.finished = True
            await asyncio.sleep(0.05)
        assert talker.connections == 1


async def test_leaving_early_closes_it_so_that_the_replica_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "BODY_END_TIMEOUT_S", 60)
    gone = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + b"2\r\nhi\r\n")
        assert await reader.read() == b""
        gone.set()

    async with pool_to(endless) as (pool, _):
        async with pool.request("POST", "/v1/x", {}, BODY) as answer:
            assert answer.status == 200
        await asyncio.wait_for(gone.wait(), 2)


async def test_one_that_closed_while_idle_is_no_failure() -> None:
    async with pool_to(says_and_closes(OK + b"content-length: 2\r\n\r\nhi")) as (pool, talker):
        for _ in range(5):
            assert await ask(pool) == b"hi"
        assert talker.connections == 5


async def test_one_that_closes_as_the_question_comes_is_asked_again_on_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_pool, "STALE_LOSS_S", 5)  # the machine may be busy

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if talker.questions == 2:  # the second question on the first connection
            writer.transport.abort()
        await says(OK + b"content-length: 2\r\n\r\nhi")(reader, writer)

    async with pool_to(once) as (pool, talker):
        assert [await ask(pool), await ask(pool)] == [b"hi", b"hi"]
        assert (talker.connections, talker.questions) == (2, 3)


async def test_one_that_is_lost_later_is_a_failure_and_the_question_is_not_sent_again() -> None:
    """The replica may have died of it, or a proxy may have grown tired of the silence."""

    async def lost_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if talker.questions == 2:
            await asyncio.sleep(0.2)
            writer.transport.abort()
        await says(OK + b"content-length: 2\r\n\r\nhi")(reader, writer)

    async with pool_to(lost_late) as (pool, talker):
        assert await ask(pool) == b"hi"
        with pytest.raises(UpstreamError) as error:
            await ask(pool)
        assert error.value.kind == "connection"
        assert (talker.connections, talker.questions) == (1, 2)


async def test_where_nobody_is_left_after_a_question_it_counts_as_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a question that kills at once would be no try, and be sent to every replica."""
    monkeypatch.setattr(connection_pool, "STALE_LOSS_S", 5)

    async def dies_of_the_second(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if talker.questions == 2:
            server.close()
            writer.transport.abort()
        await says(OK + b"content-length: 2\r\n\r\nhi")(reader, writer)

    talker = Talker(dies_of_the_second)
    server = await asyncio.start_server(talker, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = ConnectionPool(f"http://127.0.0.1:{port}/base")
    assert await ask(pool) == b"hi"
    with pytest.raises(UpstreamError) as error:
        await ask(pool)
    assert error.value.kind == "connection"
    pool.close()


async def test_a_fresh_one_that_closes_is_a_failure() -> None:
    async with pool_to(says_and_closes()) as (pool, talker):
        with pytest.raises(UpstreamError) as error:
            await ask(pool)
        assert error.value.kind == "connection"
        assert talker.questions == 1


@pytest.mark.parametrize(
    "pieces",
    [
        [OK + b"content-length: 10\r\n\r\nhi"],
        [CHUNKED + b"5\r\nhi"],
        [CHUNKED + b"2\r\nhi\r\n"],
        [OK],
        [b"HTTP/1.1 20"],
    ],
)
async def test_an_answer_that_ends_before_its_end_is_a_failure(pieces: list[bytes]) -> None:
    async with pool_to(says_and_closes(*pieces)) as (pool, _):
        with pytest.raises(UpstreamError) as error:
            await ask(pool)
        assert error.value.kind == "connection"


@pytest.mark.parametrize(
    "pieces",
    [
        [b"SSH-2.0-OpenSSH_9.2\r\n"],
        [CHUNKED + b"zz\r\nhi"],
        [OK + b"content-length: two\r\n\r\nhi"],
        [b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"],
        [OK, *[b"x-%d: y\r\n" % n + b"z" * 60_000 for n in range(3)]],
    ],
)
async def test_what_is_not_http_is_garbage(pieces: list[bytes]) -> None:
    async with pool_to(says(*pieces)) as (pool, _):
        with pytest.raises(UpstreamError) as error:
            await ask(pool)
        assert error.value.kind == "garbage"


async def test_an_answer_may_end_with_its_connection() -> None:
    async with pool_to(says_and_closes(OK + b"\r\n", b"hi")) as (pool, talker):
        assert [await ask(pool), await ask(pool)] == [b"hi", b"hi"]
        assert talker.connections == 2


async def test_bytes_that_nobody_asked_for_spoil_the_connection() -> None:
    pieces = [OK + b"content-length: 2\r\n\r\nhi", OK + b"content-length: 2\r\n\r\nno"]
    async with pool_to(says(*pieces)) as (pool, talker):
        assert await ask(pool) == b"hi"
        await asyncio.sleep(0.1)
        assert await ask(pool) == b"hi"
        assert talker.connections == 2


async def test_a_second_answer_in_one_piece_with_the_first_is_nobody_s() -> None:
    """It would be taken for the answer to the next question."""
    another = OK + b"content-length: 5\r\n\r\nother"
    end = b"0\r\n\r\n"
    async with pool_to(says(CHUNKED + b"4\r\nmine\r\n", end + another)) as (pool, talker):
        for _ in range(3):
            async with asyncio.timeout(5), pool.request("POST", "/v1/x", {}, BODY) as answer:
                async with aclosing(answer.chunks()) as chunks:
                    assert await anext(chunks) == b"mine"
                answer.finished = True  # as the pool does after [DONE]
            await asyncio.sleep(0.05)
            assert len(pool._idle) == len({id(idle) for idle in pool._idle})
        assert talker.connections == 3


async def test_an_endless_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_ANSWER_BYTES", 1_000_000)

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"\r\n")
        while True:
            writer.write(b"x" * 100_000)
            await writer.drain()

    async with pool_to(endless) as (pool, _):
        with pytest.raises(UpstreamError) as error:
            await ask(pool)
        assert error.value.kind == "garbage"


async def test_who_reads_slowly_makes_the_replica_wait() -> None:
    sent = 0

    async def much(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(OK + b"content-length: 6000000\r\n\r\n")
        for _ in range(60):
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent += 100_000

    async with (
        pool_to(much) as (pool, _),
        pool.request("POST", "/v1/x", {}, BODY) as answer,
        aclosing(answer.chunks()) as chunks,
    ):
        read = len(await anext(chunks))
        await asyncio.sleep(0.3)
        assert sent < 6_000_000
        async for chunk in chunks:
            read += len(chunk)
        assert read == 6_000_000


async def test_nobody_there_is_told_soon() -> None:
    async with pool_to(says()) as (pool, _):
        pass
    with pytest.raises(UpstreamError) as error:
        await ask(pool)
    assert error.value.kind == "connect"


async def test_a_handshake_may_take_longer_than_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_pool, "CONNECT_TIMEOUT_S", 0.05)

    async def hesitates(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await asyncio.sleep(0.3)
        writer.close()

    server = await asyncio.start_server(hesitates, "127.0.0.1", 0)
    pool = ConnectionPool(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(UpstreamError, match="Connection") as error:  # waited for, and gone
        await ask(pool)
    assert error.value.kind == "connect"
    server.close()


async def test_the_head_of_an_answer_is_no_sign_of_life_and_its_body_is() -> None:
    """vLLM sends the head before its engine has seen the question."""
    go_on = asyncio.Event()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        await go_on.wait()
        writer.write(b"2\r\nhi\r\n0\r\n\r\n")

    async with pool_to(answer) as (pool, _):
        before = pool.last_byte_at
        async with asyncio.timeout(5), pool.request("POST", "/v1/x", {}, BODY) as response:
            assert response.status == 200
            assert pool.last_byte_at == before
            go_on.set()
            assert [chunk async for chunk in response.chunks()] == [b"hi"]
            assert pool.last_byte_at > before


async def test_the_kernel_asks_whether_a_silent_machine_is_still_there() -> None:
    async with (
        pool_to(says(OK + b"content-length: 2\r\n\r\n", b"ok")) as (pool, _),
        pool.request("POST", "/v1/x", {"a": "b"}, BODY) as answer,
    ):
        assert answer._transport is not None
        connected = answer._transport.get_extra_info("socket")
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        asked = [connected.getsockopt(socket.IPPROTO_TCP, option) for option in options]
        assert asked == list(KEEP_ALIVE.values())
