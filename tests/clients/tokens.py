"""Join tokens (signaling/PROTOCOL.md) made with keys of the test's own."""

import atexit
import base64
import json
import os
import shutil
import tempfile
import time

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils


def _encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _part(value):
    return _encode(json.dumps(value).encode())


class Key:
    def __init__(self):
        self._private = ec.generate_private_key(ec.SECP256R1())
        self.public_pem = self._private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def _es256(self, text):
        r, s = utils.decode_dss_signature(self._private.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def _hs256(self, text):
        """As if the public key were a shared secret: the classic mix-up of algorithms."""
        mac = hmac.HMAC(self.public_pem, hashes.SHA256())
        mac.update(text)
        return mac.finalize()

    def token(self, room="room", alg="ES256", **claims):
        claims = {"room": room, "exp": int(time.time()) + 300, **claims}
        text = f"{_part({'alg': alg, 'typ': 'JWT'})}.{_part({k: v for k, v in claims.items() if v is not None})}"
        sign = {"ES256": self._es256, "HS256": self._hs256, "none": lambda _: b""}[alg]
        return f"{text}.{_encode(sign(text.encode()))}"


def public_key_file(key):
    """A file with the public key, for as long as this process lives."""
    folder = tempfile.mkdtemp(prefix="belfry-keys-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = os.path.join(folder, "join.pem")
    with open(path, "wb") as file:
        file.write(key.public_pem)
    return path
