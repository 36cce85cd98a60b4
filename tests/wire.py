"""The wire of the fault tests: a TCP server that behaves as a test says, and a proxy that can go wrong.

with serving(lambda connection: connection.sendall(b"...")) as port: ...
with proxy(server.port) as wire:        # wire.port; wire.silent = True; wire.drip_s = 0.2; wire.cut()
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HOST = "127.0.0.1"


@contextmanager
def serving(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that does `behave` with each connection and then closes it."""
    with socket.create_server((HOST, 0)) as listener:
        stopped = threading.Event()
        connections: list[socket.socket] = []

        def serve_one(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                behave(connection)

        def accept() -> None:
            while not stopped.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connections.append(connection)
                threading.Thread(target=serve_one, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stopped.set()
            listener.shutdown(socket.SHUT_RDWR)
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@contextmanager
def deaf() -> Iterator[int]:
    """The port of a listener whose queue is full: it takes no connection and refuses none, as a firewall that drops."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HOST, 0), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def request_of(connection: socket.socket) -> bytes:
    """What an HTTP client sent, up to the end of its headers."""
    received = b""
    while b"\r\n\r\n" not in received and (block := connection.recv(65_536)):
        received += block
    return received


def http(status: str, body: bytes, *headers: str) -> Callable[[socket.socket], None]:
    """A behaviour: this HTTP answer to whatever is asked."""

    def behave(connection: socket.socket) -> None:
        request_of(connection)
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    return behave


def silent(connection: socket.socket) -> None:
    """A behaviour: read for ever, and answer nothing."""
    while connection.recv(65_536):
        pass


def dripping(text: bytes, each_s: float = 0.2) -> Callable[[socket.socket], None]:
    """A behaviour: after a request, these bytes one at a time, for ever from the start."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)
        while True:
            for byte in text:
                connection.sendall(bytes([byte]))
                time.sleep(each_s)

    return behave


def dripping_body(connection: socket.socket) -> None:
    """A behaviour: after a request, the headers of a good answer at once, and its long body a byte each 0.1 s."""
    request_of(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


class Wire:
    """The switches of a proxy before a real server.

    `silent` passes nothing on to the client, `drip_s` a byte each so many seconds, after `freely` bytes.
    """

    def __init__(self) -> None:
        self.port = 0
        self.silent = False
        self.drip_s = 0.0
        self.freely = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []

    def cut(self) -> None:
        """End every connection at once."""
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def pass_on(self, source: socket.socket, target: socket.socket, to_client: bool) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(65_536):
                while to_client and self.silent:
                    time.sleep(0.02)
                if to_client and self.drip_s:
                    target.sendall(block[: self.freely])
                    block, self.freely = block[self.freely :], max(0, self.freely - len(block))
                    for byte in block:
                        target.sendall(bytes([byte]))
                        time.sleep(self.drip_s)
                else:
                    target.sendall(block)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(port: int) -> Iterator[Wire]:
    """A proxy before the server on this port of this machine."""
    wire = Wire()

    def behave(client: socket.socket) -> None:
        with socket.create_connection((HOST, port)) as server:
            wire._pairs.append((client, server))
            back = threading.Thread(target=wire.pass_on, args=(server, client, True), daemon=True)
            back.start()
            wire.pass_on(client, server, False)
            back.join()

    with serving(behave) as wire.port:
        try:
            yield wire
        finally:
            wire.silent, wire.drip_s = False, 0.0
            wire.cut()
