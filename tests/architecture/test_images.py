"""An image holds `libs` and one service's folder, and only what that service's lock installs."""

import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TAKEN_IF_THERE = {
    "flowhook",
    "uvloop",
    "rich",
    "pygments",
    "markdown-it-py",
    "mdurl",
    "setuptools",
}  # by structlog, say
SERVICES = ["gateway", "runner", "debugger"]
LOADED = """
import sys
import services.{service}.__main__
print(*{{name.partition(".")[0] for name in sys.modules}})
"""


def locked(service: str) -> set[str]:
    """Return the names of the distributions in a lock."""
    text = (ROOT / "requirements" / f"{service}.txt").read_text()
    return {match[1].lower() for match in re.finditer(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_needs_its_own_folder_and_its_own_lock_only(service: str, tmp_path: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "libs", tmp_path / "libs", ignore=ignore)
    shutil.copytree(ROOT / "services" / service, tmp_path / "services" / service, ignore=ignore)
    shutil.copy(ROOT / "services" / "__init__.py", tmp_path / "services")

    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})" + LOADED.format(service=service),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    owners = metadata.packages_distributions()
    used = {owner.lower().replace("_", "-") for name in done.stdout.split() for owner in owners.get(name, ())}
    assert used - TAKEN_IF_THERE <= locked(service)


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_an_extra_an_image_and_the_same_files_in_kubernetes(service: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    compose = (ROOT / "docker-compose.yml").read_text()

    assert service in extras
    assert f"args: {{SERVICE: {service}}}" in compose
    assert (ROOT / "deploy/k8s/base" / service / "deployment.yaml").exists()
