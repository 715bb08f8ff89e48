"""`python -m services.debugger.migrate_once`: bring the schema up to date and end, for a deployment's one-shot."""

import asyncio
import sys

from pydantic import Field, SecretStr

from libs.common import config, errors, logs
from services.debugger import migrate


class MigrationSettings(config.Settings):
    """What a migration needs to know."""

    database_url: SecretStr = Field(description="PostgreSQL's address: postgresql://user:password@host:5432/name")


def main() -> None:
    """Migrate; one line and exit code 1 if the database is away or newer than this code."""
    try:
        settings = MigrationSettings.load()
        logs.configure(settings)
        asyncio.run(migrate.migrate_database(settings.database_url.get_secret_value()))
    except errors.StartError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
