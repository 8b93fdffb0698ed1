"""Who is let in: the roster, what the broker reads, and the files that let somebody in."""

import json
import os
import stat
from pathlib import Path

import pytest
from nats.aio.client import DEFAULT_INBOX_PREFIX

from stratoscope.admin import creds
from stratoscope.admin.roles import ROLES, Account, Role, account_of, permissions
from stratoscope.broker.login import Access, Login, LoginUnusable
from stratoscope.cli.app import run
from stratoscope.cli.secret_files import FOLDER, take_secrets


def accounts(folder: Path) -> dict[str, dict[str, list[dict[str, object]]]]:
    text = (folder / creds.USERS["AGENTS"]).read_text().partition("\n")[2]
    found: dict[str, dict[str, list[dict[str, object]]]] = {}
    while text.strip():
        name, _, rest = text.partition(": ")
        found[name.strip().strip('"')], end = json.JSONDecoder().raw_decode(rest)
        text = rest[end:]
    return found


def users(folder: Path, account: Account = "AGENTS") -> list[dict[str, object]]:
    if account == "AGENTS":
        return [user for one in accounts(folder).values() for user in one["users"]]
    text = (folder / creds.USERS[account]).read_text().partition("users: ")[2]
    found: list[dict[str, object]] = json.loads(text)
    return found


def test_the_seed_is_with_its_owner_and_nowhere_else(tmp_path: Path) -> None:
    file = creds.add(tmp_path, "agent", "explorer")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (seed,) = (line for line in file.read_text().splitlines() if line.startswith("SU"))
    for kept in (creds.ROSTER, *creds.USERS.values()):
        assert seed not in (tmp_path / kept).read_text()


def test_the_broker_may_read_what_is_for_it_whatever_is_masked(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        creds.add(tmp_path / "new", "agent", "explorer")
    finally:
        os.umask(before)
    for file in creds.USERS.values():
        users = tmp_path / "new" / file
        assert stat.S_IMODE(users.stat().st_mode) == 0o644
        assert stat.S_IMODE(users.parent.stat().st_mode) == 0o755


def test_credentials_say_which_inboxes_are_their_owners(tmp_path: Path) -> None:
    file = creds.add(tmp_path, "operator", "ops", "lab")
    options = Login(str(file)).options()
    assert options["inbox_prefix"] == "_INBOX_operator.lab.ops"
    assert options["nkeys_seed_str"].startswith("SU")
    assert Login(str(file), inbox_prefix="_INBOX_mine").options()["inbox_prefix"] == "_INBOX_mine"
    assert Login().options() == {"tls": None, "inbox_prefix": DEFAULT_INBOX_PREFIX}


def test_who_is_let_in_is_listed_and_can_be_let_in_no_longer(tmp_path: Path) -> None:
    assert creds.members(tmp_path) == []
    for space in ("default", "lab"):
        creds.add(tmp_path, "agent", "explorer", space)
    assert [one.space for one in creds.members(tmp_path)] == ["default", "lab"]
    gone = creds.revoke(tmp_path, "agent", "explorer", "lab")
    assert not (tmp_path / gone.seed_file).exists()
    assert [one["nkey"] for one in users(tmp_path)] == [creds.members(tmp_path)[0].nkey]
    with pytest.raises(creds.CredsError, match="no agent explorer"):
        creds.revoke(tmp_path, "agent", "explorer", "lab")


def test_a_key_is_replaced_only_where_that_was_meant(tmp_path: Path) -> None:
    creds.add(tmp_path, "projector", "main")
    (first,) = creds.members(tmp_path)
    with pytest.raises(creds.CredsError, match="already"):
        creds.add(tmp_path, "projector", "main")
    creds.add(tmp_path, "projector", "main", renew=True)
    (second,) = creds.members(tmp_path)
    assert second.nkey != first.nkey
    assert [one["nkey"] for one in users(tmp_path, "STRATO")] == [second.nkey]


@pytest.mark.parametrize("name", ["a b", "a.b", "*", ">", "", "ä"])
def test_a_name_that_would_be_more_than_one_is_refused(tmp_path: Path, name: str) -> None:
    for role in ROLES:
        with pytest.raises(creds.CredsError, match="a name is"):
            creds.add(tmp_path, role, name)
    assert list(tmp_path.iterdir()) == []


def test_a_roster_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / creds.ROSTER).write_text('[{"role": "agent"}]')
    with pytest.raises(creds.CredsError, match="roster"):
        creds.members(tmp_path)


def test_agents_are_users_of_an_account_of_their_own(tmp_path: Path) -> None:
    for role in ROLES:
        creds.add(tmp_path, role, "one")
    keys = {one.role: one.nkey for one in creds.members(tmp_path)}
    assert [one["nkey"] for one in users(tmp_path)] == [keys["agent"]]
    others = {keys[role] for role in ROLES if account_of(role) == "STRATO"}
    assert {str(one["nkey"]) for one in users(tmp_path, "STRATO")} == others
    assert len(others) == len(ROLES) - 1


def test_the_agents_of_each_space_have_an_account_that_imports_that_space_only(
    tmp_path: Path,
) -> None:
    for space in ("default", "lab"):
        assert not creds.is_first_of_space(tmp_path, "agent", space)
        creds.add(tmp_path, "agent", "explorer", space)
        assert creds.is_first_of_space(tmp_path, "agent", space)
        creds.add(tmp_path, "agent", "stranger", space)
        assert not creds.is_first_of_space(tmp_path, "agent", space)
    found = accounts(tmp_path)
    assert found.keys() == {"AGENTS-default", "AGENTS-lab"}
    for name, block in found.items():
        space = name.removeprefix("AGENTS-")
        assert len(block["users"]) == 2
        assert json.dumps(block["imports"]).count(f'"strato.{space}.') == len(block["imports"]) == 4


def test_what_an_earlier_version_wrote_is_rewritten_from_the_roster(tmp_path: Path) -> None:
    for role in ROLES:
        creds.add(tmp_path, role, "one")
    kept = creds.members(tmp_path)
    strato, agents = (tmp_path / creds.USERS[account] for account in ("STRATO", "AGENTS"))
    wanted = strato.read_text(), agents.read_text()
    strato.write_text("users: []")
    agents.unlink()
    assert creds.rewrite(tmp_path) == len(ROLES)
    assert (strato.read_text(), agents.read_text()) == wanted
    assert creds.members(tmp_path) == kept


@pytest.mark.parametrize("role", ROLES)
def test_nobody_may_listen_to_or_answer_for_everybody(role: Role) -> None:
    allowed = permissions(role, "default", "one")
    wide = {">", "*", "_INBOX.>", "_INBOX.*", "$JS.>", "$SYS.>"}
    assert not wide & {*allowed.publish, *allowed.subscribe}
    assert f"_INBOX_{role}.>" not in allowed.subscribe


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "neither"), ("SX not a seed", "neither"), (None, "can't read the credentials")],
)
def test_credentials_that_let_nobody_in_are_told(
    tmp_path: Path, text: str | None, said: str
) -> None:
    file = tmp_path / "some.nk"
    if text is not None:
        file.write_text(text)
    with pytest.raises(LoginUnusable, match=said):
        Login(str(file)).options()


def test_a_creds_file_with_a_jwt_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "some.creds"
    file.write_text("-----BEGIN NATS USER JWT-----\nx\n")
    assert Login(str(file)).options()["user_credentials"] == str(file)


def test_certificates_that_can_not_be_used_are_told(tmp_path: Path) -> None:
    with pytest.raises(LoginUnusable, match="can't use the certificates"):
        _ = Access(nats_tls_ca=str(tmp_path / "none.pem")).login
    with pytest.raises(LoginUnusable, match="without its certificate"):
        _ = Access(nats_tls_key=str(tmp_path / "some.key")).login


def test_an_agent_may_take_it_from_its_environment(tmp_path: Path) -> None:
    told = {"STRATO_NATS_CREDS": "some.nk", "STRATO_INBOX_PREFIX": "_INBOX_mine"}
    assert Login.from_environment(told) == Login("some.nk", None, "_INBOX_mine")
    assert Login.from_environment({}) == Login()


def test_secrets_are_read_from_their_folder_and_replace_nothing(tmp_path: Path) -> None:
    (tmp_path / "strato_postgres_dsn").write_text("postgresql://there\n")
    (tmp_path / "strato_nats_url").write_text("nats://there")
    (tmp_path / "projector_nk").write_text("SU…")
    environment = {FOLDER: str(tmp_path), "STRATO_NATS_URL": "nats://here"}
    take_secrets(environment)
    assert environment == {
        FOLDER: str(tmp_path),
        "STRATO_NATS_URL": "nats://here",
        "STRATO_POSTGRES_DSN": "postgresql://there",
    }
    take_secrets(nothing := {})
    assert nothing == {}
    with pytest.raises(FileNotFoundError):
        take_secrets({FOLDER: str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff", "not UTF-8"), (b"a\0b", "NUL"), (b"x" * 70_000, "more than 65536 bytes")],
)
def test_a_secret_that_is_no_setting_is_one_line(
    tmp_path: Path,
    content: bytes,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "strato_nats_url").write_bytes(content)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.delenv("STRATO_NATS_URL", raising=False)
    assert run(["agents"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_credentials_without_an_end_are_refused(tmp_path: Path) -> None:
    """More than a file of credentials has is not read: a device would take all memory."""
    file = tmp_path / "endless.nk"
    file.write_bytes(b"x" * 70_000)
    with pytest.raises(LoginUnusable, match="more than 65536 bytes"):
        Access(nats_creds=str(file)).login.options()
