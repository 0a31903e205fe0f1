"""The OpenAPI 3.1 document, made of what the endpoints declare.

litestar's own generator describes what litestar parses; these handlers take bytes, and their
errors are problem documents, so it would have to be overruled at every operation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from msgspec import Struct

from domain.search.schema import components
from interfaces.http.endpoint import OPT, Body, Content, Endpoint, Header, Reply
from interfaces.http.params import Duration, Instant

_REF = "#/components/schemas/{name}"
_DESCRIPTION = """An immutable, tamper-evident history of every order.

Errors are problem documents (RFC 9457). In `errors`, a `pointer` is a JSON pointer into the body,
or, with `in`, into the query, the headers or the path. Another tenant's order, event or job
answers 404, exactly as one that does not exist. A slash in an id travels as `%2F`.
"""
_TENANT = Header(
    "X-Tenant-ID",
    "The tenant; may be left out when the token has exactly one.",
    {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,62}$"},
)
_HEADERS = {
    "Allow": "The methods that this path takes.",
    "Content-Disposition": "That it is a file to be kept, and its name.",
    "ETag": "The hash of this representation.",
    "Idempotency-Replayed": "`true`: the same request came before.",
    "Link": 'The receipt of the event: `rel="describedby"` (RFC 8288).',
    "Location": "The path of the resource.",
    "Preference-Applied": "The preference that was followed.",
    "Retry-After": "Seconds to wait before the next attempt.",
    "WWW-Authenticate": 'The scheme, Bearer; with `error="invalid_token"` if a token was sent.',
}
_CUSTOM: dict[type, dict[str, Any]] = {
    Instant: {"type": "string", "format": "date-time"},
    Duration: {"type": "string", "format": "duration", "examples": ["PT1H", "P7D"]},
}


class Operation(NamedTuple):
    """One declared endpoint and where it is reached, with `{name}` for path parameters."""

    path: str
    endpoint: Endpoint


def operations(app: Litestar) -> Iterator[Operation]:
    """Every declared endpoint of an application, by path."""
    for route in sorted(app.routes, key=lambda route: route.path_format):
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if declared := declared_of(handler):
                    yield Operation(route.path_format, declared)


def declared_of(handler: HTTPRouteHandler) -> Endpoint | None:
    """What a route handler declares; None for litestar's own, such as OPTIONS."""
    declared = handler.opt.get(OPT)
    return declared if isinstance(declared, Endpoint) else None


def document(app: Litestar, version: str) -> dict[str, Any]:
    """The whole document, as JSON values."""
    declared = [operation for operation in operations(app) if operation.endpoint.tag]
    schemas = _Schemas(declared)
    paths: dict[str, dict[str, Any]] = {}
    for path, endpoint in declared:
        described = _operation(path, endpoint, schemas)
        paths.setdefault(path, {})[endpoint.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Order History", "version": version, "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in sorted({item.endpoint.tag for item in declared})],
        "paths": paths,
        "components": {
            "schemas": {**schemas.named, **components(_REF)},  # recursive: no type tells them
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


class _Schemas:
    """The JSON schemas of all bodies, made at once, so that no two share a name."""

    def __init__(self, declared: list[Operation]) -> None:
        bodies = [content.body for _, endpoint in declared for content in _contents(endpoint)]
        kinds = list(dict.fromkeys(body for body in bodies if _is_type(body)))
        schemas, named = _schemas_of(kinds)
        self._by_kind = dict(zip(kinds, schemas, strict=True))
        self.named = dict(sorted(named.items()))

    def of(self, body: Body) -> dict[str, Any]:
        """A reference to the schema of a type; a schema as it is."""
        schema: dict[str, Any] = self._by_kind[body] if _is_type(body) else body
        return schema


def _contents(endpoint: Endpoint) -> list[Content | Reply]:
    replies = endpoint.replies.values()
    return [*endpoint.content, *replies, *(one for reply in replies for one in reply.others)]


def _is_type(body: Body) -> bool:
    return body is not None and not isinstance(body, dict)


def _schemas_of(kinds: list[Any]) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    return msgspec.json.schema_components(kinds, schema_hook=_custom, ref_template=_REF)


def _custom(kind: type) -> dict[str, Any]:
    if kind in _CUSTOM:
        return _CUSTOM[kind]
    raise NotImplementedError(f"no JSON schema for {kind}")


def _operation(path: str, endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    secured = endpoint.permission is not None
    headers = (_TENANT, *endpoint.headers) if secured else endpoint.headers
    described: dict[str, Any] = {
        "operationId": endpoint.operation_id,
        "summary": endpoint.summary,
        "description": endpoint.description,
        "tags": [endpoint.tag],
        "parameters": [
            *_path_parameters(path),
            *_query_parameters(endpoint.query),
            *(_header_parameter(header) for header in headers),
        ],
        "responses": {
            str(status): _response(reply, schemas)
            for status, reply in sorted(endpoint.replies.items())
        },
        "security": [{"bearer": []}] if secured else [],
    }
    if secured:
        described["x-permission"] = endpoint.permission
    if endpoint.content:
        described["requestBody"] = {
            "required": True,
            "content": {item.media_type: _media(item, schemas) for item in endpoint.content},
        }
    return described


def _response(reply: Reply, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {"description": reply.description}
    if reply.body is not None:
        kinds: list[Content | Reply] = [reply, *reply.others]
        described["content"] = {one.media_type: _media(one, schemas) for one in kinds}
    if reply.headers:
        described["headers"] = {
            name: {"description": _HEADERS[name], "schema": {"type": "string"}}
            for name in reply.headers
        }
    return described


def _media(content: Content | Reply, schemas: _Schemas) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": schemas.of(content.body)}
    if content.example is not None:
        media["example"] = content.example
    return media


def _path_parameters(path: str) -> list[dict[str, Any]]:
    schema = {"type": "string", "minLength": 1, "maxLength": 200}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _query_parameters(query: type[Struct]) -> list[dict[str, Any]]:
    shape = _schemas_of([query])[1][query.__name__]
    return [
        _query_parameter(name, dict(schema), name in shape["required"])
        for name, schema in shape["properties"].items()
    ]


def _query_parameter(name: str, schema: dict[str, Any], required: bool) -> dict[str, Any]:
    arms = [arm for arm in schema.pop("anyOf", []) if arm != {"type": "null"}]
    if arms:
        schema = {**schema, **arms[0]}
    if schema.get("default", ...) is None:
        del schema["default"]
    description = schema.pop("description", "")
    return {
        "name": name, "in": "query", "required": required,
        "description": description, "schema": schema,
    }  # fmt: skip


def _header_parameter(header: Header) -> dict[str, Any]:
    return {
        "name": header.name,
        "in": "header",
        "required": False,
        "description": header.description,
        "schema": header.schema,
    }
