"""An OCSP responder that can be told to misbehave."""

import pathlib
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Responder:
    """Answers for the certificates of an authority; `with` starts and stops it.

    `mood` is what it does: "good", "revoked", "unknown", "later", "garbage", "forged", "error", "hang" or "flood".
    """

    def __init__(self, authority, stranger=None, mood="good"):
        self.mood = mood
        self.requests = 0
        self._counting = threading.Lock()
        self._authority, self._stranger = authority, stranger
        self._release = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._release.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(responder):  # noqa: N805 (the inner class has a self of its own)
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_POST(self):
                with responder._counting:
                    responder.requests += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                responder.answer(self, body)

            def log_message(self, *_):
                pass

        return Handler

    def answer(self, handler, request):
        mood = self.mood
        if mood == "hang":
            self._release.wait(60)
            return
        if mood == "error":
            handler.send_error(500)
            return
        body = {"later": b"\x30\x03\x0a\x01\x03", "garbage": b"\x30\x82garbage", "flood": b"\x30\x84\x7f\xff\xff\xff"}.get(mood)
        try:
            handler.send_response(200)
            handler.send_header("Content-Type", "application/ocsp-response")
            handler.end_headers()
            if mood == "flood":
                for _ in range(1000):
                    handler.wfile.write(body + bytes(10_000))
                return
            handler.wfile.write(body or self._sign(request, mood))
        except OSError:
            pass

    def _sign(self, request, mood):
        signer = self._stranger if mood == "forged" else self._authority
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            (directory / "request").write_bytes(request)
            (directory / "index").write_text(self._index(request, mood, directory))
            done = subprocess.run(
                [
                    *("openssl", "ocsp", "-index", directory / "index", "-CA", self._authority.certificate),
                    *("-rsigner", signer.certificate, "-rkey", signer.own.key, "-reqin", directory / "request"),
                    *("-respout", directory / "response", "-ndays", "1"),
                ],
                capture_output=True,
                text=True,
            )
            assert (directory / "response").exists(), done.stderr
            return (directory / "response").read_bytes()

    def _index(self, request, mood, directory):
        if mood == "unknown":
            return ""
        text = subprocess.run(
            ["openssl", "ocsp", "-reqin", directory / "request", "-req_text", "-noverify"], capture_output=True, text=True
        ).stdout
        serial = text.split("Serial Number: ")[1].split()[0]
        revoked = "250101000000Z" if mood == "revoked" else ""
        return f"{'R' if revoked else 'V'}\t991231000000Z\t{revoked}\t{serial}\tunknown\t/CN=any\n"
