"""Issuers are configured by a file, by three variables, or both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from interfaces.composition.serving import WrongIssuer, check_issuers
from interfaces.issuers import IssuerSettings, issuers_from
from interfaces.settings import Settings

ONE: dict[str, Any] = {
    "issuer": "https://login.example.com/",
    "jwks_url": "https://login.example.com/jwks",
    "audiences": ["order-history"],
}
VARIABLES = {
    "ORDER_HISTORY_JWKS_URL": "https://short.example.com/jwks",
    "ORDER_HISTORY_JWKS_ISSUER": "https://short.example.com/",
    "ORDER_HISTORY_JWKS_AUDIENCE": "history",
}


def written(path: Path, content: Any) -> dict[str, str]:
    """The environment that names a file of this content."""
    file = path / "issuers.json"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        file.write_text(json.dumps(content))
    return {"ORDER_HISTORY_ISSUERS": str(file)}


def settings(*issuers: IssuerSettings) -> Settings:
    return Settings(database_url="", data_dir=Path("nowhere"), issuers=issuers)


def test_there_need_be_none(tmp_path: Path) -> None:
    assert issuers_from({}) == ()
    assert issuers_from({"ORDER_HISTORY_ISSUERS": "", "ORDER_HISTORY_JWKS_URL": ""}) == ()
    assert issuers_from(written(tmp_path, [])) == ()


def test_three_variables_are_one_issuer() -> None:
    (one,) = issuers_from(VARIABLES)
    assert one == IssuerSettings(
        "https://short.example.com/", "https://short.example.com/jwks", ("history",)
    )
    assert (one.tenants_claim, one.roles_claim, one.leeway) == ("tenants", "roles", None)


@pytest.mark.parametrize("missing", ["ORDER_HISTORY_JWKS_ISSUER", "ORDER_HISTORY_JWKS_AUDIENCE"])
def test_a_variable_that_is_missing_is_named(missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        issuers_from({**VARIABLES, missing: ""})


def test_a_file_says_more_of_each(tmp_path: Path) -> None:
    more = {
        "algorithms": ["ES256"],
        "tenants_claim": "https://example.com/tenants",
        "roles_claim": ["realm_access", "roles"],
        "leeway": 300,
    }
    first, second, short = issuers_from(
        written(tmp_path, [ONE, {**ONE, **more, "issuer": "second"}]) | VARIABLES
    )
    assert first == IssuerSettings(**{**ONE, "audiences": ("order-history",)})
    assert (second.algorithms, second.leeway) == (("ES256",), 300)
    assert second.tenants_claim == "https://example.com/tenants"
    assert second.roles_claim == ("realm_access", "roles")
    assert short.issuer == "https://short.example.com/"
    check_issuers(settings(first, second, short))


def test_the_example_of_the_document_is_taken(tmp_path: Path) -> None:
    document = (Path(__file__).parents[2] / "docs" / "identity.md").read_bytes()
    example = document.split(b"```json\n")[1].split(b"```")[0]
    issuers = issuers_from(written(tmp_path, example))
    assert [one.leeway for one in issuers] == [None, 30]
    check_issuers(settings(*issuers))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"issuer": ""}, r"\[0\]\.issuer"),
        ({"issuer": 7}, r"\[0\]\.issuer"),
        ({"jwks_url": None}, r"\[0\]\.jwks_url"),
        ({"audiences": "order-history"}, r"\[0\]\.audiences"),
        ({"audiences": []}, r"\[0\]\.audiences"),
        ({"audiences": ["x", ""]}, r"\[0\]\.audiences"),
        ({"algorithms": []}, r"\[0\]\.algorithms"),
        ({"tenants_claim": ""}, r"\[0\]\.tenants_claim"),
        ({"tenants_claim": []}, r"\[0\]\.tenants_claim"),
        ({"roles_claim": {"a": 1}}, r"\[0\]\.roles_claim"),
        ({"roles_claim": ["a", 7]}, r"\[0\]\.roles_claim"),
        ({"leeway": -1}, r"\[0\]\.leeway"),
        ({"leeway": 301}, r"\[0\]\.leeway"),
        ({"leeway": 1.5}, r"\[0\]\.leeway"),
        ({"leeway": True}, r"\[0\]\.leeway"),
        ({"leeway": "60"}, r"\[0\]\.leeway"),
        ({"audience": "x"}, "`audience`"),
    ],
)
def test_a_field_that_is_wrong_is_named_in_one_line(
    tmp_path: Path, changed: dict[str, Any], named: str
) -> None:
    env = written(tmp_path, [{**ONE, **changed}])
    with pytest.raises(ValueError, match=named) as refused:
        issuers_from(env)
    said = str(refused.value)
    assert said.startswith(f"ORDER_HISTORY_ISSUERS: {tmp_path / 'issuers.json'} ")
    assert "\n" not in said


@pytest.mark.parametrize("missing", ONE)
def test_a_field_that_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    given = {name: value for name, value in ONE.items() if name != missing}
    with pytest.raises(ValueError, match=f"`{missing}`"):
        issuers_from(written(tmp_path, [given]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not JSON"),
        (b"[", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b'[{"issuer":"a","issuer":"b"}]', "the same key twice"),
        ({"issuers": [ONE]}, "Expected `array`"),
    ],
)
def test_a_file_that_is_no_list_of_issuers(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        issuers_from(written(tmp_path, content))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ORDER_HISTORY_ISSUERS: .*none cannot be read: No such"):
        issuers_from({"ORDER_HISTORY_ISSUERS": str(tmp_path / "none")})


def issuer(**changed: Any) -> IssuerSettings:
    return IssuerSettings(**{**ONE, "audiences": ("order-history",), **changed})


@pytest.mark.parametrize(
    ("issuers", "said"),
    [
        ([issuer(), issuer(jwks_url="https://other.example.com/jwks")], "two issuers are named"),
        ([issuer(issuer="order-history")], "two issuers are named order-history"),
        ([issuer(algorithms=("RS256", "HS256"))], "algorithms must be some of RS256"),
        ([issuer(algorithms=("none",))], "algorithms must be some of RS256"),
        ([issuer(jwks_url="http://login.example.com/jwks")], "a JWKS URL is https"),
        ([issuer(jwks_url="file:///keys.json")], "a JWKS URL is https"),
    ],
)
def test_issuers_that_cannot_be_used_together_or_at_all(
    issuers: list[IssuerSettings], said: str
) -> None:
    with pytest.raises(WrongIssuer, match=said):
        check_issuers(settings(*issuers))
