"""The image's recipe and what it installs."""

import re
import tomllib

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.pages import page

PROJECT = tomllib.loads(page("pyproject.toml"))["project"]
DOCKERFILE = page("deploy/Dockerfile")


def locked(name: str) -> dict[str, str]:
    """Version by package; each has a hash, or this fails."""
    found = {}
    for entry in re.split(r"\n(?=\w)", "\n" + page(name).partition("\n")[2]):
        if match := re.match(r"([\w.-]+)==(\S+)", entry.strip()):
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), match[1]
            found[canonicalize_name(match[1])] = match[2]
    return found


def wanted() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *extras["server"], *extras["cli"]]
    return [Requirement(line) for line in lines]


def test_the_lock_holds_what_the_extras_ask_for() -> None:
    versions = locked("deploy/requirements.lock")
    linux = {**default_environment(), "sys_platform": "linux"}
    for requirement in wanted():
        if requirement.marker is None or requirement.marker.evaluate(linux):
            version = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{requirement}: {version} is locked"


def test_what_builds_it_is_locked_too() -> None:
    versions = locked("deploy/build.lock")
    assert {"hatchling", "setuptools"} <= versions.keys()


def test_the_base_is_exact_and_the_same_for_both_stages() -> None:
    assert re.search(r"^ARG PYTHON_IMAGE=python:\d+\.\d+\.\d+-slim-\w+$", DOCKERFILE, re.M)
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)
    assert stages == ["${PYTHON_IMAGE}"] * 2


def test_nothing_is_downloaded_without_a_hash_and_nobody_is_root() -> None:
    steps = re.findall(r"^RUN (.*?[^\\])$", DOCKERFILE, re.M | re.S)
    installing = [step for step in steps if "pip install" in step or "pip wheel" in step]
    for step in installing:
        assert "--require-hashes" in step or "--no-deps" in step, step
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.M)
