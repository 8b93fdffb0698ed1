"""A service that does nothing but be ready, for tests of what starts and stops services.

Run as a script; `--fail` ends it at once, `--deaf` makes it ignore being asked to stop.
"""

import http.server
import os
import signal
import sys


class _Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main() -> None:
    if "--fail" in sys.argv:
        sys.exit("dummy: nothing works today")
    if "--deaf" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    host = os.environ.get("STRATO_HTTP_HOST", "127.0.0.1")
    address = (host, int(os.environ["STRATO_HTTP_PORT"]))
    print("broker", os.environ["STRATO_NATS_URL"].rpartition("@")[2], flush=True)
    http.server.HTTPServer(address, _Ready).serve_forever()


if __name__ == "__main__":
    main()
