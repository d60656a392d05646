"""gittrack: experiment tracking for machine learning inside the git repository that holds the code.

    import gittrack

    with gittrack.start_run(params={"lr": 0.1}) as run:
        for step in range(100):
            run.log_metric("loss", 1 / (step + 1), step)

Everything is loaded when it is first used: importing this module costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack._version import __version__ as __version__

if TYPE_CHECKING:
    from gittrack.api import active_run as active_run
    from gittrack.api import end_run as end_run
    from gittrack.api import flush as flush
    from gittrack.api import get_run as get_run
    from gittrack.api import log_artifact as log_artifact
    from gittrack.api import log_artifacts as log_artifacts
    from gittrack.api import log_dict as log_dict
    from gittrack.api import log_figure as log_figure
    from gittrack.api import log_input as log_input
    from gittrack.api import log_metric as log_metric
    from gittrack.api import log_metrics as log_metrics
    from gittrack.api import log_param as log_param
    from gittrack.api import log_params as log_params
    from gittrack.api import log_text as log_text
    from gittrack.api import search_runs as search_runs
    from gittrack.api import set_description as set_description
    from gittrack.api import set_experiment as set_experiment
    from gittrack.api import set_tag as set_tag
    from gittrack.api import set_tags as set_tags
    from gittrack.api import start_run as start_run
    from gittrack.errors import GittrackError as GittrackError
    from gittrack.errors import InvalidValue as InvalidValue
    from gittrack.errors import NoActiveRun as NoActiveRun
    from gittrack.errors import ParamConflict as ParamConflict
    from gittrack.errors import RepositoryError as RepositoryError
    from gittrack.errors import RunNotFound as RunNotFound
    from gittrack.errors import StorageError as StorageError
    from gittrack.errors import UsageError as UsageError
    from gittrack.record.run import ActiveRun as ActiveRun
    from gittrack.results import Run as Run

_HOMES = {
    "gittrack.api": (
        "active_run end_run flush get_run log_artifact log_artifacts log_dict log_figure log_input log_metric "
        "log_metrics log_param log_params log_text search_runs set_description set_experiment set_tag set_tags "
        "start_run"
    ),
    "gittrack.errors": (
        "GittrackError InvalidValue NoActiveRun ParamConflict RepositoryError RunNotFound StorageError UsageError"
    ),
    "gittrack.record.run": "ActiveRun",
    "gittrack.results": "Run",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604 - the table above is the list


def __getattr__(name: str) -> object:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'gittrack' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
