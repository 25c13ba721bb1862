"""Asks for the HTTPS record of a host and for its address, as browsers do, and greets it by TLS:
SERVICE.PY HOST NAMESERVER CA."""

import socket
import ssl
import struct
import sys

HTTPS = 65

host, nameserver, authority = sys.argv[1:]
labels = b"".join(bytes([len(label)]) + label.encode() for label in host.split("."))
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(30)
# Not connected: sendto(2) has the destination.
asking.sendto(
    struct.pack("!HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!xHH", HTTPS, 1),
    (nameserver, 53),
)
answer = asking.recv(4096)
assert answer[:2] == struct.pack("!H", 4711) and answer[7] == 1, answer
context = ssl.create_default_context(cafile=authority)
with socket.create_connection((host, 443)) as plain:
    context.wrap_socket(plain, server_hostname=host).close()
