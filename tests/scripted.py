"""A server of HTTP that answers by a script."""

import contextlib
import socket
import threading
import time


def request(taken):
    """A request with its body."""
    found = b""
    while b"\r\n\r\n" not in found or (b"Length: 4" in found and not found.endswith(b"body")):
        found += taken.recv(65536)
    return found


@contextlib.contextmanager
def server(*scripts):
    """A server that answers its n-th connection with the n-th script's parts, then closes it.

    A part is bytes, sent after one request with a body of at most 4 bytes, or seconds to wait.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        seen = []

        def work():
            for script in scripts:
                taken, _ = listening.accept()
                with taken:
                    for part in script:
                        if isinstance(part, float):
                            time.sleep(part)
                        else:
                            seen.append(request(taken))
                            with contextlib.suppress(OSError):
                                taken.sendall(part)

        thread = threading.Thread(target=work)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", seen
        thread.join()
