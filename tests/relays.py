"""A link to a server that a test can cut, hold, and slow."""

import contextlib
import socket
import threading
import time


class Relay:
    """A link to a server.

    Attributes:
        cut: Whether it takes no more connections.
        held: Whether it lets no byte pass.
        delay_s: Seconds that each part of at most 64 kB waits.
    """

    def __init__(self, address):
        host, port = address.split(":")
        self.server = host, int(port)
        self.held = self.cut = False
        self.delay_s = 0.0
        self.open = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                device, _ = self.listening.accept()
                if self.cut:
                    device.close()
                    continue
                try:
                    far = socket.create_connection(self.server)
                except ConnectionRefusedError:  # the server is being started again
                    device.close()
                    continue
                self.open += [device, far]
                for one, other in ((device, far), (far, device)):
                    threading.Thread(target=self.pass_on, args=(one, other), daemon=True).start()

    def pass_on(self, one, other):
        with contextlib.suppress(OSError):
            while part := one.recv(65536):
                time.sleep(self.delay_s)
                while self.held:
                    time.sleep(0.01)
                other.sendall(part)
        self.end(one, other)

    def end(self, *sockets):
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def break_off(self):
        self.cut = True
        self.end(*self.open)

    def close(self):
        self.held = False
        self.break_off()
        self.end(self.listening)
        for one in (*self.open, self.listening):
            one.close()
