"""The lock files: hashed, without addresses, in step with each other and with pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def pins(lock: Path) -> set[str]:
    """Return what a lock pins, with its marker."""
    return {line.rstrip(" \\") for line in lock.read_text().splitlines() if re.match(r"[a-z0-9]", line)}


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def test_there_is_one_to_run_one_to_test_and_one_for_each_service() -> None:
    assert [lock.stem for lock in LOCKS] == ["debugger", "gateway", "run", "runner", "test"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_names_no_address(lock: Path) -> None:
    text = lock.read_text()

    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash)", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_everything_is_pinned_with_a_hash(lock: Path) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", lock.read_text().strip())

    assert all(re.match(r"[a-z0-9._-]+==", entry) and "--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("service", ["gateway", "runner", "debugger"])
def test_a_service_runs_on_the_versions_that_are_tested(service: str) -> None:
    versions = {pin.partition(" ")[0] for pin in pins(ROOT / "requirements/test.txt")}

    assert {pin.partition(" ")[0] for pin in pins(ROOT / f"requirements/{service}.txt")} <= versions


def test_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    asked = {
        "gateway": [*extras["gateway"], *extras["fast"]],
        "runner": [*extras["runner"], *extras["fast"]],
        "debugger": [*extras["debugger"], *extras["fast"]],
        "run": [*extras["dev"], *project["dependency-groups"]["build"]],
        "test": [*extras["dev"], *project["dependency-groups"]["test"]],
    }
    for lock, requirements in asked.items():
        locked = {name_of(pin) for pin in pins(ROOT / f"requirements/{lock}.txt")}
        wanted = {name_of(entry) for entry in (*project["project"]["dependencies"], *requirements)} - {"flowhook"}
        assert wanted <= locked, lock
