"""Connects PyMongo to a TLS server with a CA file, and prints `verified`, or `refused` and the reason.

The server answers as MongoDB does, so a connection fails only if its certificate is not trusted. The name in the certificate
is not checked: the certificates of DDS are for other names.

usage: verify.py CA_FILE SERVER_CERTIFICATE SERVER_KEY
"""

import socket
import ssl
import struct
import sys
import threading

import bson
from pymongo import MongoClient
from pymongo.errors import ServerSelectionTimeoutError

# The operation codes of the MongoDB wire protocol. Drivers send the first hello as OP_QUERY.
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013

ANSWER = {
    "ok": 1.0,
    "helloOk": True,
    "isWritablePrimary": True,
    "ismaster": True,
    "minWireVersion": 0,
    "maxWireVersion": 25,
    "maxBsonObjectSize": 16 << 20,
    "maxMessageSizeBytes": 48 << 20,
    "maxWriteBatchSize": 100_000,
}


def receive(stream, length):
    """Returns this number of bytes."""
    data = b""
    while len(data) < length:
        chunk = stream.recv(length - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return data


def answer(connection, context):
    """Answers each request on a connection."""
    try:
        with context.wrap_socket(connection, server_side=True) as stream:
            while True:
                length, request_id, _, operation = struct.unpack("<iiii", receive(stream, 16))
                receive(stream, length - 16)
                if operation == OP_QUERY:
                    operation, body = OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1)
                else:
                    operation, body = OP_MSG, struct.pack("<iB", 0, 0)
                body += bson.encode(ANSWER)
                stream.sendall(struct.pack("<iiii", 16 + len(body), 1, request_id, operation) + body)
    except (OSError, EOFError):
        # The client has closed the connection, or does not trust the certificate.
        pass


def serve(listener, context):
    """Serves each connection in a thread."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, context), daemon=True).start()


def main():
    ca_file, certificate, key = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener, context), daemon=True).start()
    client = MongoClient(
        *listener.getsockname(),
        tls=True,
        tlsCAFile=ca_file,
        tlsAllowInvalidHostnames=True,
        directConnection=True,
        serverSelectionTimeoutMS=5000,
    )
    try:
        client.admin.command("ping")
        print("verified")
    except ServerSelectionTimeoutError as error:
        print("refused", error)


main()
