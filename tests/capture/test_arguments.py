"""Params and the entry file out of a command's words."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.capture.arguments import entry_of, params_from_arguments, typed_value
from gittrack.values import check_key, plain_value

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("command", "params"),
    [
        (
            "python -m pkg.train --lr 0.1 --layers=64 --amp --no-cache opt=adam +model.depth=3",
            {"lr": 0.1, "layers": 64, "amp": True, "no_cache": True, "opt": "adam", "model.depth": 3},
        ),
        ("python train.py -b 32 -j8 -lr 0.1 -v", {"b": 32, "j": 8, "lr": 0.1, "v": True}),
        ("python train.py --shift -1 --scale -1e-5 --low -.5 --min -inf", None),
        ("python train.py --a 1 -- --b 2 c=3", {"a": 1}),
        ("python train.py --layers 64 32 --name a b", {"layers": [64, 32], "name": "a"}),
        ("python train.py --x 1 --x 2 --x a", {"x": [1, 2, "a"]}),
        ("python train.py --a-b-c=1 data.csv out", {"a_b_c": 1}),
        ("python train.py --url http://h/?a=b --empty=", {"url": "http://h/?a=b", "empty": ""}),
        ("python train.py ++db.user=ada ~model lr=0.1,0.2", {"db.user": "ada", "lr": "0.1,0.2"}),
        ("python train.py --wandb-api-key abc token=abc", {"wandb_api_key": "[redacted]", "token": "[redacted]"}),
        ("python train.py --repo https://u:p@h/x", {"repo": "https://[redacted]@h/x"}),
        ("python -u -X dev -Wignore train.py --lr 1", {"lr": 1}),
        ("python -c 'import x; x.main(a=1)' --lr 1", {"lr": 1}),
        ("python - --lr 1", {"lr": 1}),
        ("torchrun --nproc_per_node 2 train.py --lr 1", {"lr": 1}),
        ("torchrun --nproc_per_node=2 -m pkg.train --lr 1", {"lr": 1}),
        ("accelerate launch --num_processes 2 train.py --lr 1", {"lr": 1}),
        ("python -m torch.distributed.run --nproc_per_node 2 train.py --lr 1", {"lr": 1}),
        ("srun -n 4 python -um pkg.train --lr 1", {"lr": 1}),
        ("env A=1 OMP_NUM_THREADS=2 python train.py --lr 1", {"lr": 1}),
        ("uv run --with x train.py --lr 1", {"lr": 1}),
        ("bash run.sh --lr 1", {"lr": 1}),
        ("julia -t 4 train.jl --lr 1", {"lr": 1}),
        ("C:\\Python\\python.exe train.py --lr 1", {"lr": 1}),
        ("./train --lr 1", {"lr": 1}),
        ("train.py --lr 1", {"lr": 1}),
        ("make LR=1", {"LR": 1}),
        ("tool --config conf.py --lr 1", {"config": "conf.py", "lr": 1}),
        ("python", {}),
        ("", {}),
    ],
)
def test_params(command: str, params: dict[str, object] | None) -> None:
    argv = command.split() if "\\" in command else shlex.split(command)
    if params is None:
        params = {"shift": -1, "scale": -1e-5, "low": -0.5, "min": -math.inf}
    found = params_from_arguments(argv)
    assert found == params
    assert [type(v) for v in found.values()] == [type(v) for v in params.values()]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-1", -1), ("0", 0), ("1.0", 1.0), ("1.", 1.0), (".5", 0.5), ("1e-5", 1e-5), ("1E3", 1000.0),
        ("inf", math.inf), ("-inf", -math.inf), ("true", True), ("False", False), ("007", "007"), ("1_000", "1_000"),
        ("+1", "+1"), ("-0", "-0"), ("none", "none"), ("null", "null"), ("yes", "yes"), ("1.2.3", "1.2.3"),
        ("0x10", "0x10"), ("", ""), ("1e", "1e"), ("٣", "٣"), (" 1", " 1"), ("9" * 5000, "9" * 5000),
    ],
)  # fmt: skip
def test_typed_values(text: str, value: object) -> None:
    assert typed_value(text) == value
    assert type(typed_value(text)) is type(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(float(typed_value("nan")))


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\x00"), max_size=8)
        | st.sampled_from(["--a", "-b", "x=1", "--", "-1"])
    )
)
def test_whatever_the_words_are_the_params_can_be_recorded(words: list[str]) -> None:
    for name, value in params_from_arguments(["train.py", *words]).items():
        check_key("param", name)
        plain_value(name, value)


@pytest.mark.parametrize(
    ("command", "entry"),
    [
        ("python train.py --lr 1", "train.py"),
        ("python -u -X dev sub/train.py", "sub/train.py"),
        ("python -Xdev -OO -W ignore train.py", "train.py"),
        ("python -m pkg.train --x", "pkg.train"),
        ("python -mpkg.train", "pkg.train"),
        ("python3.11 -um pkg.train", "pkg.train"),
        ("python -c pass train.py", None),
        ("python", None),
        ("python -", None),
        ("torchrun --conf other.py train.py", "train.py"),
        ("torchrun missing.py", "missing.py"),
        ("python -m cProfile -o out train.py", "train.py"),
        ("coverage run -m pkg.train", "pkg.train"),
        ("nohup nice -n 5 python train.py", "train.py"),
        ("gittrack run -- python train.py", "train.py"),
        ("bash run.sh", "run.sh"),
        ("./tool --lr 1", "./tool"),
        ("train.py", "train.py"),
        ("/usr/bin/env python train.py", "train.py"),
        ("/usr/bin/pytest tests", None),
        ("tool --config train.py", None),
        ("ls -l", None),
        ("", None),
    ],
)
def test_entry(command: str, entry: str | None) -> None:
    files = {"/w/train.py", "/w/sub/train.py", "/w/run.sh", "/w/./tool"}
    assert entry_of(command.split(), "/w", is_file=lambda path: path.replace("\\", "/") in files) == entry


def test_the_entry_is_looked_for_below_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "main.py").touch()
    assert entry_of(["torchrun", "--log", "other.py", "main.py"], str(tmp_path)) == "main.py"
