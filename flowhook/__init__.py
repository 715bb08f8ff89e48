"""The command line and the all-in-one. They stand above the services; nothing imports them."""

from importlib.metadata import version

__version__ = version("flowhook")
