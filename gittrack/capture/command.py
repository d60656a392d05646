"""Where in a command the program's own words begin: the script or module it runs; pure but for `is_file`."""

from __future__ import annotations

import itertools
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from gittrack.capture.scalars import word_set

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SCRIPTS = word_set("py pyw ipynb sh bash zsh R r jl js mjs ts lua rb pl m")
_PYTHON = re.compile(r"(?:python|pypy|ipython|pythonw|bpython)[0-9.]*t?d?")
# Options of the interpreter that take the next word, when nothing is attached to them.
_TAKES_WORD = ("-X", "-W", "-Q", "--check-hash-based-pycs", "--jit")
# Programs whose own options stand before the script or the python that they start.
_LAUNCHERS = word_set(
    """
    torchrun accelerate deepspeed mpirun mpiexec mpiexec.hydra srun horovodrun composer xvfb-run uv uvx
    poetry pipenv pdm hatch pixi rye conda mamba micromamba nohup time nice ionice env timeout taskset
    numactl stdbuf coverage kernprof mprof viztracer scalene py-spy memray nsys ncu perf strace ltrace gdb
    ray gittrack git-track bash sh zsh dash ksh fish rscript julia node deno bun perl ruby lua octave
    """
)
_TAKES_MODULE = word_set(
    """
    torchrun accelerate deepspeed composer uv coverage kernprof viztracer scalene
    """
)
_LAUNCHER_MODULES = word_set(
    """
    torch.distributed.run torch.distributed.launch accelerate.commands.launch
    accelerate.commands.accelerate_cli deepspeed.launcher.runner coverage cProfile profile pdb debugpy trace
    kernprof line_profiler memory_profiler viztracer scalene ipdb pyinstrument
    """
)


_SHELLS = word_set("sh bash zsh dash ksh fish")
_INTERPRETERS = word_set("rscript julia node deno bun perl ruby lua")
_CODE_OF_SHELLS = re.compile(r"-[a-z]*c")
_NO_STREAM = re.compile(r"-(?![XWo])[A-Za-z]*?[cVh].*|--(?:help|version)(?:-all)?", re.DOTALL)
_STREAM_OF_SHELLS = re.compile(r"-[a-z]*s[a-z]*")
_CODE_OF_OTHERS = re.compile(r"-[en]?[eE]|--eval")


class Entry(NamedTuple):
    """What a command runs (None: unknown, or code on the command line) and where its own words begin."""

    name: str | None
    rest: int


def reads_its_code(argv: Sequence[str]) -> bool:
    """Whether a Python or a shell takes its code from standard input, a terminal or a pipe: it is kept nowhere."""
    program = _program(argv[0]) if argv else ""
    if _PYTHON.fullmatch(program):
        entry = _after_python(argv, 1, looks_like_script)
        options = argv[1 : entry.rest]
        return _is_stream(entry.name) if entry.name else not any(map(_NO_STREAM.fullmatch, options))
    if program in _SHELLS:
        options = list(itertools.takewhile(lambda word: word[:1] in ("-", "+"), argv[1:]))
        script = argv[len(options) + 1 : len(options) + 2]
        if any(map(_NO_STREAM.fullmatch, options)):
            return False
        return not script or any(map(_STREAM_OF_SHELLS.fullmatch, options)) or _is_stream(script[0])
    return False


def _is_stream(path: str) -> bool:
    return re.match(r"/dev/(?:stdin|fd/)|/proc/self/fd/", path) is not None


def looks_like_script(path: str) -> bool:
    """Whether a file's name says that it is a program's source."""
    stem, dot, ending = path.rpartition(".")
    return bool(stem and dot) and ending in _SCRIPTS


def find_entry(  # noqa: PLR0911 - one return a kind of command
    argv: Sequence[str], is_file: Callable[[str], bool] = looks_like_script
) -> Entry:
    """Return the entry of a command: behind python, behind launchers, or the program itself."""
    if not argv:
        return Entry(None, 0)
    program = _program(argv[0])
    if _PYTHON.fullmatch(program):
        return _after_python(argv, 1, is_file)
    code = _after_code(argv, program)
    if code is not None:
        return code
    if program in _LAUNCHERS:
        return _after_launcher(argv, 1, is_file, modules=program in _TAKES_MODULE) or Entry(None, 1)
    if argv[0] in ("-c", "-m"):  # sys.argv[0] of `python -c`, and of `python -m` while it is being found
        return Entry(None, 1)
    if looks_like_script(argv[0]) or (not os.path.isabs(argv[0]) and re.search(r"[\\/]", argv[0])):
        return Entry(argv[0], 1) if is_file(argv[0]) or looks_like_script(argv[0]) else Entry(None, 1)
    return _first_word(argv, is_file)


def _after_code(argv: Sequence[str], program: str) -> Entry | None:
    """Behind code on the command line of another interpreter: `sh -ec CODE`, `Rscript -e CODE`, `node --eval CODE`."""
    option = _CODE_OF_SHELLS if program in _SHELLS else _CODE_OF_OTHERS if program in _INTERPRETERS else None
    for place, word in enumerate(argv[1:], 1):
        if option is None or not word.startswith("-"):
            return None
        if option.fullmatch(word):
            return Entry(None, min(place + 2, len(argv)))
    return None


def _program(word: str) -> str:
    return re.split(r"[\\/]", word)[-1].lower().removesuffix(".exe")


def _after_python(argv: Sequence[str], at: int, is_file: Callable[[str], bool]) -> Entry:
    while at < len(argv):
        word = argv[at]
        if word == "-":
            return Entry(None, at + 1)
        if not word.startswith("-"):
            return Entry(word, at + 1)
        if word in _TAKES_WORD:
            at += 2
            continue
        letter = None if word.startswith(("--", "-X", "-W")) else re.fullmatch(r"-[A-Za-z]*?([cm])(.*)", word)
        if letter is None:
            at += 1
            continue
        at += 1
        text = letter[2]
        if not text and at < len(argv):
            text, at = argv[at], at + 1
        if letter[1] == "c":
            return Entry(None, at)
        if text in _LAUNCHER_MODULES:
            return _after_launcher(argv, at, is_file, modules=True) or Entry(text, at)
        return Entry(text or None, at)
    return Entry(None, at)


def _after_launcher(argv: Sequence[str], at: int, is_file: Callable[[str], bool], *, modules: bool) -> Entry | None:
    """The first script or python behind a launcher; a file that is there goes before a likely name."""
    likely: Entry | None = None
    for place in range(at, len(argv)):
        word = argv[place]
        if _PYTHON.fullmatch(_program(word)):
            return _after_python(argv, place + 1, is_file)
        if modules and word in ("-m", "--module") and place + 1 < len(argv):
            module = argv[place + 1]
            if re.fullmatch(r"[A-Za-z_][\w.]*", module):
                return Entry(module, place + 2)
        if looks_like_script(word) and not word.startswith("-"):
            if is_file(word):
                return Entry(word, place + 1)
            likely = likely or Entry(word, place + 1)
    return likely


def _first_word(argv: Sequence[str], is_file: Callable[[str], bool]) -> Entry:
    """For a program that is not known: its first word, when only flags stand before it."""
    for place in range(1, len(argv)):
        word = argv[place]
        if not word.startswith("-"):
            alone = place == 1 or "=" in argv[place - 1]
            if alone and looks_like_script(word) and is_file(word):
                return Entry(word, place + 1)
            break
    return Entry(None, 1)
