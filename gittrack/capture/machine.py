"""The names of the machine and its parts: system, processor, graphics processors, host, user."""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache

_HEAD = 8192


def host() -> str:
    """Return the name of this machine, '' when it has none."""
    if sys.platform == "win32":
        return os.environ.get("COMPUTERNAME", "")
    return os.uname().nodename


def user() -> str:
    """Return the login name of whoever runs this, the user's number where it has no name; never fails."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        name = os.environ.get(variable)
        if name:
            return name
    if sys.platform == "win32":
        return ""
    number = os.getuid()
    try:
        import pwd  # not on Windows

        return pwd.getpwuid(number).pw_name
    except (ImportError, KeyError, OSError):  # a container that runs under a number nobody has
        return str(number)


def architecture() -> str:
    """Return the kind of processor: 'x86_64', 'arm64'."""
    if sys.platform == "win32":
        return os.environ.get("PROCESSOR_ARCHITEW6432") or os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return os.uname().machine


@lru_cache(maxsize=1)
def platform_name() -> str:
    """Return system, version, processor and C library: 'Linux-6.1-x86_64-glibc2.36', 'macOS-14.5-arm64'.

    Of the kernel's version only the first two numbers: a patch of the kernel is not another environment.
    """
    if sys.platform == "win32":
        version = sys.getwindowsversion()
        return f"Windows-{version.major}.{version.minor}.{version.build}-{architecture()}"
    if sys.platform == "darwin":
        text = _head("/System/Library/CoreServices/SystemVersion.plist")
        product = re.search(r"<key>ProductVersion</key>\s*<string>([0-9.]+)</string>", text)
        if product is not None:
            return f"macOS-{product[1]}-{architecture()}"
    system = os.uname()
    release = re.match(r"[0-9]+\.[0-9]+", system.release)
    parts = (system.sysname, release[0] if release else system.release, system.machine, _c_library())
    return "-".join(part for part in parts if part)


def _c_library() -> str:
    if not sys.platform.startswith("linux"):
        return ""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").replace(" ", "")
    except (ValueError, OSError, AttributeError):
        return "musl" if any(name.startswith("ld-musl") for name in _listed("/lib")) else ""


@lru_cache(maxsize=1)
def cpu() -> str | None:
    """Return the processor's name as its maker writes it, None when the system does not tell."""
    if sys.platform == "win32":
        return os.environ.get("PROCESSOR_IDENTIFIER")
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string")
    found = re.search(r"^(?:model name|Model|cpu model|cpu)\s*:\s*(\S.*)$", _head("/proc/cpuinfo"), re.MULTILINE)
    name = found[1] if found else _head("/proc/device-tree/model").strip("\x00 \n")
    return re.sub(r"\s+", " ", name).strip() or None


def _sysctl(name: str) -> str | None:
    import subprocess  # slow to import, and only macOS has no file for it

    try:
        done = subprocess.run(["/usr/sbin/sysctl", "-n", name], capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip() or None


def cpu_count() -> int | None:
    """Return how many processors this process may use, not how many there are."""
    if sys.platform.startswith("linux"):
        try:
            return len(os.sched_getaffinity(0))
        except OSError:
            pass
    return os.cpu_count()


def gpus() -> tuple[str, ...]:
    """Return the names of the graphics processors that the driver, or a library in use, tells of.

    Nothing is imported and no device is started for it: a process that has touched a device cannot fork.
    """
    return _nvidia() or _torch()


@lru_cache(maxsize=1)
def _nvidia(root: str = "/proc/driver/nvidia/gpus") -> tuple[str, ...]:
    names = []
    for device in sorted(_listed(root)):
        model = re.search(r"^Model:\s*(\S.*?)\s*$", _head(f"{root}/{device}/information"), re.MULTILINE)
        if model is not None:
            names.append(model[1])
    return tuple(names)


@lru_cache(maxsize=1)
def driver(path: str = "/proc/driver/nvidia/version") -> str | None:
    """Return the version of the NVIDIA driver, None where there is none."""
    found = re.search(r"^NVRM version:.*?\s(\d+\.\d[\d.]*)\s", _head(path), re.MULTILINE)
    return found[1] if found else None


def cuda(toolkit: str = "/usr/local/cuda/version.json") -> str | None:
    """Return the version of CUDA that torch was built for, where it is loaded, else that of the toolkit installed."""
    built = getattr(getattr(sys.modules.get("torch"), "version", None), "cuda", None)
    if isinstance(built, str):
        return built
    found = re.search(r'"cuda"\s*:\s*\{[^}]*"version"\s*:\s*"([\d.]+)"', _head(toolkit))
    return found[1] if found else None


def _torch() -> tuple[str, ...]:
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    try:
        if cuda is None or not cuda.is_initialized():
            return ()
        return tuple(str(cuda.get_device_name(i)) for i in range(int(cuda.device_count())))
    except Exception:  # noqa: BLE001 - a driver's fault must not end a training
        return ()


def _head(path: str) -> str:
    """The beginning of a file, '' when it cannot be read: /proc/cpuinfo is long, and slow to make."""
    try:
        with open(path, "rb", buffering=0) as file:
            return (file.read(_HEAD) or b"").decode("utf-8", "replace")
    except OSError:
        return ""


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
