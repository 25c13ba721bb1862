"""Answers lookups from a zone, over UDP and TCP: addresses, chains of aliases, one record for
HTTPS, and failures. It knows only the zone, and asks no other server."""

import socket
import socketserver
import struct

TYPES = {1: "A", 5: "CNAME", 28: "AAAA", 65: "HTTPS"}
NUMBERS = {name: number for number, name in TYPES.items()}
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
# Flags of an answer: authoritative, and recursion is available.
ANSWER, TRUNCATED = 0x8580, 0x0200
TTL = 60


def encoded(name):
    labels = [label for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def question_of(message):
    """The name, the type and the bytes of the one question."""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode())
        at += 1 + message[at]
    at += 1
    (kind,) = struct.unpack_from("!H", message, at)
    return ".".join(labels).lower(), TYPES.get(kind), message[12 : at + 4]


def parameters(service):
    """What a record for HTTPS says, see RFC 9460: ALPN is key 1, hints of addresses are key 4."""
    alpn = b"".join(bytes([len(it)]) + it.encode() for it in service["alpn"])
    hints = b"".join(socket.inet_aton(it) for it in service["ipv4hint"])
    pairs = [(1, alpn), (4, hints)]
    return b"".join(struct.pack("!HH", key, len(value)) + value for key, value in pairs)


def data_of(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "CNAME":
        return encoded(value)
    return struct.pack("!H", value["priority"]) + encoded(".") + parameters(value)


class Zone:
    def __init__(self, records):
        self.records = records

    def look_up(self, name, kind):
        """The code, and the records, each a name, a type and a value."""
        answers = []
        while True:
            records = self.records.get(name)
            if records is None:
                return NXDOMAIN, answers
            if records.get("rcode") == "SERVFAIL":
                return SERVFAIL, []
            if "CNAME" not in records or kind == "CNAME":
                break
            answers.append((name, "CNAME", records["CNAME"]))
            name = records["CNAME"]
        values = records.get(kind, [])
        values = values if isinstance(values, list) else [values]
        return NOERROR, answers + [(name, kind, value) for value in values]

    def answer(self, message, over_udp):
        name, kind, question = question_of(message)
        code, answers = self.look_up(name, kind)
        flags = ANSWER | code
        if over_udp and self.records.get(name, {}).get("truncated"):
            flags, answers = flags | TRUNCATED, []
        head = message[:2] + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0)
        body = b""
        for owner, type_name, value in answers:
            data = data_of(type_name, value)
            # The question's name is compressed to a pointer, as most servers do.
            where = b"\xc0\x0c" if owner == name else encoded(owner)
            body += where + struct.pack("!HHIH", NUMBERS[type_name], 1, TTL, len(data)) + data
        return head + question + body


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        message, answering = self.request
        answering.sendto(self.server.zone.answer(message, True), self.client_address)


class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        while length := self.rfile.read(2):
            message = self.rfile.read(*struct.unpack("!H", length))
            answer = self.server.zone.answer(message, False)
            # In two segments, as some servers do.
            self.wfile.write(struct.pack("!H", len(answer)))
            self.wfile.write(answer)


class Threading(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def servers(address, records):
    zone = Zone(records)
    both = [socketserver.UDPServer((address, 53), Datagram), Threading((address, 53), Stream)]
    for server in both:
        server.zone = zone
    return both
