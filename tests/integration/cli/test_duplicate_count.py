"""What `record` says of duplicates where nothing counts them."""

from stratoscope.broker.login import Login
from stratoscope.cli.duplicate_count import DuplicateCount


async def test_the_number_is_unknown_where_no_navigator_answers(nats_url: str) -> None:
    async with DuplicateCount.open(nats_url, "default", Login()) as duplicates:
        assert await duplicates.total(1, 0) == 0
        await duplicates.begin("a")
        assert await duplicates.total(1, 0) is None


async def test_the_number_is_unknown_where_no_broker_lets_the_navigator_in() -> None:
    async with DuplicateCount.open("nats://127.0.0.1:1", "default", Login()) as duplicates:
        await duplicates.begin("a")
        assert await duplicates.total(1, 0) is None
