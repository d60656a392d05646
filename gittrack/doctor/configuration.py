"""The settings of gittrack in git's configuration: misspelt ones, and values that cannot be meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from gittrack.doctor.ailment import Ailment
from gittrack.errors import GittrackError
from gittrack.record.begin import NAME_LIMIT
from gittrack.values import check_key, check_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gittrack.project import Project

_SECTION: Final = "gittrack."
_ALONG: Final = ("runs", "all", "off")  # what the hook pre-push sends with the code


def _branch(project: Project, _: str) -> None:
    _ = project.runs_ref


def _experiment(_: Project, value: str) -> None:
    check_text("an experiment's name", value, limit=NAME_LIMIT)


def _stale_after(project: Project, _: str) -> None:
    if project.settings.number("gittrack.staleafter", 0) <= 0:
        raise GittrackError("it is not a number of seconds greater than 0")


def _number(key: str) -> Callable[[Project, str], None]:
    def examine(project: Project, _: str) -> None:
        if project.settings.number(key.lower(), 0) < 0:
            raise GittrackError("it is less than 0")

    return examine


def _redact(project: Project, _: str) -> None:
    project.redact_as_configured()


def _environment(_: Project, value: str) -> None:
    check_text("the name of a variable", value)


def _remote(_: Project, value: str) -> None:
    check_text("the name of a remote", value)


def _metric(_: Project, value: str) -> None:
    check_key("metric", value)


def _pre_push(_: Project, value: str) -> None:
    if value.lower() not in _ALONG:
        raise GittrackError(f"it is one of {', '.join(_ALONG)}")


def _flag(key: str) -> Callable[[Project, str], None]:
    def examine(project: Project, _: str) -> None:
        project.settings.flag(key.lower(), default=True)

    return examine


SETTINGS: Final[dict[str, Callable[[Project, str], None]]] = {
    "gittrack.branch": _branch,
    "gittrack.experiment": _experiment,
    "gittrack.staleAfter": _stale_after,
    **{key: _number(key) for key in (f"gittrack.snapshotMax{what}" for what in ("File", "Total", "Count"))},
    "gittrack.environment": _environment,
    "gittrack.redact": _redact,
    "gittrack.remote": _remote,
    "gittrack.pushSnapshots": _flag("gittrack.pushSnapshots"),
    "gittrack.pushLfs": _flag("gittrack.pushLfs"),
    "gittrack.autoPush": _flag("gittrack.autoPush"),
    "gittrack.autoPushEvery": _number("gittrack.autoPushEvery"),
    "gittrack.inbox": _flag("gittrack.inbox"),
    **{key: _flag(key) for key in ("gittrack.hooks", "gittrack.autoFetch", "gittrack.allowPurge")},
    "gittrack.autoFetchInterval": _number("gittrack.autoFetchInterval"),
    "gittrack.silenceTimeout": _number("gittrack.silenceTimeout"),
    "gittrack.prePush": _pre_push,
    "gittrack.metric": _metric,
    "gittrack.sign": _flag("gittrack.sign"),
    "gittrack.signTimeout": _number("gittrack.signTimeout"),
}


def examine_configuration(project: Project) -> Iterator[Ailment]:
    """Yield what is to be said of each setting whose name starts with 'gittrack.'."""
    known = {name.lower(): name for name in SETTINGS}
    for key in sorted(key for key in project.settings.values if key.startswith(_SECTION)):
        if key not in known:
            yield _unknown(key, known)
            continue
        name = known[key]
        try:
            SETTINGS[name](project, project.settings.get(key) or "")
        except GittrackError as error:
            sentence = f"the setting {name} is {project.settings.get(key)!r:.60}: {error}"
            yield Ailment("setting", sentence, f"correct it with 'git config {name} VALUE'")


def _unknown(key: str, known: dict[str, str]) -> Ailment:
    # Without what all of them begin with, which would make any two alike.
    names = [name.removeprefix(_SECTION) for name in known]
    near = get_close_matches(key.removeprefix(_SECTION), names, n=1, cutoff=0.7)
    hint = f"did you mean {known[_SECTION + near[0]]}?" if near else f"there are {', '.join(SETTINGS)}"
    sentence = f"the setting {key} has no meaning; {hint}"
    return Ailment("setting", sentence, f"remove it with 'git config --unset {key}'", urgent=False)
