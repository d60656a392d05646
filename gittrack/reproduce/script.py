"""The shell script that runs a recorded run again with git and pip alone: pure, for a person to read and to run."""

from __future__ import annotations

import posixpath
import re
import shlex
from typing import TYPE_CHECKING, Final

from gittrack.git.process import PLACING
from gittrack.reproduce.environment import is_python, settings_of
from gittrack.reproduce.plan import around_own, code_in_tree, may_be_laid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.git.submodules import Submodule
    from gittrack.model import Input
    from gittrack.reproduce.plan import Plan

# What a terminal would obey, or show as something else than it is; a line feed between quotes does no harm.
_HARMFUL: Final = re.compile(
    "([\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+)"
)
_SUBMODULE: Final = """\
submodule() { # PATH CLONE COMMIT: from what is cloned here already
    test "$(cd "./$1" && pwd -P)" = "$(pwd -P)/$1" || {
        echo 'a link is where a submodule should be' >&2
        exit 1
    }
    git -c core.hooksPath=/dev/null clone --quiet --no-hardlinks --no-checkout "$2" "./$1"
    git -c core.hooksPath=/dev/null -C "./$1" checkout --quiet --detach "$3"
}"""
_LINK: Final = """\
inside() { # PATH: whether it lies in the code itself, not where a link in there leads to
    folder=${1%/*}
    while test ! -d "$folder"; do folder=${folder%/*}; done
    case "$(cd "$folder" && pwd -P)/" in "$(cd "$code" && pwd -P)"/*) ;; *) return 1 ;; esac
}
link() { # what the code does not hold, from your own working tree
    if test ! -e "$1" && test -e "$own/$1" && inside "$1"; then
        rm -f "$1" # a link that leads nowhere
        mkdir -p "$(dirname "$1")"
        ln -s "$own/$1" "$1"
    fi
}"""
_RENEW: Final = """\
renew() { # the data as it is now
    if test -e "$1" && test -e "$own/$1" && inside "$1"; then
        rm -rf "$1"
        cp -R "$own/$1" "$1"
    fi
    link "$1"
}"""
_NEED: Final = """\
need() { # PATH NAME
    test -e "$1" || {
        printf 'input %s is not here\\n' "$2" >&2
        exit 1
    }
}"""
_CHECK: Final = """\
sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }
same() { test "$(sha256 <"$1")" = "$2  -"; }
kept() { # PATH SHA256: as git holds it; a checkout may have given it other line ends
    case $1 in ./*) ;; *) return 1 ;; esac
    test ! -h "$1" && inside "$1" || return 1
    git --git-dir="$repository" cat-file blob "$commit:${1#./}" >"$place/kept" 2>/dev/null || return 1
    same "$place/kept" "$2" && cat "$place/kept" >"$1"
}
check() { # PATH SHA256
    same "$1" "$2" || kept "$1" "$2" || {
        echo 'an input is not what the run read' >&2
        exit 1
    }
}"""


def script(plan: Plan, repository: str, own: str | None, found: Sequence[Submodule] = ()) -> Iterator[str]:
    """Yield the lines of the script; `repository` is the git directory, `own` the user's working tree.

    `found` are the submodules of the code.
    """
    yield "#!/bin/sh"
    yield f"# Runs {comment(plan.run.id[:8])} {comment(plan.run.name)} again."
    yield "set -eu"
    yield f"unset {' '.join(PLACING)}"
    yield f"repository={word(repository)}"
    yield f"own={word(own or '/dev/null')}"  # a bare repository has none, and nothing is below that
    yield f"commit={word(plan.commit)}"
    yield "place=$(mktemp -d)"
    yield f'code="$place"/{word(posixpath.basename(own or "code"))}'
    yield """trap 'git --git-dir="$repository" worktree remove --force "$code"; rm -rf "$place"' EXIT"""
    yield "trap 'exit 130' INT"
    yield "trap 'exit 143' TERM"
    yield 'git -c core.hooksPath=/dev/null --git-dir="$repository" \\'
    yield '    worktree add --quiet --detach "$code" "$commit"'
    yield 'cd "$code"'
    yield from _submodules(found)
    yield from _data(plan)
    yield from _environment(plan, own)
    if plan.directory != ".":
        yield f"cd {word(f'./{plan.directory}')}"
    yield from _command(plan)


def word(text: str) -> str:
    """Return `text` as one word of a POSIX shell, harmless on a terminal: a control character is a call of printf."""
    pieces = _HARMFUL.split(text)
    quoted = [_printed(piece) if odd % 2 else shlex.quote(piece) if piece else "" for odd, piece in enumerate(pieces)]
    return "".join(quoted) or "''"


def comment(text: str) -> str:
    """Return `text` for a comment: on one line, and harmless."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _printed(text: str) -> str:
    octal = "".join(f"\\{byte:03o}" for byte in text.encode("utf-8", "surrogatepass"))
    return f"\"$(printf '{octal}')\""


def _submodules(found: Sequence[Submodule]) -> Iterator[str]:
    if any(submodule.git_dir for submodule in found):
        yield _SUBMODULE
    for item in found:
        if item.git_dir:
            yield f"submodule {word(item.path)} {word(item.git_dir)} {word(item.commit)}"
        else:
            yield f"# submodule {comment(item.path)} is not cloned here, and not in the code"


def _data(plan: Plan) -> Iterator[str]:
    """What is linked into the worktree, told relative to the top, where the script stands."""
    if plan.links or plan.run.inputs:
        yield _LINK
    if plan.run.inputs:
        yield _NEED
    if plan.new_data and plan.run.inputs:
        yield _RENEW
    elif any(item.kind == "file" for item in plan.run.inputs):
        yield _CHECK
    for path in plan.links:
        yield f"link {word(f'./{path}')}"
    for item in plan.run.inputs:
        yield from _input(plan, item)


def _input(plan: Plan, item: Input) -> Iterator[str]:
    absolute = item.path.startswith("/")
    path = item.path if absolute else f"./{posixpath.normpath(posixpath.join(plan.directory, item.path))}"
    yield f"# input {comment(item.path)}: {comment(item.kind)}, {item.size} bytes, sha256 {comment(item.sha256)}"
    if item.kind != "file" and not plan.new_data:
        yield "# (that of a folder is checked by gittrack reproduce only)"
    if not absolute and may_be_laid(path):
        yield f"{'renew' if plan.new_data else 'link'} {word(path)}"
    if item.kind == "file" and not plan.new_data:
        yield f"check {word(path)} {word(item.sha256)}"
    else:
        yield f"need {word(path)} {word(comment(item.path))}"


def _environment(plan: Plan, own: str | None) -> Iterator[str]:
    for name, value in settings_of(plan.run.environment).items():
        yield f"export {name}={word(value)}"
    if plan.packages is None:
        return
    version = re.match(r"\d+\.\d+", plan.run.environment.python or "")
    yield f'python{version[0] if version else "3"} -m venv "$place/env"'
    yield "printf '%s\\n' \\"
    yield from (f"    {_requirement(line, own)} \\" for line in plan.packages)
    yield '    >"$place/requirements.txt"'
    yield '"$place/env/bin/python" -m pip install --quiet --no-deps -r "$place/requirements.txt"'
    yield 'export PATH="$place/env/bin:$PATH" VIRTUAL_ENV="$place/env"'


def _requirement(line: str, own: str | None) -> str:
    """A requirement as a word, with what was installed from the working tree taken from the code of the run."""
    parts = around_own(line, own)
    if parts is None:
        return word(line)
    before, after = parts
    return f'{word(before)}"$code"{word(after) if after else ""}'


def _command(plan: Plan) -> Iterator[str]:
    program, *rest = code_in_tree(plan)
    words = " ".join(map(word, rest))
    if plan.packages is not None and is_python(program):
        yield f'"$place/env/bin/python" {words}'.rstrip()
    elif "/" in program and not program.startswith("/"):
        # As .venv/bin/python, which git does not hold; a link to it would not find its packages.
        yield f"program={word(program)}"
        yield f'test -e "$program" || program="$own"/{word(f"{plan.directory}/{program}")}'
        yield f'"$program" {words}'.rstrip()
    else:
        yield f"{word(program)} {words}".rstrip()
