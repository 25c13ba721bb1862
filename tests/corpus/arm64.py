import socket, threading
server = socket.socket(); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", 8080)); server.listen()
def serve():
    peer, _ = server.accept()
    peer.recv(4096); peer.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"); peer.close()
thread = threading.Thread(target=serve); thread.start()
client = socket.create_connection(("127.0.0.1", 8080))
client.sendall(b"GET / HTTP/1.1\r\nHost: mirror.example\r\n\r\n"); client.recv(4096); client.close(); thread.join()
for address in (("127.0.0.1", 1), ("::1", 1)):
    try: socket.create_connection(address)
    except OSError: pass
question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04host\x07example\x00\x00\x01\x00\x01"
resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); resolver.bind(("127.0.0.1", 53))
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); asker.connect(("127.0.0.1", 53)); asker.send(question)
data, peer = resolver.recvfrom(512)
resolver.sendto(data[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + data[12:] + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01", peer)
asker.recv(512)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP); raw.close()
packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0); packet.close()
