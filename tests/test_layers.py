"""Dependencies inside gittrack point one way, and importing or reading stays cheap."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.conftest import Gittrack, RunPython

PACKAGE = Path(__file__).parent.parent / "gittrack"

# From top to bottom: each may import what stands below it, never a neighbour on its own line.
LAYERS = (
    {"__main__"},
    {"cli"},
    {"demo", "integrations"},
    {"__init__"},
    {"api"},
    {"trace"},
    {"doctor", "purge", "reproduce", "trust"},
    {"hooks"},
    {"results", "check", "compare", "gate"},
    {"exchange"},
    {"catalog"},
    {"live"},
    {"journals"},
    {"record", "read", "share"},
    {"quarantine"},
    {"project", "verify"},
    {"lineage"},
    {"capture", "git", "codec", "plot", "replay", "query", "judge"},
    {"values"},
    {"model", "names"},
    {"errors", "_version"},
)
LEVEL = {name: len(LAYERS) - number for number, names in enumerate(LAYERS) for name in names}

PURE = {
    "codec",
    "judge",
    "lineage",
    "plot",
    "query",
    "replay",
    "verify",
    "values",
    "model",
    "names",
    "errors",
    "_version",
}
IO_MODULES = {"os", "io", "pathlib", "subprocess", "socket", "sqlite3", "shutil", "tempfile", "glob", "mmap"}
IO_CALLS = {"open", "print", "input"}

STARTS_PROCESSES = {"git", "capture", "cli", "reproduce"}
PROCESS_MODULES = {"subprocess", "pty", "_posixsubprocess"}
PROCESS_CALLS = ("system", "popen", "posix_spawn", "spawn", "exec")

DEPENDENCIES = {"click", "dulwich", "fasteners", "plotille", "yaml", "tomli", "tomllib"}
# By an extra: `pip install 'gittrack[plot]'`. Of pandas and polars the types alone: exchange/optional.py loads them.
OPTIONAL = {"matplotlib", "pandas", "polars"}
# What an adapter or the demo adapts to is installed by whoever uses it.
BRINGS_ITS_OWN = {"demo", "integrations"}


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Every module or attribute that is imported anywhere in `tree`, by its full dotted name."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=module, names=names):
                yield from (f"{module}.{name.name}" for name in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def roots(tree: ast.AST) -> set[str]:
    """The top-level packages and modules imported anywhere in `tree`."""
    return {name.partition(".")[0] for name in imported_names(tree)}


def components(tree: ast.AST) -> set[str]:
    """The parts of gittrack (the names in LAYERS) imported anywhere in `tree`."""
    found = set()
    for name in imported_names(tree):
        root, _, rest = name.partition(".")
        if root == "gittrack":
            part = rest.partition(".")[0]
            is_module = part in LEVEL or (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").is_file()
            found.add(part if part and is_module else "__init__")
    return found


def calls(tree: ast.AST) -> Iterator[str]:
    """The dotted names of the functions that are called, where they are plain names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def runs_git(tree: ast.AST) -> bool:
    """Whether a list or tuple in `tree` is a command line that starts with git."""
    return any(
        isinstance(node, ast.List | ast.Tuple)
        and len(node.elts) > 1
        and isinstance(node.elts[0], ast.Constant)
        and node.elts[0].value == "git"
        for node in ast.walk(tree)
    )


def breaches(component: str, imported: Iterable[str]) -> set[str]:
    """Which of the imported components stand above `component` or beside it."""
    return {other for other in imported if other != component and LEVEL.get(other, 0) >= LEVEL[component]}


@cache
def modules() -> dict[Path, ast.Module]:
    """Each module of the package, parsed, by its path below gittrack/."""
    files = sorted(PACKAGE.rglob("*.py"))
    return {path.relative_to(PACKAGE): ast.parse(path.read_bytes()) for path in files}


def component_of(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def test_the_checks_see_a_breach() -> None:
    tree = ast.parse(
        "def f():\n    from gittrack.cli import main\n    import_module('gittrack.read')\n    os.execvp(*['git', x])"
    )

    assert components(tree) == {"cli", "read"}
    assert breaches("record", components(tree)) == {"cli", "read"}
    assert breaches("cli", components(tree)) == set()
    assert runs_git(tree)
    assert "os.execvp" in calls(tree)


def test_every_module_belongs_to_a_layer() -> None:
    unknown = {str(path) for path in modules() if component_of(path) not in LEVEL}

    assert not unknown, "give each a place in LAYERS"


def test_imports_point_downwards() -> None:
    found = {str(path): breaches(component_of(path), components(tree)) for path, tree in modules().items()}

    assert {path: names for path, names in found.items() if names} == {}


def test_adapters_use_the_public_api_alone() -> None:
    allowed = {"__init__", "api", "errors", "integrations"}
    found = {
        str(path): components(tree) - allowed
        for path, tree in modules().items()
        if component_of(path) == "integrations"
    }

    assert {path: names for path, names in found.items() if names} == {}


def test_only_git_touches_git() -> None:
    found = {
        str(path)
        for path, tree in modules().items()
        if component_of(path) != "git" and ("dulwich" in roots(tree) or runs_git(tree))
    }

    assert found == set()


def test_few_places_start_processes() -> None:
    found = {
        str(path)
        for path, tree in modules().items()
        if component_of(path) not in STARTS_PROCESSES
        and (
            roots(tree) & PROCESS_MODULES
            or any(name.startswith(tuple(f"os.{call}" for call in PROCESS_CALLS)) for name in calls(tree))
        )
    }

    assert found == set()


def test_pure_modules_do_no_io() -> None:
    found = {
        str(path): (roots(tree) & IO_MODULES) | (set(calls(tree)) & IO_CALLS)
        for path, tree in modules().items()
        if component_of(path) in PURE
    }

    assert {path: names for path, names in found.items() if names} == {}


def test_no_undeclared_dependency() -> None:
    known = {*sys.stdlib_module_names, *DEPENDENCIES, *OPTIONAL, "gittrack"}
    found = {
        str(path): roots(tree) - known for path, tree in modules().items() if component_of(path) not in BRINGS_ITS_OWN
    }

    assert {path: names for path, names in found.items() if names} == {}


def test_import_gittrack_is_light(run_python: RunPython) -> None:
    result = run_python("""
        import sys

        before = set(sys.modules)
        import gittrack

        costly = {"asyncio", "click", "dulwich", "importlib.metadata", "logging", "numpy", "rich", "sqlite3"}
        print(sorted((costly | {"plotille", "subprocess", "yaml"}) & (set(sys.modules) - before)))
    """)

    assert (result.code, result.out, result.err) == (0, "[]\n", "")


def test_log_never_imports_dulwich(repo: Path, run_python: RunPython, gittrack: Gittrack) -> None:
    recorded = run_python("""
        import gittrack

        with gittrack.start_run("quick-fox"):
            gittrack.log_metric("loss", 0.5)
    """)
    assert recorded.code == 0, recorded.err
    log_in_process = """
        import sys

        from gittrack.cli.main import entry

        sys.argv = ["gittrack", "log"]
        try:
            entry()
        finally:
            costly = {"asyncio", "dulwich", "gittrack.plot", "importlib.metadata", "numpy", "plotille", "rich"}
            print(sorted(costly & set(sys.modules)), file=sys.stderr)
    """

    first, second = run_python(log_in_process), run_python(log_in_process)

    assert "quick-fox" in gittrack("log").out, repo
    assert "quick-fox" in first.out, "the index is made"
    assert "quick-fox" in second.out, "the index is there"
    assert (first.err, second.err) == ("[]\n", "[]\n")


@pytest.mark.parametrize("words", [("compare", "-2"), ("best", "loss"), ("stats", "loss", "--json")])
def test_judging_imports_nothing_costly(words: tuple[str, ...], repo: Path, run_python: RunPython) -> None:
    script = """
        import gittrack

        for number in range(3):
            with gittrack.start_run():
                gittrack.log_metric("loss", number)
    """
    assert run_python(script).code == 0, repo
    result = run_python(
        """
        import sys

        from gittrack.cli.main import main

        code = main(sys.argv[1:])
        costly = {"asyncio", "dulwich", "importlib.metadata", "numpy", "rich", "statistics", "fractions"}
        print(code, sorted(costly & set(sys.modules)), file=sys.stderr)
        """,
        *words,
    )
    assert result.err == "0 []\n"
