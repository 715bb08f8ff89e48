"""What is deployed is set by settings that exist, and asked for health where it answers."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowhook import config_listing

ROOT = Path(__file__).parents[2]
MANIFESTS = sorted((ROOT / "deploy").rglob("*.yaml"))
SERVICES = ["gateway", "runner", "debugger"]


def container(service: str) -> Any:
    deployment = yaml.safe_load((ROOT / f"deploy/k8s/base/{service}/deployment.yaml").read_text())
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    return only


def known(service: str) -> set[str]:
    return {setting.name for setting in config_listing.settings() if service in setting.services}


def required(service: str) -> set[str]:
    must = {setting.name for setting in config_listing.settings() if setting.default == "(must be set)"}
    return (must & known(service)) | {"FLOWHOOK_AMQP_URL"}


@pytest.mark.parametrize("service", SERVICES)
def test_kubernetes_sets_what_a_service_must_have_and_nothing_unknown(service: str) -> None:
    names = {variable["name"] for variable in container(service)["env"]}

    assert required(service) <= names <= known(service)


@pytest.mark.parametrize("service", SERVICES)
def test_kubernetes_takes_secrets_by_reference_only(service: str) -> None:
    secret = {setting.name for setting in config_listing.settings() if setting.secret}

    given = [variable for variable in container(service)["env"] if variable["name"] in secret]

    assert given
    assert all("secretKeyRef" in variable["valueFrom"] for variable in given)


@pytest.mark.parametrize("service", SERVICES)
def test_kubernetes_probes_life_and_readiness_apart(service: str) -> None:
    probed = container(service)

    assert probed["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert probed["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_every_kustomization_names_files_that_exist() -> None:
    for kustomization in (path for path in MANIFESTS if path.name == "kustomization.yaml"):
        resources = yaml.safe_load(kustomization.read_text())["resources"]
        assert [name for name in resources if not (kustomization.parent / name).exists()] == []


def test_compose_sets_only_settings_that_exist() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    every = {setting.name for setting in config_listing.settings()}

    assert set(re.findall(r"^\s+(FLOWHOOK_\w+):", text, re.MULTILINE)) <= every


def test_compose_waits_for_the_migration() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    for service in SERVICES:
        assert services[service]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
