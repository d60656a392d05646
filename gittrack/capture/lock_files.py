"""Which files of a repository pin an environment: the lock files and requirement lists of package managers."""

from __future__ import annotations

from typing import Final

from gittrack.capture.lazy import Lazy
from gittrack.capture.scalars import word_set

_NAMES: Final = word_set(
    """
    uv.lock poetry.lock pdm.lock pipfile.lock pylock.toml pixi.lock conda-lock.yml environment.yml environment.yaml
    conda.yaml requirements.lock package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock deno.lock
    renv.lock manifest.toml cargo.lock go.sum gemfile.lock composer.lock flake.lock dvc.lock
    """
)
_FORMS: Final = Lazy(r"requirements[\w.-]*\.txt|constraints[\w.-]*\.txt|pylock\.[\w-]+\.toml|[\w-]+\.conda-lock\.yml")


def is_lock_file(name: str) -> bool:
    """Tell whether a file of that name tells exact packages."""
    return name.lower() in _NAMES or _FORMS.re.fullmatch(name.lower()) is not None
