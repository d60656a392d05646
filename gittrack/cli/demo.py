"""`gittrack demo`: a throw-away repository with real runs in it, made in front of the user's eyes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from gittrack.errors import GittrackError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

EPILOG = """\b
Examples:
  gittrack demo                 in a new temporary folder
  gittrack demo ~/try-gittrack  in a folder of your choice, which must not exist yet

\b
It needs scikit-learn: pip install 'gittrack[demo]'.
"""

SCRIPT = '''"""Trains a small network on scikit-learn's handwritten digits, once for each combination of options."""

import argparse
import itertools
import pickle

from sklearn.datasets import load_digits
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import gittrack


def features(images):
    return images / 16


def train(hidden, lr, epochs):
    images, labels = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(features(images), labels, test_size=0.25, random_state=0)
    with gittrack.start_run(experiment="digits", params={"hidden": hidden, "lr": lr, "epochs": epochs}):
        model = MLPClassifier((hidden,), learning_rate_init=lr, random_state=0)
        for epoch in range(epochs):
            model.partial_fit(x, y, classes=range(10))
            gittrack.log_metrics({"loss": model.loss_, "accuracy": model.score(x_test, y_test)}, step=epoch)
        gittrack.log_text(classification_report(y_test, model.predict(x_test), zero_division=0), "report.txt")
        gittrack.log_text(repr(model), "model.txt")
        with open("model.pkl", "wb") as file:
            pickle.dump(model, file)
        gittrack.log_artifact("model.pkl")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--hidden", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--lr", type=float, nargs="+", default=[0.001, 0.01, 0.1])
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    for hidden, lr in itertools.product(options.hidden, options.lr):
        train(hidden, lr, options.epochs)
        print(f"hidden {hidden}, lr {lr}: done", flush=True)
'''

CHANGE = ("    return images / 16\n", "    return (images > 8) * 1.0\n")
GRID = 6


@click.command("demo", epilog=EPILOG)
@click.argument("folder", required=False, type=click.Path(file_okay=False))
def command(folder: str | None) -> None:
    """Make a repository with a few real training runs in it, to look around in."""
    if find_spec("sklearn") is None:
        raise GittrackError("the demo trains with scikit-learn, which is not installed: pip install 'gittrack[demo]'")
    place = make_repository(folder)
    click.echo(f"A new git repository with one training script: {place}")
    with click.progressbar(length=GRID + 1, label="Training on handwritten digits", file=sys.stderr) as bar:
        for _ in train(place, []):
            bar.update(1)
        change_script(place)
        for _ in train(place, ["--hidden", "64", "--lr", "0.01"]):
            bar.update(1)
    click.echo(f"{GRID} runs of the committed script, and one (*) after a change that was not committed:\n")
    # There and not here, where a module of the user's may have the name of one that gittrack imports.
    show = [sys.executable, "-m", "gittrack", "log"]
    subprocess.run(show, check=True, cwd=place, env={**os.environ, "GIT_PAGER": "cat"})
    where = shlex.quote(place)
    click.echo(
        "\nTry next:\n"
        f"  cd {where}\n"
        "  gittrack show latest                     the whole run on one page\n"
        "  gittrack show latest --metric accuracy   its history\n"
        "  git log gittrack/runs                    it is all plain git"
    )


def make_repository(folder: str | None) -> str:
    """Make a git repository with the training script committed, and return its path."""
    from gittrack.git.process import run_git

    if folder is None:
        from tempfile import mkdtemp

        place = mkdtemp(prefix="gittrack-demo-")
    else:
        place = os.path.abspath(folder)
        try:
            os.makedirs(place)
        except FileExistsError:
            raise UsageError(f"{folder} exists already; name a folder that does not") from None
        except OSError as error:
            raise GittrackError(f"{folder} cannot be made: {error.strerror}") from None
    with open(os.path.join(place, "train.py"), "w", encoding="utf-8") as file:
        file.write(SCRIPT)
    with open(os.path.join(place, ".gitignore"), "w", encoding="utf-8") as file:
        file.write("model.pkl\n")
    run_git(["init", "--quiet", place])
    if not run_git(["config", "user.email"], cwd=place, ok=(0, 1)):
        run_git(["config", "user.name", "gittrack demo"], cwd=place)
        run_git(["config", "user.email", "demo@example.com"], cwd=place)
    run_git(["add", "train.py", ".gitignore"], cwd=place)
    run_git(["-c", "commit.gpgSign=false", "commit", "--quiet", "-m", "Train a network on digits"], cwd=place)
    return place


def train(place: str, arguments: list[str]) -> Iterator[str]:
    """Run the script as anybody would, and yield a line for each run that is done."""
    # A parent that is itself recorded must not have the demo's runs for its own.
    env = {key: value for key, value in os.environ.items() if not key.startswith(("GITTRACK_", "GIT_"))}
    process = subprocess.Popen(
        [sys.executable, "train.py", *arguments], cwd=place, env=env, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield from process.stdout or ()
    if process.returncode != 0:
        raise GittrackError(f"the training script in {place} ended with exit code {process.returncode}")


def change_script(place: str) -> None:
    """Change the script and do not commit: the next run is made on a dirty tree."""
    path = os.path.join(place, "train.py")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(*CHANGE))
