"""A TLS client of which one can ask for a version, a certificate, ciphers and abilities."""

import ssl
from dataclasses import dataclass

from .wire import Connection, ConnectionEnded, get

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class Client:
    """What a client brings to a connection."""

    version: str = "1.3"
    certificate: object = None
    name: str = "one.example"
    authenticates_later: bool = True
    ciphers: str = None

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = VERSIONS[self.version]
        context.post_handshake_auth = self.authenticates_later
        if self.ciphers:
            context.set_ciphers(self.ciphers)
        if self.certificate:
            context.load_cert_chain(self.certificate.certificate, self.certificate.key)
        return context

    def connect(self, port, **options):
        return Connection(port, tls=self.context(), server_name=self.name, **options)


def outcome(port, client, path="/", *fields, host=None, method="GET", body=b""):
    """The status of one request, or "refused" when there is no answer: TLS has failed, now or in the handshake."""
    request = get(path, *fields, host=host or client.name, method=method) + body
    try:
        with client.connect(port) as connection:
            return connection.request(request).status
    except (ssl.SSLError, ConnectionEnded, ConnectionError):
        return "refused"
