"""A process that publishes so many messages a second: `flooding.py URL SUBJECT BODY RATE`.

With a rate of 0 it publishes as fast as the broker reads.

It writes a line to stdout once it floods, and goes on until it is killed. It speaks the protocol
itself, so that the flood takes little of the processors on which the others run.
"""

import json
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

_EVERY_SECONDS = 0.01
_INBOX = "_INBOX.floodfloodfloodfloodfl"
# Of a flood at full speed, in bytes.
_UNPACED = 1 << 20


def _drain(connection: socket.socket) -> None:
    while connection.recv(1 << 20):
        pass


def flood(url: str, subject: str, body: str, rate: int) -> None:
    """Publish without an end."""
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    connection = socket.create_connection((address.hostname, address.port))
    options: dict[str, object] = {"verbose": False, "pedantic": False, "headers": True}
    if address.password:
        options |= {"user": address.username, "pass": address.password}
    elif address.username:
        options["auth_token"] = address.username
    connection.sendall(f"CONNECT {json.dumps(options)}\r\nSUB {_INBOX}.* 1\r\nPING\r\n".encode())
    heard = b""
    while b"PONG" not in heard:
        heard += (part := connection.recv(1 << 16))
        assert part, heard
    threading.Thread(target=_drain, args=(connection,), daemon=True).start()
    message = f"PUB {subject} {_INBOX}.1 {len(body)}\r\n{body}\r\n".encode()
    burst = message * (round(rate * _EVERY_SECONDS) or max(1, _UNPACED // len(message)))
    connection.sendall(burst)
    print("flooding", flush=True)
    due = time.monotonic()
    while True:
        due += _EVERY_SECONDS
        if rate:
            time.sleep(max(0.0, due - time.monotonic()))
        connection.sendall(burst)


if __name__ == "__main__":
    flood(*sys.argv[1:4], int(sys.argv[4]))
