"""The pages name files that exist, and every demo has its page and its test."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]
ORDER = runpy.run_path(str(ROOT / "doc" / "demo_pages.py"))["DEMOS"]


def test_origins_name_tests_that_exist():
    """What the page says to hold a promise is there."""
    page = (ROOT / "doc" / "origins.md").read_text()
    named = re.findall(r"`([a-z/_]+(?:\.py|/))`", page)
    assert len(named) > 30
    missing = [
        name for name in named if not any((base / name).exists() for base in (ROOT, ROOT / "tests"))
    ]
    assert not missing


def test_origins_name_pages_that_exist():
    """Links lead to demos and to pages."""
    page = (ROOT / "doc" / "origins.md").read_text()
    links = re.findall(r"\]\(([a-z/_.]+)\)", page)
    demos = {link for link in links if link.startswith("gallery/")}
    assert demos == {f"gallery/{name}.rst" for name in ORDER}
    assert all((ROOT / "doc" / link).exists() for link in set(links) - demos)


def test_every_demo_has_a_place_and_a_test():
    """A demo that the gallery does not know would stop the build; one without a test may rot."""
    demos = {path.stem for path in (ROOT / "doc" / "demos").glob("*.py")}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests/demos").glob("test_*.py")}
    assert demos == set(ORDER) == tests
