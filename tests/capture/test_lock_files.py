"""Lock files are known by their names."""

from __future__ import annotations

import pytest

from gittrack.capture.lock_files import is_lock_file


@pytest.mark.parametrize(
    "name",
    "uv.lock poetry.lock Pipfile.lock requirements.txt requirements-dev.txt environment.yml package-lock.json "
    "pylock.toml pylock.gpu.toml Cargo.lock linux-64.conda-lock.yml Manifest.toml".split(),
)
def test_a_lock_file(name: str) -> None:
    assert is_lock_file(name)


@pytest.mark.parametrize("name", "train.py index.lock requirements.md my-requirements.txt lock config.yaml".split())
def test_no_lock_file(name: str) -> None:
    assert not is_lock_file(name)
