"""What a message at a checkpoint is recognised by."""

from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.log_identity import fingerprint

subjects = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
messages = st.tuples(subjects, st.binary())


@given(messages, messages)
def test_two_messages_share_a_fingerprint_only_where_subject_and_body_are_the_same(
    one: tuple[str, bytes], other: tuple[str, bytes]
):
    assert (fingerprint(*one) == fingerprint(*other)) == (one == other)


def test_what_ends_the_subject_does_not_run_into_the_body():
    assert fingerprint("ab", b"c") != fingerprint("a", b"bc")
    assert len(fingerprint("", b"")) == 16
