"""A real webhook receiver on loopback, which answers as a test asks it to."""

import json
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.notify.planted import TOKEN


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver does with a request: an HTTP answer, or worse.

    ``delay`` is in seconds before the answer, ``drip`` between its bytes. ``raw`` is sent as it stands instead of an answer; an empty ``raw`` drops the connection.
    """

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    drip: float = 0.0
    raw: bytes | None = None

    @property
    def accepts(self) -> bool:
        return self.raw is None and 200 <= self.status < 300


OK = Answer()
DROP = Answer(raw=b"")
GARBAGE = Answer(raw=b"\x16\x03\x01 this is not HTTP\r\n\r\n")


@dataclass(frozen=True, slots=True)
class Request:
    """One request, and how it was answered."""

    path: str
    headers: dict[str, str]
    body: bytes
    answer: Answer

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receiver(socketserver.ThreadingTCPServer):
    """Keeps every request; ``decide`` says how each is answered."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, decide: Callable[[int], Answer], context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.decide = decide
        self.context = context
        self.requests: list[Request] = []
        self.seen_ids: set[str] = set()
        self.accepted_ids: set[str] = set()
        self.connections = 0
        self.changed = threading.Condition()
        self.open: set[socket.socket] = set()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str = f"/hook/{TOKEN}") -> str:
        """The address, with a planted secret in it as real ones have."""
        scheme, host = ("https", "localhost") if self.context else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self.port}{path}"

    @property
    def accepted(self) -> list[Request]:
        """The requests that were answered with success, in order."""
        with self.changed:
            return [request for request in self.requests if request.answer.accepts]

    def wait_for(self, wanted: Callable[["Receiver"], bool], *, seconds: float = 60.0) -> None:
        """Wait until something holds for what has been received."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while not wanted(self):
                left = deadline - time.monotonic()
                assert left > 0, f"waited in vain; {len(self.requests)} requests came"
                self.changed.wait(left)

    def wait_for_requests(self, number: int) -> None:
        """Wait until so many requests have come."""
        self.wait_for(lambda seen: len(seen.requests) >= number)

    def wait_for_ids(self, number: int) -> None:
        """Wait until so many different messages have come."""
        self.wait_for(lambda seen: len(seen.seen_ids) >= number, seconds=600)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that goes away, or that does not trust us, is nothing to talk about."""


class _Handler(socketserver.StreamRequestHandler):
    server: Receiver

    def setup(self) -> None:
        if self.server.context is not None:
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        with self.server.changed:
            self.server.connections += 1
            self.server.open.add(self.request)
        super().setup()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.server.open.discard(self.request)
        with suppress(OSError):
            self.request.close()

    def handle(self) -> None:
        with suppress(OSError):
            while self._one():
                pass

    def _one(self) -> bool:
        line = self.rfile.readline()
        if not line:
            return False
        _, path, _ = line.decode().split(" ", 2)
        headers: dict[str, str] = {}
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        body = self.rfile.read(length)
        if len(body) < length or not line:
            return False  # the sender was killed in the middle of it
        server = self.server
        with server.changed:
            answer = server.decide(len(server.requests))
            server.requests.append(Request(path, headers, body, answer))
            server.seen_ids.add(headers.get("webhook-id", ""))
            if answer.accepts:
                server.accepted_ids.add(headers.get("webhook-id", ""))
            server.changed.notify_all()
        time.sleep(answer.delay)
        response = answer.raw if answer.raw is not None else _response(answer)
        for piece in [response] if not answer.drip else [bytes([byte]) for byte in response]:
            self.wfile.write(piece)
            time.sleep(answer.drip)
        return answer.raw is None


def _response(answer: Answer) -> bytes:
    headers = {**answer.headers, "Content-Length": str(len(answer.body))}
    lines = [f"HTTP/1.1 {answer.status} Because", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + answer.body


@contextmanager
def receiving(
    decide: Callable[[int], Answer] = lambda number: OK, *, context: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    """A receiver for as long as the block runs; ``decide`` gets the number of the request, from 0."""
    with Receiver(decide, context) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            for connection in list(server.open):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def answers(*those: Answer, then: Answer = OK) -> Callable[[int], Answer]:
    """These answers, one after the other, and then always the same."""
    return lambda number: those[number] if number < len(those) else then
