"""What is no address of a broker is refused in words, and at once."""

import pytest

from stratoscope.broker.connection import BrokerUnreachable, connect


@pytest.mark.parametrize("url", ["nats://[::1", "[::1", "", " , "])
async def test_what_is_no_address_is_refused_in_words(url: str) -> None:
    with pytest.raises(BrokerUnreachable, match=r"like nats://127\.0\.0\.1:4222"):
        await connect(url, name="test", timeout=5)
