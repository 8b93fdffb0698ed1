"""A database that is not there is told of in words, and keeps the password out of them."""

import pytest

from stratoscope.embedded.ports import free_port
from stratoscope.store.database import DatabaseUnreachable, connection, pool, settings


@pytest.mark.parametrize("kind", ["connection", "pool"])
async def test_an_unreachable_server_is_said_without_the_password(kind: str):
    dsn = f"postgresql://somebody:hunter2@127.0.0.1:{free_port()}/nowhere"
    opened = (
        connection(dsn, "strato_p1", "test")
        if kind == "connection"
        else pool(dsn, "strato_p1", "test", size=1)
    )
    with pytest.raises(DatabaseUnreachable, match="STRATO_POSTGRES_DSN") as refusal:
        async with opened:
            pytest.fail("nobody listens there")
    assert "hunter2" not in str(refusal.value)


def test_a_session_sees_one_projection_and_what_operators_do():
    assert settings("strato_p7", "test")["search_path"] == "strato_p7, strato"
