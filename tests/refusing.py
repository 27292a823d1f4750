"""A server of HTTP that gives the same answer to every request."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BUSY = (429, b'{"error": "queue: holds 256 requests"}', {})
AWAY = (503, b"Service Unavailable", {})
GARBLED = (200, b"<html>no answer</html>", {})
MISCOUNTED = (200, b"{}", {"Inference-Header-Content-Length": "two"})
WITHOUT_OUTPUTS = (200, b'{"outputs": []}', {})


@contextlib.contextmanager
def refusing(status, body, headers):
    """A server that answers every request so; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
