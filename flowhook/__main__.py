"""`python -m flowhook`: the command line."""

from flowhook.cli import main

main(prog_name="flowhook")
