"""A network that breaks: a proxy on loopback that lets so many bytes through, whichever way, and then none."""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK: Final = 1 << 14
_LOOPBACK: Final = "127.0.0.1"


class CuttingProxy:
    """Stands before the server at a port of loopback, at `port`; whole until `cut_after`, and again after `mend`."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._lock = threading.Lock()
        self._passed = 0
        self._left: float = float("inf")
        self._alarms: list[tuple[int, Callable[[], object]]] = []
        self._open: set[socket.socket] = set()
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                proxy._serve(self.request)

        class Threads(socketserver.ThreadingTCPServer):
            request_queue_size = 128

        self._server = Threads((_LOOPBACK, 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def passed(self) -> int:
        """How many bytes went through since it was last mended."""
        return self._passed

    def cut_after(self, count: int) -> None:
        """Let `count` more bytes through; then everything that is open ends, and nothing new begins."""
        with self._lock:
            self._left = count

    def call_after(self, count: int, alarm: Callable[[], object]) -> None:
        """Call something when so many bytes have gone through since it was mended."""
        with self._lock:
            self._alarms.append((count, alarm))

    def mend(self) -> None:
        """Be whole again."""
        with self._lock:
            self._left, self._passed = float("inf"), 0
            self._alarms.clear()

    def close(self) -> None:
        """End all of it, and wait for that."""
        self._server.shutdown()
        self._thread.join()
        self._end_all()
        self._server.server_close()

    def _serve(self, client: socket.socket) -> None:
        if self._left <= 0:
            return
        try:
            server = socket.create_connection((_LOOPBACK, self._upstream))
        except OSError:
            return  # it was killed
        with server:
            with self._lock:
                self._open |= {client, server}
            back = threading.Thread(target=self._pump, args=(server, client))
            back.start()
            self._pump(client, server)
            back.join()
            with self._lock:
                self._open -= {client, server}

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                allowed = data[: self._allowed(len(data))]
                target.sendall(allowed)
                self._ring()
                if len(allowed) < len(data):
                    self._end_all()
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _allowed(self, wanted: int) -> int:
        with self._lock:
            count = int(min(wanted, self._left))
            self._left -= count
            self._passed += count
            return count

    def _ring(self) -> None:
        with self._lock:
            due = [alarm for count, alarm in self._alarms if count <= self._passed]
            self._alarms = [(count, alarm) for count, alarm in self._alarms if count > self._passed]
        for alarm in due:
            alarm()

    def _end_all(self) -> None:
        with self._lock:
            ends = list(self._open)
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
