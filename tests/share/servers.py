"""Real servers on loopback for one folder of bare repositories: ssh, https with a password, git's own protocol, paths.

Each connection is a program of its own, as under inetd: what listens is this process, so a server answers from the
moment that its address is known, on a port that nobody else has, and ends with the block that it was made in.
"""

from __future__ import annotations

import getpass
import gzip
import os
import shutil
import socketserver
import ssl
import subprocess
import threading
from base64 import b64encode
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping, Sequence

USER: Final = "ada"
PASSWORD: Final = "correct horse"  # noqa: S105 - of a server that lives for one test
_LOOPBACK: Final = "127.0.0.1"
_ENDING: Final = 30.0  # seconds for a program whose connection is gone


class Server(NamedTuple):
    """Where a folder is served: `url(name)` is what git is told of the repository `name` in it."""

    base: str
    port: int = 0

    def url(self, name: str) -> str:
        return f"{self.base}{name}"


class Inetd:
    """Starts a program for each connection, with the connection as its standard input and output."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command = command
        self._log = log
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        inetd = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                inetd._serve(self.request)

        self._server = _Threads((_LOOPBACK, 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                self._command,
                stdin=connection.fileno(),
                stdout=connection.fileno(),
                stderr=log,
                start_new_session=True,
            )
        with self._lock:
            self._running.add(process)
        # Only the program holds it now, so its end is that of the connection.
        connection.close()
        process.wait()
        with self._lock:
            self._running.discard(process)

    def kill(self) -> int:
        """Kill what serves a connection now, as a machine that loses power does; return how many there were."""
        with self._lock:
            running = list(self._running)
        for process in running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
        return len(running)

    def close(self) -> None:
        """End all of it, and wait for that."""
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            running = list(self._running)
        for process in running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
            try:
                process.wait(_ENDING)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
        self._server.server_close()


class _Threads(socketserver.ThreadingTCPServer):
    request_queue_size = 128

    def shutdown_request(self, request: object) -> None:
        """Leave the connection to the program."""


def _home() -> Path:
    return Path(os.environ["HOME"])


def _configure(key: str, value: str) -> None:
    subprocess.run(["git", "config", "--global", "--add", key, value], check=True)


def _program(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/sbin")))
    assert found is not None, f"{name} is not installed; .ci/run names the package"
    return found


# git's own protocol


@contextmanager
def git_daemon(folder: Path) -> Iterator[tuple[Server, Inetd]]:
    """`git daemon`, which lets everybody push."""
    exec_path = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
    words = ["--inetd", "--log-destination=none", "--export-all", "--enable=receive-pack", f"--base-path={folder}"]
    inetd = Inetd([f"{exec_path}/git-daemon", *words, str(folder)], folder / "daemon.log")
    with closing(inetd):
        yield Server(f"git://{_LOOPBACK}:{inetd.port}/", inetd.port), inetd


# ssh

_SSHD: Final = """\
HostKey {keys}/host
AuthorizedKeysFile {keys}/user.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 200
SetEnv HOME={home} GIT_CONFIG_GLOBAL={config} GIT_CONFIG_NOSYSTEM=1
"""
_SSH: Final = """\
Host hub
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {keys}/user
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {keys}/known_hosts
    StrictHostKeyChecking yes
    BatchMode yes
"""


@contextmanager
def ssh_server(folder: Path) -> Iterator[Server]:
    """OpenSSH, as the user who runs the tests; its client learns host, port and key from a file in the home."""
    keys = _home() / ".ssh"
    keys.mkdir(mode=0o700)
    for name in ("host", "user"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(keys / name)]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    settings = keys / "sshd_config"
    settings.write_text(_SSHD.format(keys=keys, home=_home(), config=os.environ["GIT_CONFIG_GLOBAL"]))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where its part without rights is shut in
    inetd = Inetd([_program("sshd"), "-i", "-e", "-f", str(settings)], folder / "sshd.log")
    with closing(inetd):
        host_key = (keys / "host.pub").read_text()
        (keys / "known_hosts").write_text(f"[{_LOOPBACK}]:{inetd.port} {host_key}")
        (keys / "config").write_text(_SSH.format(keys=keys, port=inetd.port, user=getpass.getuser()))
        # OpenSSH takes the home from the system's list of users, not from $HOME.
        _configure("core.sshCommand", f"ssh -F {keys / 'config'}")
        yield Server(f"ssh://hub{folder}/", inetd.port)


# https


class _HttpBackend(BaseHTTPRequestHandler):
    """`git http-backend` as CGI (RFC 3875), for those who know the password."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # it would hold back what follows the head for 40 ms
    folder: Path

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name where it is inherited from
        """Say nothing on the terminal."""

    def do_GET(self) -> None:
        body = self._body()
        wanted = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="runs"'}, b"")
            return
        env = self._cgi(len(body))
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = (line.partition(": ") for line in head.decode().split("\r\n"))
        headers = {name: value for name, _, value in lines}
        self._answer(int(headers.pop("Status", "200").split()[0]), headers, content)

    do_POST = do_GET  # noqa: N815 - as above

    def _cgi(self, length: int) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        return {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": USER,
            "REMOTE_ADDR": _LOOPBACK,
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        return gzip.decompress(body) if self.headers.get("Content-Encoding", "") == "gzip" else body

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Https(ThreadingHTTPServer):
    """Says nothing of clients that hang up, and shakes hands in the thread of the connection."""

    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that is killed or cut off is what some tests are about."""


def _certificate(folder: Path) -> tuple[Path, Path]:
    key, certificate = folder / "tls.key", folder / "tls.crt"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=runs", "-addext", f"subjectAltName=IP:{_LOOPBACK}"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *words, *names, *files], check=True, capture_output=True)
    return key, certificate


@contextmanager
def https_server(folder: Path, password: str = PASSWORD) -> Iterator[Server]:
    """`git http-backend` behind TLS and a password, which git finds in the store of the home."""
    key, certificate = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    handler = type("Handler", (_HttpBackend,), {"folder": folder})
    server = _Https((_LOOPBACK, 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    port = server.server_address[1]
    _configure("http.sslCAInfo", str(certificate))
    _configure("http.proxy", "")  # whatever stands between this machine and others
    _configure("credential.helper", "store")
    know(password, port)
    try:
        yield Server(f"https://{_LOOPBACK}:{port}/", port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def know(password: str, port: int) -> None:
    """Put a password into the store of the home."""
    store = _home() / ".git-credentials"
    store.write_text(f"https://{USER}:{password.replace(' ', '%20')}@{_LOOPBACK}:{port}\n")
    store.chmod(0o600)


# All of them


@contextmanager
def _daemon(folder: Path) -> Iterator[Server]:
    with git_daemon(folder) as (server, _):
        yield server


@contextmanager
def _path(folder: Path) -> Iterator[Server]:
    yield Server(f"{folder}/")


@contextmanager
def _file(folder: Path) -> Iterator[Server]:
    yield Server(f"file://{folder}/")


SERVERS: Final = {
    "ssh": ssh_server,
    "https": https_server,
    "git": _daemon,
    "path": _path,
    "file": _file,
}
