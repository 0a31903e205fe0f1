"""Token verifiers: the local issuer's, and those of an identity provider with a JWKS."""
