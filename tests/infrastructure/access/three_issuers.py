"""The local issuer and two that publish their keys, as an API process knows them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

from infrastructure.access.jwks import JwksVerifier
from infrastructure.access.local_issuer import ISSUER as LOCAL
from infrastructure.access.local_issuer import LocalIssuer
from infrastructure.access.tokens import Issuer, VerifierByIssuer
from tests.infrastructure.access.forging import SECOND, SECOND_EC
from tests.infrastructure.access.key_server import EC, ED, ISSUER, ISSUING, RSA, KeyServer


class ThreeIssuers:
    """`verifier` knows them all; `first` and `second` publish the keys of two of them."""

    def __init__(
        self, verifier: VerifierByIssuer, local: LocalIssuer, first: KeyServer, second: KeyServer
    ) -> None:
        self.verifier = verifier
        self.local = local
        self.first = first
        self.second = second


@asynccontextmanager
async def three_issuers(data_dir: Path, clock: Callable[[], int]) -> AsyncIterator[ThreeIssuers]:
    async with AsyncExitStack() as stack:
        local = LocalIssuer(data_dir, clock)
        first, second = (stack.enter_context(closing(KeyServer())) for _ in range(2))
        first.publish(RSA, EC, ED)
        second.publish(SECOND_EC)
        one = JwksVerifier(ISSUING, first.url, clock)
        other = JwksVerifier(Issuer(SECOND, ("second",), ("ES256",)), second.url, clock)
        for remote in (one, other):
            stack.push_async_callback(remote.aclose)
        verifier = VerifierByIssuer({LOCAL: local, ISSUER: one, SECOND: other})
        yield ThreeIssuers(verifier, local, first, second)
