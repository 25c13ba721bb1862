"""The peer: servers that the daemons ask, and clients that ask the daemons."""
import socket
import struct
import sys
import threading

HERE, HERE6 = "192.0.2.1", "2001:db8:1::1"


def serve_tcp(port, answer):
    listener = socket.create_server(("0.0.0.0", port))

    def one(connection):
        while data := connection.recv(4096):
            # A close before the whole request has come would reset the connection.
            while port == 80 and b"\r\n\r\n" not in data:
                data += connection.recv(4096)
            connection.sendall(answer(data) if callable(answer) else answer)
            if port == 80:
                break
        connection.close()

    def loop():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def named(question):
    end = question.index(b"\0", 12) + 5
    head = question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:end]
    return head + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\2"


def in_stream(question):
    answer = named(question[2:])
    return struct.pack(">H", len(answer)) + answer


def serve_names():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", 53))

    def loop():
        while True:
            question, sender = server.recvfrom(4096)
            server.sendto(named(question), sender)

    threading.Thread(target=loop, daemon=True).start()


def query(name, number):
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def tcp(host, port, request, least=1):
    connection = socket.create_connection((host, port), timeout=20)
    if request:
        connection.sendall(request)
    got = b""
    while len(got) < least:
        more = connection.recv(4096)
        if not more:
            break
        got += more
    assert len(got) >= least, (host, port, got)
    return connection


def udp(host, port, request):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    asker = socket.socket(family, socket.SOCK_DGRAM)
    asker.settimeout(20)
    asker.sendto(request, (host, port))
    answer, _ = asker.recvfrom(4096)
    assert answer
    asker.close()


GET = b"GET / HTTP/1.0\r\nHost: here\r\n\r\n"
THROUGH = b"GET http://192.0.2.2/x HTTP/1.0\r\nHost: 192.0.2.2\r\n\r\n"
TUNNEL = b"CONNECT 192.0.2.2:443 HTTP/1.0\r\nHost: 192.0.2.2\r\n\r\n"
SNMP = bytes.fromhex("302902010104067075626c6963a01c02047b0f3c1f020100020100300e300c06082b060102010103000500")
NULL = struct.pack(">IIIIII", 77, 0, 2, 100000, 2, 0) + bytes(16)


def clients():
    kept = []
    for host in (HERE, HERE6):
        kept.append(tcp(host, 11211, b"version\r\n"))
        tcp(host, 11211, b"version\r\n").close()
        udp(host, 11211, bytes([0, 1, 0, 0, 0, 1, 0, 0]) + b"version\r\n")
        kept.append(tcp(host, 6379, b"PING\r\n"))
        tcp(host, 6379, b"PING\r\n").close()
        udp(host, 53, query("a%d.test" % len(host), 7))
        question = query("b%d.test" % len(host), 8)
        tcp(host, 53, struct.pack(">H", len(question)) + question).close()
        for _ in range(4):
            tcp(host, 8082, GET).close()
        kept.append(tcp(host, 8082, GET[:-2] + b"Connection: keep-alive\r\n\r\n"))
        tcp(host, 8082, GET.replace(b"/ ", b"/up ")).close()
        udp(host, 161, SNMP)
        udp(host, 111, NULL)
        tcp(host, 111, struct.pack(">I", 0x80000000 | len(NULL)) + NULL).close()
        kept.append(tcp(host, 22, b""))
        tcp(host, 22, b"SSH-2.0-x\r\n", 30).close()
        kept.append(tcp(host, 22, b"SSH-2.0-x\r\n", 300))
    for _ in range(4):
        tcp(HERE, 8080, GET).close()
        tcp(HERE, 8081, GET).close()
        tcp(HERE, 8888, THROUGH).close()
    kept.append(tcp(HERE, 8080, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"))
    kept.append(tcp(HERE, 8081, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"))
    kept.append(tcp(HERE, 8888, TUNNEL))
    # From now on nothing connects.
    tcp(HERE, 6379, b"REPLICAOF NO ONE\r\n").close()
    return kept


serve_tcp(80, b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi")
serve_tcp(443, b"x")
serve_tcp(6379, b"-ERR not here\r\n")
serve_tcp(53, in_stream)
serve_names()
print("ready", flush=True)
for line in sys.stdin:
    if line == "go\n":
        kept = clients()
        print("done", flush=True)
