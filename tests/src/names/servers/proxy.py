"""An HTTP proxy: CONNECT, and requests with a whole URL. It finds hosts in the zone, so that it asks no
server of names, and keeps nothing."""

import select
import socket
import socketserver
from urllib.parse import urlsplit


def relay(one, other):
    """Passes on what either says until one has said all."""
    while True:
        ready, _, _ = select.select([one, other], [], [], 30)
        if not ready:
            return
        for side in ready:
            data = side.recv(65536)
            if not data:
                return
            (other if side is one else one).sendall(data)


class Client(socketserver.StreamRequestHandler):
    # The relay needs the bytes after the head.
    rbufsize = 0

    def handle(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        first, _, rest = head.partition(b"\r\n")
        method, target, _ = first.decode().split(" ", 2)
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            self.tunnel(host, int(port))
        elif target.startswith("http://"):
            url = urlsplit(target)
            origin = f"{method} {url.path or '/'} HTTP/1.1\r\nConnection: close\r\n".encode()
            kept = [
                line
                for line in rest.split(b"\r\n")
                if line and not line.lower().startswith((b"connection:", b"proxy-"))
            ]
            self.forward(url.hostname, url.port or 80, origin + b"\r\n".join(kept) + b"\r\n\r\n")
        else:
            self.wfile.write(b"HTTP/1.1 200 Yes\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def reach(self, host, port):
        records = self.server.records.get(host, {})
        addresses = records.get("A", []) + records.get("AAAA", [])
        return socket.create_connection((addresses[0], port)) if addresses else None

    def tunnel(self, host, port):
        there = self.reach(host, port)
        if there is None:
            self.wfile.write(b"HTTP/1.1 502 Who\r\nContent-Length: 0\r\n\r\n")
            return
        with there:
            self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            relay(self.connection, there)

    def forward(self, host, port, request):
        there = self.reach(host, port)
        if there is None:
            self.wfile.write(b"HTTP/1.1 502 Who\r\nContent-Length: 0\r\n\r\n")
            return
        with there:
            there.sendall(request)
            relay(self.connection, there)


class Proxy(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request, address):
        # Clients may close at any time.
        pass


def server(address, port, records):
    made = Proxy((address, port), Client)
    made.records = records
    return made
