"""What the source files have in common: docstrings, sizes, names, and where they lie."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Git

ROOT = Path(__file__).parent.parent
LONGEST = 450  # lines; a file of about 400 is usually two
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "manager", "managers", "misc", "common"}
TOP_LEVEL = {
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "benchmarks",
    "docs",
    "gittrack",
    "hooks",
    "pyproject.toml",
    "tests",
}
HOME_PATH = re.compile(rb"/(?:home|root|Users)/")


@pytest.fixture
def sources(git: Git) -> list[Path]:
    """Every file of the project, tracked or about to be, as a path below its root."""
    listed = git(*("-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), cwd=ROOT)
    return [Path(name) for name in sorted(set(listed.split("\0"))) if name and (ROOT / name).is_file()]


def test_every_module_starts_with_a_docstring(sources: list[Path]) -> None:
    modules = [path for path in sources if path.suffix == ".py"]

    assert Path("gittrack/errors.py") in modules
    assert [str(path) for path in modules if ast.get_docstring(ast.parse((ROOT / path).read_bytes())) is None] == []


def test_no_module_is_too_long(sources: list[Path]) -> None:
    lengths = {
        str(path): len((ROOT / path).read_bytes().splitlines())
        for path in sources
        if path.suffix == ".py" and path.parts[0] == "gittrack"
    }

    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_names_say_what_is_inside(sources: list[Path]) -> None:
    found = [str(path) for path in sources for part in path.parts if EMPTY_NAMES & set(re.split(r"\W|_", part.lower()))]

    assert found == []


def test_no_path_of_somebodys_home(sources: list[Path]) -> None:
    found = [str(path) for path in sources if path.parts[0] != "tests" and HOME_PATH.search((ROOT / path).read_bytes())]

    assert found == []


def test_top_level_holds_what_was_agreed(sources: list[Path]) -> None:
    entries = {path.parts[0] for path in sources}

    assert {name for name in entries if not name.startswith(".")} - TOP_LEVEL == set()
