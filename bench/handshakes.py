#!/usr/bin/python3
"""Opens TLS connections one after another, sends a request on each and counts those that resumed a session.

handshakes.py PORT SECONDS full|resume: TLS 1.3 from the start, or TLS 1.2 with the session of the first connection by its
id. Prints connections and resumptions.
"""

import socket
import ssl
import sys
import time

REQUEST = b"GET /1k.html HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def context(resumes):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if resumes:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_TICKET
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def request(context, port, session):
    """One connection with one request; read to its end, for a session without close_notify is not resumed."""
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), session=session) as connection:
        connection.sendall(REQUEST)
        while connection.recv(65536):
            pass
        return connection.session, connection.session_reused


def main():
    port, seconds, resumes = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "resume"
    client = context(resumes)
    session = request(client, port, None)[0] if resumes else None
    connections = reused = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        reused += request(client, port, session)[1]
        connections += 1
    print(connections + resumes, reused)


if __name__ == "__main__":
    main()
