"""The docs: links lead somewhere, reference pages are what the code says, verbs and tests that are named exist."""

import re
from pathlib import Path

import pytest

from flowhook import config_listing, topology_listing
from libs.common.flow import document, program

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def has_test(path: Path, name: str) -> bool:
    """Tell whether a file holds a test function of this name."""
    return path.exists() and re.search(rf"^(?:async )?def {name}\(", path.read_text(), re.MULTILINE) is not None


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_and_tests_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`((?:libs|services|tests|flowhook|deploy|docs|requirements)/[\w./-]*)`", page.read_text())

    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_single_tests_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`(tests/[\w./-]+)::(\w+)`", page.read_text())

    assert [(path, name) for path, name in named if not has_test(ROOT / path, name)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_whole_flows_are_good_flows(page: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    flows = [block for block in blocks if re.match(r"name:", block)]

    for flow in flows:
        program.compile_flow(document.load(flow, media="yaml"), flow_id="", version=1)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_verbs_that_are_named_exist(page: Path) -> None:
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"`?make ([a-z]+)`|\$ make ([a-z]+)", page.read_text())) <= {
        pair for verb in verbs for pair in ((verb, ""), ("", verb))
    }


def test_every_verb_says_what_it_does() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)

    assert phony is not None
    assert set(phony[1].split()) == set(re.findall(r"^([a-z]+):.*  ## ", text, re.MULTILINE))


def test_the_page_of_settings_is_what_the_code_says() -> None:
    assert (ROOT / "docs/reference/configuration.md").read_text() == config_listing.as_markdown() + "\n", "make docs"


def test_the_page_of_queues_is_what_the_code_says() -> None:
    assert (ROOT / "docs/reference/topology.md").read_text() == topology_listing.as_markdown() + "\n", "make docs"


def test_every_setting_says_what_it_means() -> None:
    assert [setting.name for setting in config_listing.settings() if not setting.meaning] == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text())

    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_the_example_of_the_readme_is_the_example_that_is_brought_along() -> None:
    sample = (ROOT / "flowhook/examples/order_check.json").read_text().strip()

    assert f"-d '{sample}'" in (ROOT / "README.md").read_text()
