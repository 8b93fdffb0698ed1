"""The newest messages of a stream: all that it has, wherever they are asked for."""

from datetime import UTC, datetime, timedelta

from stratoscope.broker.connection import Connection, connect
from stratoscope.broker.tail import ids_since
from stratoscope_contracts.words import HEADER_MESSAGE_ID
from stratoscope_contracts.words import STREAM_RECORD as STREAM
from support.cluster import NUMBERS, broker_cluster


async def publish(connection: Connection, *ids: str) -> None:
    for id_ in ids:
        await connection.jetstream.publish("tail.a", b"x", headers={HEADER_MESSAGE_ID: id_})


async def create(connection: Connection, copies: int = 1) -> None:
    await connection.jetstream.add_stream(name=STREAM, subjects=["tail.*"], num_replicas=copies)


async def test_all_ids_from_a_moment_on_are_found(connection: Connection):
    await create(connection)
    start = datetime.now(UTC) - timedelta(seconds=1)
    assert await ids_since(connection.client, STREAM, start) == set()
    await publish(connection, "1", "2")
    between = datetime.now(UTC)
    await publish(connection, "3")
    assert await ids_since(connection.client, STREAM, start) == {"1", "2", "3"}
    assert await ids_since(connection.client, STREAM, between) == {"3"}
    # Nothing may stand at the end of the stream any more.
    await connection.jetstream.delete_msg(STREAM, 3)
    assert await ids_since(connection.client, STREAM, start) == {"1", "2"}
    await connection.jetstream.purge_stream(STREAM)
    assert await ids_since(connection.client, STREAM, start) == set()


async def test_a_copy_that_lags_leaves_no_id_out():
    """A hit that the stream has would be published once more, behind the broker's memory."""
    async with broker_cluster() as cluster:
        connection = await connect(cluster.url, name="tail")
        try:
            await create(connection, copies=3)
            start = datetime.now(UTC) - timedelta(seconds=1)
            assigning = await cluster.meta_leader()
            while (leader := await cluster.leader()) == assigning:
                await cluster.step_down()
            # Consumers are assigned faster than messages arrive.
            (slow,) = (number for number in NUMBERS if number not in (leader, assigning))
            cluster.link(leader, slow).delay[leader] = 0.5
            ids: set[str] = set()
            # Where its consumer is to be is the cluster's choice each time.
            for number in range(8):
                ids.add(str(number))
                await publish(connection, str(number))
                assert await ids_since(connection.client, STREAM, start) == ids
        finally:
            await connection.close()
