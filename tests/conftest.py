"""What every test may ask for."""

pytest_plugins = ["tests.servers.rabbitmq_fixtures", "tests.servers.postgres_fixtures", "tests.servers.skips"]
