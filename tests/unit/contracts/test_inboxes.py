"""Inboxes of roles."""

import pytest

from stratoscope_contracts.inboxes import ROLES, SPACED_ROLES, inbox_prefix, role_inboxes
from stratoscope_contracts.subjects import SubjectError


@pytest.mark.parametrize("role", ROLES)
def test_a_prefix_names_the_role_and_the_space_of_a_role_that_has_one(role: str) -> None:
    """Its last token is the user's name."""
    spelled = "_INBOX_operator.lab.ops".replace("operator", role)
    if role not in SPACED_ROLES:
        spelled = spelled.replace(".lab", "")
    assert inbox_prefix(role, "lab", "ops") == spelled
    assert spelled.startswith(f"{role_inboxes(role)}.")


@pytest.mark.parametrize(("space", "name"), [("*", "ops"), ("lab", "a.b"), ("lab", ">"), ("", "a")])
def test_what_is_no_token_of_a_subject_is_in_no_prefix(space: str, name: str) -> None:
    """A wildcard there would hear the replies of others."""
    with pytest.raises(SubjectError):
        inbox_prefix("operator", space, name)
