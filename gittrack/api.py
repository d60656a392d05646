"""The public functions, under the names that users of MLflow know; each one acts on the active run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.record.active import active_run, current, end_run, set_experiment, start_run

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from datetime import datetime

    from gittrack.results import get_run, search_runs

__all__ = [
    "active_run",
    "end_run",
    "flush",
    "get_run",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_input",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_text",
    "search_runs",
    "set_description",
    "set_experiment",
    "set_tag",
    "set_tags",
    "start_run",
]


def __getattr__(name: str) -> object:
    if name in ("get_run", "search_runs"):  # reading: a training script never pays for its import
        from gittrack import results

        return getattr(results, name)
    raise AttributeError(f"module 'gittrack.api' has no attribute {name!r}")


def log_metric(key: str, value: object, step: int | None = None, timestamp: float | datetime | None = None) -> None:
    """Log one value of a metric in the active run: see ActiveRun.log_metric."""
    current().log_metric(key, value, step, timestamp)


def log_metrics(
    metrics: Mapping[str, object], step: int | None = None, timestamp: float | datetime | None = None
) -> None:
    """Log several metrics at one step in the active run."""
    current().log_metrics(metrics, step, timestamp)


def log_param(key: str, value: object) -> object:
    """Log one param of the active run and return `value`; ParamConflict when it is set to something else."""
    return current().log_param(key, value)


def log_params(params: object) -> None:
    """Log params of the active run: plain values, nested mappings and lists, numpy scalars."""
    current().log_params(params)


def set_tag(key: str, value: object) -> None:
    """Set a tag of the active run, replacing its value."""
    current().set_tag(key, value)


def set_tags(tags: Mapping[str, object]) -> None:
    """Set several tags of the active run."""
    current().set_tags(tags)


def set_description(text: str) -> None:
    """Set the description of the active run."""
    current().set_description(text)


def log_text(text: str, artifact_file: str) -> None:
    """Keep `text` as an artifact of the active run."""
    current().log_text(text, artifact_file)


def log_dict(dictionary: object, artifact_file: str) -> None:
    """Keep plain values as a JSON or YAML artifact of the active run."""
    current().log_dict(dictionary, artifact_file)


def log_figure(figure: object, artifact_file: str) -> None:
    """Keep a figure (matplotlib, plotly, PIL) as an artifact of the active run."""
    current().log_figure(figure, artifact_file)


def log_artifact(local_path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Keep a copy of a file or directory as an artifact of the active run."""
    current().log_artifact(local_path, artifact_path)


def log_artifacts(local_dir: str | os.PathLike[str], artifact_path: str | None = None) -> None:
    """Keep a copy of every file below a directory as artifacts of the active run."""
    current().log_artifacts(local_dir, artifact_path)


def log_input(path: str | os.PathLike[str], name: str | None = None) -> None:
    """Record data that the active run reads: its content's hash and size, not a copy."""
    current().log_input(path, name)


def flush() -> None:
    """Make everything that the active run logged safe from a power cut; nothing when no run is active."""
    run = active_run()
    if run is not None:
        run.flush()
