"""Asks an RFC 3161 authority when a checkpoint was there, and verifies what it says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
from cryptography import x509
from msgspec import Struct
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from domain.errors import OrderHistoryError, Unavailable
from domain.times import SECOND
from infrastructure.ledger.witnesses import is_loopback

TIMEOUT_SECONDS = 10.0
MAX_ANSWER = 64 * 1024
"""Bytes: a timestamp with a chain of certificates has some 6,000."""


class AuthorityRefused(OrderHistoryError):
    """The timestamp authority has answered with nothing that holds."""


class Timestamp(Struct, frozen=True):
    """A verified answer. response: the RFC 3161 TimeStampResp, DER. stamped_us: the time it says,
    microseconds since 1970."""

    response: bytes
    stamped_us: int


class TimestampAuthority:
    """One event loop; `aclose` when done. url: http or https; what it answers is signed.

    roots: certificates, of which one must be at the end of the authority's chain.
    """

    def __init__(self, url: str, roots: list[x509.Certificate]) -> None:
        self._url = url
        self._roots = roots
        headers = {"Content-Type": "application/timestamp-query", "Accept-Encoding": "identity"}
        # A proxy of the environment is for hosts outside, and would not reach this one's loopback.
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT_SECONDS,
            headers=headers,
            trust_env=not is_loopback(httpx.URL(url).host),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def stamp(self, data: bytes) -> Timestamp:
        """Have these bytes stamped, by their SHA-256. Raises Unavailable, AuthorityRefused."""
        builder = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256)
        request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
        answer = await self._post(request.as_bytes())
        verifier = VerifierBuilder(roots=list(self._roots), nonce=request.nonce).build()
        try:
            response = decode_timestamp_response(answer)
            verifier.verify_message(response, data)
            time = response.tst_info.gen_time
        except (VerificationError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise AuthorityRefused(f"its timestamp does not hold: {reason}") from error
        return Timestamp(answer, int(time.timestamp() * SECOND))

    async def _post(self, request: bytes) -> bytes:
        answer = bytearray()
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECONDS),
                self._client.stream("POST", self._url, content=request) as response,
            ):
                if response.status_code != 200:
                    raise Unavailable(f"it answered with status {response.status_code}")
                async for chunk in response.aiter_raw():
                    answer += chunk
                    if len(answer) > MAX_ANSWER:
                        raise Unavailable(f"it answered with over {MAX_ANSWER} bytes")
        except TimeoutError as error:
            raise Unavailable(f"it did not answer within {TIMEOUT_SECONDS:g} s") from error
        except httpx.HTTPError as error:
            raise Unavailable(f"it cannot be reached ({type(error).__name__})") from error
        return bytes(answer)


def read_roots(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file. Raises AuthorityRefused, in one line."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise AuthorityRefused(f"cannot read the TSA's roots {path}: {error.strerror}") from error
    except ValueError as error:
        raise AuthorityRefused(f"the TSA's roots {path} are not certificates in PEM") from error
