"""Serves the files of one directory over HTTP and over TLS, for every name, and hears out those who want no
answer. It lets a client choose between TLS 1.2 and 1.3, and speaks HTTP/1.1 alone."""

import http.server
import socket
import socketserver
import ssl
import threading


class Files(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Also for v4, which comes as addresses of v6."""

    address_family = socket.AF_INET6
    daemon_threads = True
    context = None

    def server_bind(self):
        # HTTPServer would look up the name of its own address.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "names.test", self.server_address[1]

    def get_request(self):
        client, address = super().get_request()
        if self.context:
            # The handshake waits for the client, so the client's own thread does it.
            client = self.context.wrap_socket(
                client, server_side=True, do_handshake_on_connect=False
            )
        return client, address

    def handle_error(self, request, address):
        # Clients may close at any time.
        pass


def server(port, root, context=None):
    def handler(*words):
        return Files(*words, directory=root)

    made = Server(("::", port), handler)
    made.context = context
    return made


def context(certificate, key):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    made.set_alpn_protocols(["http/1.1"])
    return made


class Ear:
    """Reads what a client says first, answers nothing, and is soon there for the next one."""

    def __init__(self, port):
        self.listener = socket.create_server(
            ("::", port), family=socket.AF_INET6, backlog=4096, dualstack_ipv6=True
        )

    def serve_forever(self):
        while True:
            client, _ = self.listener.accept()
            with client:
                client.settimeout(5)
                try:
                    client.recv(4096)
                except OSError:
                    pass


def run(servers):
    for each in servers:
        threading.Thread(target=each.serve_forever, daemon=True).start()
