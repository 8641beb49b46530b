"""Helpers: what goes beyond a limit, or dies, costs its own work and nothing else. What a helper
may not do, it cannot."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contract.errors import Overloaded
from contract.sandbox import spawning
from contract.sandbox.limits import Limits
from contract.sandbox.processes import (
    HelperProcesses,
    NoHelperError,
    RefusedError,
    StalledError,
    TooCostlyError,
)
from contract.sandbox.spawning import HANGS_S, ForkServer, Helper, launch

MB = 1024 * 1024
LIMITS = Limits(cpu_s=0.3, memory_bytes=64 * MB, wall_s=3)


@pytest.fixture
async def server() -> AsyncIterator[ForkServer]:
    server = ForkServer("tests.support.sandboxed", b"loaded once")
    yield server
    server.close()


@pytest.fixture
async def helpers(server: ForkServer) -> AsyncIterator[HelperProcesses]:
    helpers = processes(server)
    await helpers.start()
    yield helpers
    helpers.close()


def processes(server: ForkServer, limits: Limits = LIMITS, **more: int) -> HelperProcesses:
    given = {"count": 1, "max_waiting": 5, "works_each": 100, **more}
    given = {"max_body_bytes": 20 * MB, "max_result_bytes": 20 * MB, **given}
    return HelperProcesses(server, limits, **given)


async def do(helpers: HelperProcesses, what: str, body: bytes = b"", **head: Any) -> dict[str, Any]:
    result, data = await helpers.run({"do": what, **head}, body)
    assert what != "echo" or data == body
    return result


async def test_work_of_any_size_goes_there_and_back(helpers: HelperProcesses) -> None:
    for size in (0, 1, 65_000, 65_536, 200_000, 13 * MB):
        result = await do(helpers, "echo", os.urandom(size))
        assert result["payload"] == "loaded once"


@pytest.mark.parametrize(
    ("what", "head"),
    [
        ("compute", {"seconds": 60}),
        pytest.param("sleep", {"seconds": 60}, marks=pytest.mark.long),
        ("allocate", {"bytes": 100 * MB}),
        ("die", {}),
        ("fail", {}),
    ],
)
async def test_work_beyond_its_limits_ends_alone(
    helpers: HelperProcesses, what: str, head: dict[str, Any]
) -> None:
    for _ in range(2):
        with pytest.raises(TooCostlyError):
            await do(helpers, what, **head)
        assert (await do(helpers, "echo", b"next"))["pid"] != os.getpid()


@pytest.fixture
def forks(server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The helpers that were begun."""
    fork, pids = server.fork, []

    async def counted(limits: Limits, max_body_bytes: int) -> Helper:
        helper = await fork(limits, max_body_bytes)
        pids.append(helper.pid)
        return helper

    monkeypatch.setattr(server, "fork", counted)
    return pids


@pytest.mark.parametrize(
    ("what", "head"), [("compute", {"seconds": 60}), ("allocate", {"bytes": 100 * MB}), ("die", {})]
)
async def test_work_that_ends_its_helper_gets_no_other(
    forks: list[int], server: ForkServer, what: str, head: dict[str, Any]
) -> None:
    helpers = processes(server)
    with pytest.raises(TooCostlyError):
        await do(helpers, what, **head)
    helpers.close()
    assert len(forks) == 1


async def test_work_whose_helper_is_killed_from_outside_is_done_by_another(
    helpers: HelperProcesses, forks: list[int]
) -> None:
    for end in (signal.SIGKILL, signal.SIGTERM):
        pid = (await do(helpers, "echo"))["pid"]
        work = asyncio.create_task(do(helpers, "sleep", seconds=0.5))
        await asyncio.sleep(0.2)
        os.kill(pid, end)
        await work
    assert len(forks) == 2


async def test_work_whose_helpers_are_killed_again_and_again_is_not_blamed_and_ends(
    server: ForkServer, forks: list[int]
) -> None:
    helpers = processes(server)
    with pytest.raises(Overloaded):
        await do(helpers, "die", of=signal.SIGKILL)
    assert len(forks) == 2
    await do(helpers, "echo")
    helpers.close()


async def test_work_in_hand_while_helper_and_fork_server_are_killed_is_done(
    server: ForkServer, helpers: HelperProcesses
) -> None:
    pid = (await do(helpers, "echo"))["pid"]
    work = asyncio.create_task(do(helpers, "sleep", seconds=0.5))
    await asyncio.sleep(0.2)
    assert server.process_id is not None
    os.kill(server.process_id, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    await work


async def test_a_helper_that_is_stopped_says_nothing_of_its_work(server: ForkServer) -> None:
    helpers = processes(server, Limits(cpu_s=1, memory_bytes=64 * MB, wall_s=0.5))
    pid = (await do(helpers, "echo"))["pid"]
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(StalledError):
        await do(helpers, "compute", seconds=0)
    assert (await do(helpers, "echo"))["pid"] != pid
    helpers.close()


async def test_work_within_its_limits_is_done_again_and_again(helpers: HelperProcesses) -> None:
    """The CPU time is that of each piece of work, not that of the process."""
    pid = (await do(helpers, "echo"))["pid"]
    for _ in range(5):
        await do(helpers, "compute", seconds=0.1)
        assert (await do(helpers, "allocate", bytes=40 * MB))["bytes"] == 40 * MB
    assert (await do(helpers, "echo"))["pid"] == pid


async def test_an_error_of_the_contract_is_told_by_its_code(helpers: HelperProcesses) -> None:
    pid = (await do(helpers, "echo"))["pid"]
    with pytest.raises(RefusedError, match="image_undecodable"):
        await do(helpers, "refuse")
    assert (await do(helpers, "echo"))["pid"] == pid


@pytest.mark.parametrize("what", ["open", "connect", "spawn"])
async def test_a_helper_opens_no_file_and_no_socket_and_starts_no_process(
    helpers: HelperProcesses, what: str
) -> None:
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(TooCostlyError):  # an OSError, which is no error of the contract
            await do(helpers, what, port=port)


async def test_a_helper_inherits_neither_sockets_nor_secrets(
    helpers: HelperProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_SECRET", "s3cret")
    server = ForkServer("tests.support.sandboxed")
    others = processes(server)
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with listener:
        found = await do(others, "inherited")
    others.close()
    server.close()
    assert len(found["open"]) == 4  # standard streams, and the socket to the service
    assert "SESSION_SECRET" not in found["environment"]


async def test_a_helper_is_replaced_after_so_much_work(server: ForkServer) -> None:
    helpers = processes(server, works_each=2)
    pids = [(await do(helpers, "echo"))["pid"] for _ in range(6)]
    helpers.close()
    assert len(set(pids)) == 3
    assert pids[0] == pids[1]


async def test_who_leaves_ends_the_work(helpers: HelperProcesses) -> None:
    work = asyncio.create_task(do(helpers, "sleep", seconds=60))
    await asyncio.sleep(0.2)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    async with asyncio.timeout(20):
        await do(helpers, "echo")


async def test_more_than_may_wait_is_refused_at_once(helpers: HelperProcesses) -> None:
    waiting = [asyncio.create_task(do(helpers, "sleep", seconds=0.5)) for _ in range(6)]
    await asyncio.sleep(0.1)
    with pytest.raises(Overloaded):
        await do(helpers, "echo")
    await asyncio.gather(*waiting)
    await do(helpers, "echo")


async def test_a_helper_and_a_fork_server_that_were_killed_are_replaced(
    server: ForkServer, helpers: HelperProcesses
) -> None:
    pid = (await do(helpers, "echo"))["pid"]
    os.kill(pid, signal.SIGKILL)
    with_another = (await do_after_death(helpers))["pid"]
    assert with_another != pid
    assert server.process_id is not None
    os.kill(server.process_id, signal.SIGKILL)
    os.kill(with_another, signal.SIGKILL)
    assert (await do_after_death(helpers))["pid"] != with_another


def stop(server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is there. Little time has only this one, and not who takes its place."""
    close = server.close

    def close_and_wait_again() -> None:
        monkeypatch.setattr(spawning, "HANGS_S", HANGS_S)
        close()

    monkeypatch.setattr(server, "close", close_and_wait_again)
    monkeypatch.setattr(spawning, "HANGS_S", 0.1)
    assert server.process_id is not None
    os.kill(server.process_id, signal.SIGSTOP)


async def test_a_fork_server_that_is_stopped_is_replaced(
    server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    helpers = processes(server, works_each=1)
    await do(helpers, "echo")
    stopped = server.process_id
    stop(server, monkeypatch)
    await asyncio.gather(*(do(helpers, "echo") for _ in range(3)))
    assert server.process_id != stopped


async def test_a_fork_server_that_is_stopped_while_its_helper_is_killed_is_replaced(
    server: ForkServer, helpers: HelperProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, pid = server.process_id, (await do(helpers, "echo"))["pid"]
    os.kill(pid, signal.SIGSTOP)  # it has its work in hand, and does not do it
    work = asyncio.create_task(do(helpers, "echo"))
    while helpers._idle:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
    stop(server, monkeypatch)
    os.kill(pid, signal.SIGKILL)
    await work
    assert server.process_id != stopped


async def test_a_fork_server_that_is_stopped_at_its_start_is_replaced(
    server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def launch_stopped(*arguments: Any) -> "subprocess.Popen[bytes]":
        process = launch(*arguments)
        os.kill(process.pid, signal.SIGSTOP)
        return process

    helpers = processes(server)
    with monkeypatch.context() as at_start:
        at_start.setattr(spawning, "launch", launch_stopped)
        at_start.setattr(spawning, "HANGS_AT_START_S", 0.1)
        with pytest.raises(NoHelperError):
            await do(helpers, "echo")
    stop(server, monkeypatch)
    await do(helpers, "echo")
    helpers.close()


async def do_after_death(helpers: HelperProcesses) -> dict[str, Any]:
    """A helper that dies between two pieces of work is noticed, unless it dies this very moment."""
    await asyncio.sleep(0.3)
    return await do(helpers, "echo", b"again")


async def test_a_service_that_is_gone_leaves_no_process_behind(server: ForkServer) -> None:
    helpers = processes(server, Limits(60, 64 * MB, 60))
    pid = (await do(helpers, "echo"))["pid"]
    work = asyncio.create_task(do(helpers, "compute", seconds=50))
    await asyncio.sleep(0.2)
    server.hang_up()
    async with asyncio.timeout(20):
        while _lives(pid):  # noqa: ASYNC110 - it is no child of ours
            await asyncio.sleep(0.05)
    work.cancel()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
