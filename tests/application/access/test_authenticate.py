from __future__ import annotations

import pytest
from msgspec.structs import replace

from application.access.authenticate import MAX_TOKEN, Authenticator, Claims
from domain.access.caller import Caller
from domain.access.permissions import BUILT_IN, Permission
from domain.access.roles import Role, Roles
from domain.access.scope import ANYTHING, NOTHING, Reach, Scope
from domain.errors import Forbidden, Invalid, Unauthenticated, Unavailable
from domain.times import SECOND
from tests.application.access.stored import HeldKeys, Served, StoredRoles

pytestmark = pytest.mark.anyio

START = 1_750_000_000 * SECOND


class Known:
    """A verifier that knows some tokens and counts how often it is asked."""

    def __init__(self, **tokens: Claims) -> None:
        self.tokens = tokens
        self.asked = 0

    async def verify(self, token: str) -> Claims:
        self.asked += 1
        if token == "away":
            raise Unavailable
        if token not in self.tokens:
            raise Unauthenticated
        return self.tokens[token]


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


def claims(*tenants: str, roles: tuple[str, ...] = ("support",), ttl: int = 3600) -> Claims:
    return Claims("anna", tenants, frozenset(roles), START + ttl * SECOND)


def authenticator(clock: Clock | None = None, **tokens: Claims) -> tuple[Authenticator, Known]:
    verifier = Known(**tokens)
    return Authenticator(
        verifier, StoredRoles(), HeldKeys(), Served(), clock or Clock(), capacity=2
    ), verifier


async def test_a_caller_has_the_subject_the_tenant_and_the_rights_of_its_roles() -> None:
    door, _ = authenticator(t=claims("acme", roles=("history_reader", "no-such-role")))
    caller = await door.authenticate("Bearer t", None)
    assert (caller.subject, caller.tenant_id) == ("anna", "acme")
    assert caller.may(Permission.ORDERS_READ)
    assert not caller.sees_personal
    assert caller.expires_us == START + 3600 * SECOND


@pytest.mark.parametrize("header", ["Bearer t", "bearer t", "BEARER t", "Bearer   t", "Bearer t "])
async def test_the_scheme_is_read_as_rfc_9110_says(header: str) -> None:
    door, _ = authenticator(t=claims("acme"))
    assert (await door.authenticate(header, None)).tenant_id == "acme"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "t",
        "Basic dDp0",
        "Bearer\tt",
        " Bearer t",
        "Bearer, t",
        "Token t",
        "Bearer tt",
        "Bearer t\u0301",
        "Bearer \ud800",
        "Bearer \x00",
        "\u212aearer t",
    ],
)
async def test_anything_else_is_refused(header: str | None) -> None:
    door, _ = authenticator(t=claims("acme"))
    with pytest.raises(Unauthenticated):
        await door.authenticate(header, "acme")


async def test_a_huge_header_is_refused_before_anybody_looks_at_it() -> None:
    door, verifier = authenticator()
    with pytest.raises(Unauthenticated, match="longer"):
        await door.authenticate("Bearer " + "t" * (MAX_TOKEN + 1), None)
    assert verifier.asked == 0


async def test_the_header_chooses_among_the_tenants_that_the_token_holds() -> None:
    door, _ = authenticator(t=claims("acme", "globex"))
    assert (await door.authenticate("Bearer t", "globex")).tenant_id == "globex"
    assert (await door.authenticate("Bearer t", "acme")).tenant_id == "acme"


async def test_several_tenants_and_none_named_is_a_field_that_is_missing() -> None:
    door, _ = authenticator(t=claims("acme", "globex"))
    with pytest.raises(Invalid) as refused:
        await door.authenticate("Bearer t", None)
    assert refused.value.errors[0].pointer == "X-Tenant-ID"


@pytest.mark.parametrize("named", ["globex", "", "ACME", "acme ", "*", "a" * 100_000, "\ud800"])
async def test_a_tenant_that_the_token_does_not_hold_is_forbidden(named: str) -> None:
    door, _ = authenticator(t=claims("acme"))
    await door.authenticate("Bearer t", "acme")  # having met the token changes nothing
    with pytest.raises(Forbidden):
        await door.authenticate("Bearer t", named)


@pytest.mark.parametrize("held", [(), ("*",), ("ACME",)])
async def test_a_token_without_a_tenant_is_forbidden(held: tuple[str, ...]) -> None:
    door, _ = authenticator(t=claims(*held))
    for named in (None, *held):
        with pytest.raises(Forbidden):
            await door.authenticate("Bearer t", named)


async def test_the_same_tenant_twice_is_one_tenant() -> None:
    door, _ = authenticator(t=claims("acme", "acme", "*"))
    assert (await door.authenticate("Bearer t", None)).tenant_id == "acme"


async def test_a_token_is_verified_once() -> None:
    door, verifier = authenticator(t=claims("acme"))
    first = await door.authenticate("Bearer t", None)
    assert await door.authenticate("Bearer t", None) is first
    assert verifier.asked == 1


async def test_a_remembered_token_ends_with_its_expiry() -> None:
    clock = Clock()
    door, verifier = authenticator(clock, t=claims("acme", ttl=60))
    await door.authenticate("Bearer t", None)
    clock.now = START + 60 * SECOND - 1
    await door.authenticate("Bearer t", None)
    assert verifier.asked == 1
    clock.now += 1
    del verifier.tokens["t"]
    with pytest.raises(Unauthenticated):
        await door.authenticate("Bearer t", None)


async def test_a_long_lived_token_is_verified_again_after_ten_minutes() -> None:
    clock = Clock()
    door, verifier = authenticator(clock, t=claims("acme", ttl=86_400))
    await door.authenticate("Bearer t", None)
    clock.now += 600 * SECOND
    await door.authenticate("Bearer t", None)
    assert verifier.asked == 2


async def test_memory_is_bounded_and_the_longest_unused_goes_first() -> None:
    door, verifier = authenticator(a=claims("acme"), b=claims("acme"), c=claims("acme"))
    for token in "abac":
        await door.authenticate(f"Bearer {token}", None)
    assert verifier.asked == 3
    await door.authenticate("Bearer a", None)
    assert verifier.asked == 3
    await door.authenticate("Bearer b", None)
    assert verifier.asked == 4


async def test_a_refusal_is_not_remembered() -> None:
    door, verifier = authenticator()
    with pytest.raises(Unauthenticated):
        await door.authenticate("Bearer t", None)
    verifier.tokens["t"] = claims("acme")
    assert (await door.authenticate("Bearer t", None)).tenant_id == "acme"


async def test_an_issuer_out_of_reach_is_not_the_callers_fault() -> None:
    door, _ = authenticator()
    with pytest.raises(Unavailable):
        await door.authenticate("Bearer away", None)


@pytest.mark.anyio
async def test_a_subject_that_is_an_email_address_goes_by_a_pseudonym() -> None:
    claims = Claims("ann@example.com", ("acme",), frozenset({"producer"}), 2**60)

    class Knows:
        async def verify(self, token: str) -> Claims:
            return claims

    authenticator = Authenticator(
        Knows(),
        StoredRoles(),
        HeldKeys(),
        Served(),
        lambda: 0,
        pseudonym=lambda subject: f"sub_{len(subject)}",
    )
    caller = await authenticator.authenticate("Bearer x", None)
    assert caller.subject == "sub_15"


def knowing(roles: StoredRoles, *names: str) -> Authenticator:
    return Authenticator(Known(t=claims("acme", roles=names)), roles, HeldKeys(), Served(), Clock())


def defined(name: str, *permissions: Permission) -> Roles:
    roles = Roles()
    roles.own[name] = Role(name, frozenset(permissions), Scope(sources=("stripe",)))
    return roles


async def test_a_role_of_the_tenants_own_permits_within_its_scope() -> None:
    roles = StoredRoles()
    roles.stored = defined("desk", Permission.EVENTS_READ)
    caller = await knowing(roles, "desk").authenticate("Bearer t", None)
    assert caller.permissions == {Permission.EVENTS_READ}
    assert caller.reach(Permission.EVENTS_READ) == Reach((Scope(sources=("stripe",)),))
    assert caller.reach(Permission.ORDERS_READ) == NOTHING


async def test_a_role_is_assigned_to_the_subject() -> None:
    roles = StoredRoles()
    roles.stored.assigned["anna"] = frozenset({"auditor"})
    caller = await knowing(roles).authenticate("Bearer t", None)
    assert caller.permissions == BUILT_IN["auditor"]
    assert caller.reach(Permission.AUDIT_READ) == ANYTHING


async def test_a_change_of_roles_takes_effect_for_tokens_that_were_met() -> None:
    roles = StoredRoles()
    door = knowing(roles, "desk")
    assert not (await door.authenticate("Bearer t", None)).permissions
    roles.stored = defined("desk", Permission.EVENTS_READ)
    assert (await door.authenticate("Bearer t", None)).may(Permission.EVENTS_READ)
    roles.fresh = False  # it is asked for again, and has not changed
    assert (await door.authenticate("Bearer t", None)).may(Permission.EVENTS_READ)


async def test_built_in_roles_do_without_the_store() -> None:
    roles = StoredRoles()
    roles.away = True
    caller = await knowing(roles, "operator").authenticate("Bearer t", None)
    assert caller.permissions == BUILT_IN["operator"]
    for names in (("desk",), ("operator", "desk"), ()):
        with pytest.raises(Unavailable):  # neither that it may, nor that it may not
            await knowing(roles, *names).authenticate("Bearer t", None)


async def test_a_token_is_verified_again_when_its_key_is_to_be_asked_for_again() -> None:
    clock = Clock()
    known = replace(claims("acme"), known_until_us=START + 30 * SECOND)
    door, verifier = authenticator(clock, t=known)
    await door.authenticate("Bearer t", None)
    clock.now += 30 * SECOND - 1
    await door.authenticate("Bearer t", None)
    assert verifier.asked == 1
    clock.now += 1
    await door.authenticate("Bearer t", None)
    assert verifier.asked == 2


async def test_nobody_is_a_caller_of_a_tenant_that_has_left() -> None:
    """As of one that the token does not hold; at once, though the token was met before."""
    served = Served()
    held = Caller("key_1", "acme", frozenset(), frozenset(), 2**62)
    keys = HeldKeys(**{"ohk1~x": held})
    known = Known(t=claims("acme"), both=claims("acme", "other"))
    door = Authenticator(known, StoredRoles(), keys, served, Clock())
    assert (await door.authenticate("Bearer t", None)).tenant_id == "acme"
    assert await door.authenticate("Bearer ohk1~x", None) == held
    served.left.add("acme")
    with pytest.raises(Forbidden) as strange:
        await door.authenticate("Bearer t", "strange")
    for bearer in ("Bearer t", "Bearer both"):
        with pytest.raises(Forbidden) as left:
            await door.authenticate(bearer, "acme")
        assert str(left.value) == str(strange.value)
    with pytest.raises(Forbidden, match="holds no tenant"):
        await door.authenticate("Bearer t", None)
    with pytest.raises(Unauthenticated, match="unknown, expired or revoked"):
        await door.authenticate("Bearer ohk1~x", None)
    assert (await door.authenticate("Bearer both", "other")).tenant_id == "other"
