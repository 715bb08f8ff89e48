"""The import rules of pyproject.toml, by the tool that knows them."""

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]


def test_layers_and_independence_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("flowhook", "libs", "services", cache_dir=None)
    modules = TopologicalSorter({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})

    modules.prepare()  # an error names the circle
