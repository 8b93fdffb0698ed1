"""Whether the broker stores messages: it does, it refuses them, nothing takes them."""

from nats.js.api import DiscardPolicy, StreamConfig

from stratoscope.broker.connection import Connection, connect
from stratoscope.broker.local_brokers import with_password
from stratoscope.broker.store_probe import StoreProbe, ensure_probe_stream, is_stored, probing
from stratoscope_contracts.words import STREAM_PROBE, SUBJECT_PROBE
from support.eventually import eventually
from support.tcp_proxy import address_of, tcp_proxy, through


async def test_nothing_is_known_without_the_stream(connection: Connection):
    assert await is_stored(connection.client) is None


async def test_a_broker_that_answers_nothing_is_not_taken_for_full(nats_url: str):
    url = with_password(nats_url)
    async with tcp_proxy(address_of(url)) as proxy:
        connection = await connect(through(url, proxy), name="probe")
        try:
            await ensure_probe_stream(connection.jetstream, replicas=1)
            assert await is_stored(connection.client) is True
            proxy.silence()
            assert await is_stored(connection.client) is None
        finally:
            proxy.cut()
            await connection.close()


async def test_one_message_is_kept_of_those_that_are_stored(connection: Connection):
    await ensure_probe_stream(connection.jetstream, replicas=1)
    await ensure_probe_stream(connection.jetstream, replicas=1)
    assert [await is_stored(connection.client) for _ in range(3)] == [True] * 3
    state = (await connection.jetstream.stream_info(STREAM_PROBE)).state
    assert (state.messages, state.last_seq) == (1, 3)


async def test_the_time_without_storing_counts_and_ends(connection: Connection):
    # It takes nothing: as a stream whose disk is full, but at once and with an answer.
    closed = StreamConfig(
        name=STREAM_PROBE, subjects=[SUBJECT_PROBE], max_bytes=100, discard=DiscardPolicy.NEW
    )
    await connection.jetstream.add_stream(closed)
    assert await is_stored(connection.client) is False
    async with probing(StoreProbe(connection.client, every=0.05)) as probe:

        async def counts() -> bool:
            return probe.seconds > 0.2

        await eventually(counts)
        await connection.jetstream.delete_stream(STREAM_PROBE)
        await ensure_probe_stream(connection.jetstream, replicas=1)

        async def has_ended() -> bool:
            return probe.seconds == 0

        await eventually(has_ended)
