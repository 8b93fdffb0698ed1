"""Forks and exits: a child sends nothing of its parent's, and an exit loses and hangs nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
import time

import pytest

from support.log import Log

NOWHERE = "nats://127.0.0.1:9"


async def run(source: str, *arguments: str) -> str:
    """What a program of its own prints, in at most twenty seconds."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(source), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(20):
            output, _ = await process.communicate()
    except TimeoutError:
        # Its children as well: they hold the pipe.
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = await process.communicate()
        pytest.fail(f"it hangs: {output.decode()}")
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_a_child_of_an_asyncio_agent_is_refused_and_its_parent_goes_on(
    nats_url: str, log: Log
) -> None:
    """The child's copy neither sends what the parent has buffered nor hangs at its end."""
    said = await run(
        """
        import asyncio, os, sys
        import stratoscope

        async def main():
            async with stratoscope.connect(sys.argv[1], batch_age=60, wait_connected=5) as strato:
                agent = strato.agent("a")
                await agent.event("parent")
                child = os.fork()
                if child == 0:
                    try:
                        asyncio.run(record(agent))
                    except stratoscope.ForkedRecorder as error:
                        print("refused:", error, flush=True)
                    asyncio.run(strato.close())
                    os._exit(0)
                os.waitpid(child, 0)
                await agent.event("parent")

        async def record(agent):
            await agent.event("child")

        asyncio.run(main())
        """,
        nats_url,
    )
    assert "refused: this recorder belongs to the parent process: connect anew" in said
    assert [record["type"] for record in await log.records()] == ["parent", "parent"]


async def test_a_child_of_a_synchronous_agent_gets_a_recorder_of_its_own(
    nats_url: str, log: Log
) -> None:
    """Prefork servers connect before they fork; each process then sends its own records once."""
    await run(
        """
        import os, sys
        import stratoscope

        with stratoscope.connect_sync(sys.argv[1], batch_age=60) as strato:
            strato.agent("parent").event("before")
            child = os.fork()
            if child == 0:
                assert strato.stats.recorded == 0
                strato.agent("child").event("x")
                strato.flush(timeout=10)
                strato.close()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            strato.agent("parent").event("after")
        """,
        nats_url,
    )
    assert [record["type"] for record in await log.records("parent")] == ["before", "after"]
    assert [record["type"] for record in await log.records("child")] == ["x"]


async def test_children_of_multiprocessing_record_and_end(nats_url: str, log: Log) -> None:
    """Forked while the parent's recorder is busy, with its lock taken as often as not."""
    await run(
        """
        import multiprocessing, sys, threading
        import stratoscope

        strato = stratoscope.connect_sync(sys.argv[1])
        stop = threading.Event()

        def keep_busy():
            while not stop.is_set():
                strato.agent("parent").event("x")

        def child(number):
            strato.agent(f"child-{number}").event("x")
            strato.flush(timeout=10)

        busy = threading.Thread(target=keep_busy)
        busy.start()
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=child, args=(number,)) for number in range(8)]
        for one in children:
            one.start()
        for one in children:
            one.join()
        stop.set()
        busy.join()
        assert [one.exitcode for one in children] == [0] * 8
        """,
        nats_url,
    )
    for number in range(8):
        assert len(await log.records(f"child-{number}")) == 1
    parents = [record["id"] for record in await log.records("parent")]
    assert len(parents) == len(set(parents)) > 0


@pytest.mark.parametrize("ending", ["pass", "raise SystemExit(3)", "1 / 0"])
async def test_a_child_of_multiprocessing_flushes_when_it_ends(
    nats_url: str, log: Log, ending: str
) -> None:
    """Such a child runs no exit handlers."""
    await run(
        f"""
        import multiprocessing, sys
        import stratoscope

        strato = stratoscope.connect_sync(sys.argv[1], batch_age=60)
        strato.agent("parent").event("x")

        def child():
            for n in range(10):
                strato.agent("child").event("x", {{"n": n}})
            sys.stderr = open("/dev/null", "w")
            {ending}

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join()
        """,
        nats_url,
    )
    assert [record["data"]["n"] for record in await log.records("child")] == list(range(10))
    assert len(await log.records("parent")) == 1


async def test_what_is_buffered_at_a_synchronous_exit_is_flushed(nats_url: str, log: Log) -> None:
    """Without `with`, without `close`, also where the program ends with an exception."""
    await run(
        """
        import sys
        import stratoscope

        strato = stratoscope.connect_sync(sys.argv[1], batch_age=60)
        for n in range(10):
            strato.agent("a").event("x", {"n": n})
        """,
        nats_url,
    )
    assert [record["data"]["n"] for record in await log.records()] == list(range(10))


async def test_an_exit_without_a_broker_is_bounded_and_says_what_is_lost() -> None:
    """It never hangs."""
    started = time.monotonic()
    said = await run(
        """
        import sys
        import stratoscope

        strato = stratoscope.connect_sync(sys.argv[1], close_timeout=0.3)
        strato.agent("a").event("x")
        """,
        NOWHERE,
    )
    assert "closing the recorder loses records: 1 records" in said
    assert time.monotonic() - started < 8


async def test_an_asyncio_agent_that_just_ends_keeps_what_it_flushed(
    nats_url: str, log: Log
) -> None:
    """Nobody left the context; what was flushed is there, and nothing hangs."""
    await run(
        """
        import asyncio, sys
        import stratoscope

        async def main():
            strato = await stratoscope.connect(sys.argv[1], batch_age=60).__aenter__()
            await strato.agent("a").event("flushed")
            await strato.flush()
            await strato.agent("a").event("not_flushed")

        asyncio.run(main())
        """,
        nats_url,
    )
    assert [record["type"] for record in await log.records()] == ["flushed"]
