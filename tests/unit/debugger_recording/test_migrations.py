from pathlib import Path

import pytest

from libs.common import errors
from services.debugger import migrate

FIRST = migrate.Migration(1, "0001_first", "create table a ()")
SECOND = migrate.Migration(2, "0002_second", "create table b ()")


def applied(*migrations: migrate.Migration) -> dict[int, tuple[str, str]]:
    return {migration.number: (migration.name, migration.sha256) for migration in migrations}


def test_what_was_applied_is_not_applied_again() -> None:
    assert migrate.missing((FIRST, SECOND), applied(FIRST)) == (SECOND,)


def test_a_newer_schema_is_refused_in_one_line() -> None:
    with pytest.raises(errors.StartError, match=r"schema \(2\) is newer .* knows \(1\)") as refused:
        migrate.missing((FIRST,), applied(FIRST, SECOND))

    assert "\n" not in str(refused.value)


def test_a_migration_that_was_changed_is_refused() -> None:
    changed = migrate.Migration(1, "0001_first", "create table c ()")

    with pytest.raises(errors.StartError, match="0001_first"):
        migrate.missing((changed, SECOND), applied(FIRST))


def test_the_files_are_numbered_without_a_gap() -> None:
    assert [migration.number for migration in migrate.known()] == list(range(1, len(migrate.known()) + 1))


def test_a_gap_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0002_late.sql").write_text("select 1")

    with pytest.raises(ValueError, match=r"0002_late\.sql"):
        migrate.known(tmp_path)
