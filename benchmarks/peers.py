"""The same runs put into another tracker, and the same question put to it: run by that tracker's own Python.

    PYTHON benchmarks/peers.py TRACKER fill < runs.jsonl       PYTHON benchmarks/peers.py TRACKER ask

TRACKER is mlflow (SQLite), dvc (DVCLive) or aim, in the current folder. Asked is for the ten runs of the greatest acc
above 0.9.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def runs() -> Iterator[dict[str, dict[str, object]]]:
    """Yield the runs on standard input: name, params, metrics, tags."""
    return map(json.loads, sys.stdin)


def fill_mlflow() -> None:
    """Through the client, one batch a run, which is MLflow's fastest way."""
    mlflow, entities = import_module("mlflow"), import_module("mlflow.entities")
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    client = mlflow.MlflowClient()
    experiment = client.create_experiment("bench")
    for run in runs():
        made = client.create_run(experiment, run_name=run["name"], tags=run["tags"])
        metrics = [entities.Metric(key, value, 0, 0) for key, value in run["metrics"].items()]
        params = [entities.Param(key, str(value)) for key, value in run["params"].items()]
        client.log_batch(made.info.run_id, metrics=metrics, params=params)
        client.set_terminated(made.info.run_id)


def ask_mlflow() -> list[float]:
    """Through the Python API: its command line has no filter."""
    mlflow = import_module("mlflow")
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    found = mlflow.search_runs(
        experiment_names=["bench"],
        filter_string="metrics.acc > 0.9",
        order_by=["metrics.acc DESC"],
        max_results=10,
        output_format="list",
    )
    return [run.data.metrics["acc"] for run in found]


def fill_dvc() -> None:
    """Through DVCLive, one experiment a run."""
    live = import_module("dvclive").Live
    for run in runs():
        with live(save_dvc_exp=True, dvcyaml="dvc.yaml", report=None, exp_name=run["name"]) as one:
            one.log_params({**run["params"], **run["tags"]})
            for key, value in run["metrics"].items():
                one.log_metric(key, value)


def ask_dvc() -> list[float]:
    """By `dvc exp show`, which sorts; it has neither a filter nor a limit."""
    import csv

    command = ["dvc", "exp", "show", "--csv", "--sort-by", "acc", "--sort-order", "desc", "--all-commits"]
    rows = csv.DictReader(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines())
    values = [float(row["acc"]) for row in rows if row.get("acc")]
    return [value for value in values if value > 0.9][:10]


def fill_aim() -> None:
    """Through its SDK, and indexed, without which its queries do not see a run."""
    aim = import_module("aim")
    for run in runs():
        one = aim.Run(repo=".", experiment="bench", system_tracking_interval=None, log_system_params=False)
        one["params"] = run["params"]
        one["tags"] = run["tags"]
        one["final"] = run["metrics"]
        one.close()
    subprocess.run(["aim", "storage", "--repo", ".", "reindex", "-y"], check=False, stdout=subprocess.DEVNULL)


def ask_aim() -> list[float]:
    """Through its SDK: its command line lists names."""
    repo = import_module("aim").Repo(".")
    found = [item.run["final"]["acc"] for item in repo.query_runs("run.final.acc > 0.9", report_mode=0).iter_runs()]
    return sorted(found, reverse=True)[:10]


def main(tracker: str, action: str) -> None:
    """Do what the command line says."""
    work = globals()[f"{action}_{tracker}"]
    answer = work()
    if answer is not None:
        print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:3])
