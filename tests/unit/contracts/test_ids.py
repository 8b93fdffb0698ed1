"""UUIDs of version 7."""

from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from stratoscope_contracts.ids import RANDOM_BYTES, uuid7

randomness = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)
moments = st.integers(0, 2**48 - 1)


def test_the_example_of_the_rfc() -> None:
    """RFC 9562, A.6: the moment, 12 random bits, and 62 more."""
    rest = (0x18C4DC0C0C07398F & ((1 << 62) - 1)) | (0xCC3 << 64)
    expected = UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
    assert uuid7(0x017F22E279B0, rest.to_bytes(RANDOM_BYTES)) == expected


@given(moments, moments, randomness, randomness)
def test_they_sort_by_their_moments(first: int, second: int, one: bytes, other: bytes) -> None:
    """And are of the version and variant that they say."""
    made = uuid7(first, one)
    assert (made.version, made.variant) == (7, RFC_4122)
    if first < second:
        assert made < uuid7(second, other)
