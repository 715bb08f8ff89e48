"""What every test may ask for."""

import os

import hypothesis

pytest_plugins = ["tests.servers.rabbitmq_fixtures", "tests.servers.postgres_fixtures", "tests.servers.skips"]

# The suite plays the same examples each time, whatever the machine's speed; the long campaigns look for new ones.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=2000)
hypothesis.settings.load_profile("soak" if os.environ.get("FLOWHOOK_SOAK") else "suite")
