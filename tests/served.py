"""A server of a bundle in a thread, for tests of clients."""

import socket
import threading
import time
from contextlib import contextmanager

import uvicorn

from autosplit.deploy.http_server import make_app
from autosplit.deploy.repository import Repository


@contextmanager
def serving(folder, credentials=None):
    """A server of a bundle in a thread; gives its host and port.

    Of the credentials the token alone counts; it has no TLS.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(
        make_app(Repository.load(folder), credentials), port=port, log_level="error"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
