"""A streaming standby of a Postgres from the wheels."""

import os
import shutil
import subprocess
from pathlib import Path

from stratoscope.embedded.account import database_account, open_the_way
from stratoscope.embedded.database import find_postgres
from support.stack import run_sql
from support.wheels import WheelPostgres


def new_standby(primary: WheelPostgres, folder: Path, port: int) -> WheelPostgres:
    """A copy of a primary in an empty folder, started, that follows the primary."""
    cluster, account = folder / "cluster", database_account()
    cluster.mkdir(mode=0o700)
    shutil.copy(primary.folder / "password", folder / "password")
    rights: dict[str, object] = {}
    if account is not None:
        open_the_way(cluster, account)
        os.chown(cluster, account.uid, account.gid)
        rights = {"user": account.uid, "group": account.gid, "extra_groups": []}
    command = [str(find_postgres() / "pg_basebackup"), "-d", primary.dsn("postgres")]
    subprocess.run(
        [*command, "-D", str(cluster), "-c", "fast", "-R", "-X", "stream", "--no-sync"],
        check=True,
        capture_output=True,
        cwd="/",
        **rights,  # type: ignore[call-overload]
    )
    return WheelPostgres(folder, port)


def promote(standby: WheelPostgres) -> None:
    """Make a standby the primary; it takes writes when this returns."""
    assert run_sql(standby, "select pg_promote(true, 30)") == "t"
