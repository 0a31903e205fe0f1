from __future__ import annotations

import re
from typing import Any, cast

import jsonschema_rs
import msgspec
import pytest
import schemathesis
from litestar import get
from litestar.types import ASGIApp
from msgspec import Struct

from domain.access.permissions import Permission
from interfaces.http.answers import json_answer
from interfaces.http.app import API_HANDLERS, create_app
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import IDEMPOTENCY_KEY, Content, Reply, endpoint, problems
from interfaces.http.health import process_health
from interfaces.http.openapi import operations
from interfaces.http.params import Duration, Text, Window
from interfaces.http.schemas import Query
from interfaces.http.services import Services


class Inner(Struct):
    name: str


class Thing(Struct):
    inner: Inner
    query: Query | None = None


class ThingsQuery(Window, frozen=True, kw_only=True):
    status: Text | None = None
    since: Duration | None = None


@endpoint(
    "POST",
    "/things/{thing_id:str}",
    permission=Permission.EVENTS_APPEND,
    summary="Put a thing",
    tag="Things",
    query=ThingsQuery,
    headers=(IDEMPOTENCY_KEY,),
    content=(Content(Thing, example={"inner": {"name": "x"}}),),
    replies={201: Reply("It is there.", Thing, headers=("Location",)), **problems(404, 409, 503)},
)
async def put_thing(request: ApiRequest, query: ThingsQuery) -> ASGIApp:
    """Puts it."""
    return json_answer(b"%d" % query.limit)


def document_of(services: Services, *handlers: Any) -> dict[str, Any]:
    app = create_app(services, handlers or API_HANDLERS)
    return msgspec.json.decode(app.state.openapi, type=dict[str, Any])


@pytest.fixture
def things(services: Services) -> dict[str, Any]:
    return document_of(services, put_thing)


@pytest.fixture
def operation(things: dict[str, Any]) -> dict[str, Any]:
    return cast(dict[str, Any], things["paths"]["/v1/order-history/things/{thing_id}"]["post"])


def test_an_operation_says_what_it_declares(operation: dict[str, Any]) -> None:
    assert operation["operationId"] == "put_thing"
    assert operation["description"] == "Puts it."
    assert operation["security"] == [{"bearer": []}]
    assert operation["x-permission"] == "events.append"
    assert operation["requestBody"]["content"]["application/json"] == {
        "schema": {"$ref": "#/components/schemas/Thing"},
        "example": {"inner": {"name": "x"}},
    }


def test_parameters(operation: dict[str, Any]) -> None:
    found = {(item["in"], item["name"]): item for item in operation["parameters"]}
    assert set(found) == {
        ("path", "thing_id"),
        *(("query", name) for name in ("limit", "cursor", "from", "to", "status", "since")),
        ("header", "X-Tenant-ID"),
        ("header", "Idempotency-Key"),
    }
    assert found["path", "thing_id"]["required"] is True
    limit = found["query", "limit"]["schema"]
    assert limit == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}
    assert found["query", "from"]["schema"] == {"type": "string", "format": "date-time"}
    assert found["query", "since"]["schema"]["format"] == "duration"
    assert found["query", "status"]["schema"] == {
        "type": "string",
        "minLength": 1,
        "maxLength": 200,
    }


def test_every_error_is_a_problem_document(operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    assert set(answers) == {"201", "400", "401", "403", "404", "409", "422", "429", "503"}
    for status, answer in answers.items():
        media = "application/json" if status == "201" else "application/problem+json"
        assert list(answer["content"]) == [media]
    for status in ("429", "503"):
        assert set(answers[status]["headers"]) == {"Retry-After"}
    assert set(answers["201"]["headers"]) == {"Location"}


def test_named_schemas_are_carried_along(things: dict[str, Any]) -> None:
    schemas = things["components"]["schemas"]
    assert {"Thing", "Inner", "Problem", "FieldProblem"} <= set(schemas)
    assert "in" in schemas["FieldProblem"]["properties"]
    query = schemas["Thing"]["properties"]["query"]["anyOf"][0]
    assert query["$ref"] == "#/components/schemas/SearchQuery"
    assert {"$ref": "#/components/schemas/SearchText"} in schemas["SearchQuery"]["oneOf"]


@pytest.mark.parametrize("whole", [False, True])
def test_the_document_holds_together(services: Services, *, whole: bool) -> None:
    document = document_of(services) if whole else document_of(services, put_thing)
    assert document["openapi"] == "3.1.0"
    for name, schema in document["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid(schema), name
    text = msgspec.json.encode(document).decode()
    named = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(re.findall(r'"\$ref":"([^"]*)"', text)) <= named
    found = [item for path in document["paths"].values() for item in path.values()]
    ids = [item["operationId"] for item in found]
    assert len(ids) == len(set(ids))
    assert all(item["summary"] and item["tags"] and item["description"] for item in found)
    schemathesis.openapi.from_dict(document).validate()


def test_two_types_of_one_name_are_two_schemas(services: Services) -> None:
    class Thing(Struct):
        other: int

    @endpoint(
        "GET",
        "/others",
        permission=Permission.EVENTS_READ,
        summary="Others",
        tag="Things",
        replies={200: Reply("x", Thing)},
    )
    async def others(request: ApiRequest) -> ASGIApp:
        return json_answer(b"{}")

    document = document_of(services, put_thing, others)
    answers = [
        document["paths"][f"/v1/order-history/{path}"][method]["responses"][status]
        for path, method, status in [("things/{thing_id}", "post", "201"), ("others", "get", "200")]
    ]
    refs = {answer["content"]["application/json"]["schema"]["$ref"] for answer in answers}
    assert len(refs) == 2
    assert {ref.rsplit("/", 1)[1] for ref in refs} <= set(document["components"]["schemas"])


def test_no_route_below_the_base_path_without_a_permission(services: Services) -> None:
    @get("/bare")
    async def bare() -> str:
        return "x"

    for handler in (bare, process_health):
        with pytest.raises(ValueError, match="permission"):
            create_app(services, (handler,))


def test_operations_lists_every_route_with_its_permission(services: Services) -> None:
    listed = {
        (item.endpoint.method, item.path): item.endpoint.permission
        for item in operations(create_app(services, (put_thing,)))
    }
    path = "/v1/order-history/things/{thing_id}"
    assert listed["POST", path] is Permission.EVENTS_APPEND
    assert listed["GET", "/healthz"] is None
    assert listed["GET", "/docs"] is None
