"""An identity provider on the loopback, and the keys that it publishes."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey

from infrastructure.access.tokens import Issuer

ISSUER = "https://login.example.com/"
ISSUING = Issuer(ISSUER, ("history",), ("RS256", "ES256", "EdDSA", "Ed25519"))
"""What holds of its tokens."""

RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "alg": "ES256"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})


class KeyServer:
    """What an identity provider publishes; its answers are set by the test."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b'{"keys": []}'
        self.headers: dict[str, str] = {}
        self.asked = 0
        self.drip_seconds = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                outer.write(self)

            def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  # its name there

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def write(self, handler: BaseHTTPRequestHandler) -> None:
        try:
            for index in range(0, len(self.body), 16 if self.drip_seconds else 1 << 20):
                handler.wfile.write(
                    self.body[index : index + (16 if self.drip_seconds else 1 << 20)]
                )
                time.sleep(self.drip_seconds)
        except OSError:
            handler.close_connection = True  # the client has hung up, as it should

    def publish(self, *keys: Key) -> None:
        self.body = json.dumps(KeySet(list(keys)).as_dict(private=False)).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
