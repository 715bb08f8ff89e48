"""The command line. What a command needs is imported when it is called, so that each service can stand alone."""

import importlib
import sys

import click

from flowhook import __version__
from libs.common import errors

SERVICES = {
    "gateway": "Receive webhooks and answer them.",
    "runner": "Execute flows.",
    "debugger": "Record runs; serve the API and the console.",
}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="flowhook %(version)s")
def main() -> None:
    """Receive webhooks, run flows, answer for them. Settings come from FLOWHOOK_* variables: see `flowhook config`."""


@main.command()
def dev() -> None:
    """Run everything in one process; nothing else is needed."""
    _run("flowhook.dev", needs="dev")


@main.command()
@click.option("--markdown", is_flag=True, help="Print the reference page instead.")
def config(*, markdown: bool) -> None:
    """Print every setting with its value here, its source, its meaning and who reads it."""
    from flowhook import config_listing  # noqa: PLC0415

    click.echo(config_listing.as_markdown() if markdown else config_listing.as_text())


def _service(name: str, does: str) -> click.Command:
    def run() -> None:
        _run(f"services.{name}.__main__", needs=name)

    return click.Command(name, callback=run, help=f"{does} One service as a process, like `python -m services.{name}`.")


for _name, _does in SERVICES.items():
    main.add_command(_service(_name, _does))


def _run(module: str, *, needs: str) -> None:
    """Call a module's `main`; what keeps it from starting is one line and exit code 1."""
    try:
        importlib.import_module(module).main()
    except ModuleNotFoundError as error:
        sys.exit(f"flowhook: {error.name} is not installed here; get it with: pip install 'flowhook[{needs}]'")
    except errors.StartError as error:
        sys.exit(f"flowhook: {error}")
