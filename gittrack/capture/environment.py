"""The environment of a run: interpreter, packages, machine, and the few variables that change results."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from gittrack.capture import machine
from gittrack.capture.machine import host, user
from gittrack.capture.packages import installed_packages
from gittrack.capture.redact import REDACTED, redact_text
from gittrack.capture.scalars import word_set
from gittrack.capture.secret_names import is_secret_name
from gittrack.model import Environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["capture_environment", "host", "user"]

# Only these: an environment is where secrets are kept. They say on what, as which part of which job,
# and under which settings of the libraries a run was made.
_VARIABLES = word_set(
    """
    CUDA_VISIBLE_DEVICES CUDA_DEVICE_ORDER CUDA_LAUNCH_BLOCKING NVIDIA_VISIBLE_DEVICES HIP_VISIBLE_DEVICES
    ROCR_VISIBLE_DEVICES CUBLAS_WORKSPACE_CONFIG NVIDIA_TF32_OVERRIDE PYTORCH_CUDA_ALLOC_CONF
    PYTORCH_ENABLE_MPS_FALLBACK TF_DETERMINISTIC_OPS TF_FORCE_GPU_ALLOW_GROWTH XLA_FLAGS JAX_PLATFORMS
    JAX_ENABLE_X64 XLA_PYTHON_CLIENT_PREALLOCATE XLA_PYTHON_CLIENT_MEM_FRACTION TOKENIZERS_PARALLELISM
    PYTHONHASHSEED PYTHONOPTIMIZE OMP_NUM_THREADS MKL_NUM_THREADS OPENBLAS_NUM_THREADS NUMEXPR_NUM_THREADS
    NCCL_DEBUG NCCL_P2P_DISABLE NCCL_IB_DISABLE RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE MASTER_ADDR
    MASTER_PORT OMPI_COMM_WORLD_RANK OMPI_COMM_WORLD_SIZE PMI_RANK PMI_SIZE CONDA_DEFAULT_ENV VIRTUAL_ENV
    SLURM_JOB_ID SLURM_JOB_NAME SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID SLURM_JOB_PARTITION
    SLURM_JOB_NUM_NODES SLURM_NTASKS SLURM_NODELIST SLURM_PROCID SLURM_RESTART_COUNT PBS_JOBID PBS_JOBNAME
    LSB_JOBID LSB_JOBNAME JOB_ID SGE_TASK_ID
    """
)
IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalPy"}


def capture_environment(environ: Mapping[str, str] | None = None, *, chosen: Iterable[str] = ()) -> Environment:
    """Return the facts about this process and its machine; `environ` stands for os.environ.

    What is slow to find is found once per process. Of the variables only an allow-list is kept, and those that
    the user has `chosen`: names, or beginnings of names with a star behind them.
    """
    name = sys.implementation.name
    return Environment(
        python=sys.version.split()[0],
        implementation=IMPLEMENTATIONS.get(name, name),
        platform=machine.platform_name(),
        machine=machine.architecture(),
        cpu=machine.cpu(),
        cpu_count=machine.cpu_count(),
        gpus=machine.gpus(),
        cuda=machine.cuda(),
        driver=machine.driver(),
        packages=installed_packages(sys.path),
        variables=_variables(os.environ if environ is None else environ, tuple(chosen)),
    )


def _variables(environ: Mapping[str, str], chosen: tuple[str, ...]) -> dict[str, str]:
    kept = {}
    beginnings = tuple(name[:-1] for name in chosen if name.endswith("*"))
    wanted = {name for name in environ if beginnings and name.startswith(beginnings)} | {*chosen}
    for name in sorted((_VARIABLES | wanted) & environ.keys()):
        value = environ[name].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        if name in ("VIRTUAL_ENV", "CONDA_DEFAULT_ENV"):  # the folders above it are this machine's affair
            value = re.split(r"[\\/]", value.rstrip("\\/"))[-1]
        kept[name] = REDACTED if is_secret_name(name) else redact_text(value)
    return kept
