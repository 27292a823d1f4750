"""A stream of JPEG pictures over RTSP on this machine: a server of a few frames, then the end.

RTSP 1.0 (RFC 2326) with the packets on the same connection, pictures as RTP/JPEG (RFC 2435).
"""

import io
import socket
import struct
import threading
import time

PAYLOAD = 26
"""JPEG, as RFC 3551 numbers payloads."""
MOST = 1200
"""Bytes of a picture in one packet."""


class Stream:
    """Serves pictures to one reader, and ends.

    Attributes:
        address: What a reader opens.
    """

    def __init__(self, pictures, rate=10):
        self._pictures, self._rate = pictures, rate
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/live"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        self._thread.join(5)

    def _serve(self):
        """Answer readers one after the other until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection):
        lines = connection.makefile("rb")
        while True:
            words = lines.readline().split()
            if not words:
                return
            head = dict(
                line.split(b": ", 1) for line in iter(lambda: lines.readline().strip(), b"")
            )
            method, number = words[0].decode(), head.get(b"CSeq", b"0").decode()
            more, body = self._about(method)
            connection.sendall(
                f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1\r\n{more}"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            if method == "PLAY":
                self._play(connection)
            if method in ("PLAY", "TEARDOWN"):
                return

    def _about(self, method):
        """Headers and body of an answer."""
        if method == "OPTIONS":
            return "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", ""
        if method == "DESCRIBE":
            body = (
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                f"m=video 0 RTP/AVP {PAYLOAD}\r\na=framerate:{self._rate}\r\na=control:track\r\n"
            )
            return f"Content-Type: application/sdp\r\nContent-Base: {self.address}/\r\n", body
        if method == "SETUP":
            return "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", ""
        return "", ""

    def _play(self, connection):
        number = 0
        try:
            for place, picture in enumerate(self._pictures):
                for packet in packets(picture, number, 90000 * place // self._rate):
                    connection.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
                    number += 1
                time.sleep(1 / self._rate)
        except OSError:  # the reader has seen enough
            return


def packets(picture, number, clock):
    """The packets of one picture: its tables in the first, its scan cut into pieces."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95, subsampling="4:2:0")
    tables, scan = parts(file.getvalue())
    for start in range(0, len(scan), MOST):
        piece = scan[start : start + MOST]
        last = start + MOST >= len(scan)
        head = struct.pack(">BBHII", 0x80, (last << 7) | PAYLOAD, number & 0xFFFF, clock, 1)
        size = bytes([picture.width // 8, picture.height // 8])
        jpeg = struct.pack(">I", start) + bytes([1, 255]) + size  # 4:2:0, tables in the packet
        if start == 0:
            jpeg += struct.pack(">BBH", 0, 0, len(tables)) + tables
        yield head + jpeg + piece
        number += 1


def parts(data):
    """Quantization tables of a JPEG file, and its entropy-coded scan."""
    place, tables = 2, b""
    while True:
        marker, size = data[place + 1], struct.unpack(">H", data[place + 2 : place + 4])[0]
        body = data[place + 4 : place + 2 + size]
        if marker == 0xDB:
            tables += b"".join(body[at + 1 : at + 65] for at in range(0, len(body), 65))
        place += 2 + size
        if marker == 0xDA:
            return tables, data[place:-2]
