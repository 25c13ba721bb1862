"""Plays clients and servers in a network of its own: services (SRV), names that share an address,
and QUIC."""

import pathlib
import socket
import struct
import sys
import threading


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def record(owner, kind, data):
    return name(owner) + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def a(owner, address):
    return record(owner, 1, socket.inet_aton(address))


SERVICE = "_agent._tcp.vendor.example"
SRV = record(SERVICE, 33, struct.pack(">HHH", 0, 0, 8001) + name("srv1.vendor.example"))
ANSWERS = {
    (SERVICE, 33): (
        [SRV],
        [a("srv1.vendor.example", "127.0.0.9"), a("not.asked.example", "127.0.0.7")],
    ),
    ("first.vendor.example", 1): ([a("first.vendor.example", "127.0.0.8")], []),
    ("second.vendor.example", 1): ([a("second.vendor.example", "127.0.0.8")], []),
}


def dns(server):
    while True:
        query, client = server.recvfrom(512)
        question = query[12:]
        labels, at = [], 0
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode())
            at += 1 + question[at]
        kind = struct.unpack(">H", question[at + 1 : at + 3])[0]
        answers, additional = ANSWERS[".".join(labels), kind]
        head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, len(answers), 0, len(additional))
        server.sendto(head + question + b"".join(answers + additional), client)


def ask(text, kind):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        head = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0)
        client.sendto(head + name(text) + struct.pack(">HH", kind, 1), ("127.0.0.1", 53))
        client.recv(512)


def visit(listener, address):
    socket.create_connection((address, 8001)).close()
    listener.accept()[0].close()


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
threading.Thread(target=dns, args=(server,), daemon=True).start()
listener = socket.create_server(("0.0.0.0", 8001))

ask(SERVICE, 33)
visit(listener, "127.0.0.9")
visit(listener, "127.0.0.7")
ask("first.vendor.example", 1)
ask("second.vendor.example", 1)
visit(listener, "127.0.0.8")

# One socket to two servers, the second not at the usual port. Other datagrams come first.
sinks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
sinks[0].bind(("127.0.0.5", 443))
sinks[1].bind(("127.0.0.6", 8443))
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
packets = []
for path in sys.argv[1:]:
    lines = pathlib.Path(path).read_text().splitlines()
    packets.append(bytes.fromhex("".join(line for line in lines if not line.startswith("#"))))
client.sendto(bytes(1200), ("127.0.0.5", 443))
client.sendto(bytes(1200), ("127.0.0.6", 8443))
client.sendto(packets[0], ("127.0.0.5", 443))
client.sendto(packets[1], ("127.0.0.6", 8443))
client.close()
