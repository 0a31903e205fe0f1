"""The OpenAPI document at /schema/openapi.json, its pages at /docs, and what a problem type means.

The pages are Swagger UI as an installed package carries it; the content security policy keeps the
browser from asking any other host for anything.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from litestar.types import ASGIApp

from domain.errors import NotFound
from interfaces.http.answers import Answer, RawHeader, json_answer
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import endpoint
from interfaces.http.problems import KINDS, TYPE_PATH

_PACKAGE, _FOLDER = "swagger_ui", "static"
_SELF_ONLY: tuple[RawHeader, ...] = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; connect-src 'self'; font-src 'self'; "
            b"style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
            b"form-action 'none'; frame-ancestors 'none'"
        ),
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
)
_PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Order History API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = b"""SwaggerUIBundle({
  url: "/schema/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
});
"""
_MEDIA = {".js": b"text/javascript; charset=utf-8", ".css": b"text/css; charset=utf-8"}
_VENDORED = ("swagger-ui.css", "swagger-ui-bundle.js")


@endpoint("GET", "/schema/openapi.json", permission=None, summary="", tag="", replies={})
async def openapi_document(request: ApiRequest) -> ASGIApp:
    return json_answer(request.app.state.openapi, headers=[(b"cache-control", b"no-cache")])


@endpoint("GET", "/docs", permission=None, summary="", tag="", replies={})
async def documentation(_: ApiRequest) -> ASGIApp:
    return Answer(200, ((b"content-type", b"text/html; charset=utf-8"), *_SELF_ONLY), _PAGE)


@endpoint("GET", "/docs/{name:str}", permission=None, summary="", tag="", replies={})
async def documentation_asset(request: ApiRequest) -> ASGIApp:
    name = request.path_value("name")
    if name == "start.js":
        body = _START
    elif name in _VENDORED:
        body = _vendored(name)
    else:
        raise NotFound("There is nothing at this path.")
    media_type = _MEDIA[Path(name).suffix]
    return Answer(200, ((b"content-type", media_type), *_SELF_ONLY), body)


@endpoint("GET", f"{TYPE_PATH}/{{name:str}}", permission=None, summary="", tag="", replies={})
async def problem_type(request: ApiRequest) -> ASGIApp:
    name = request.path_value("name")
    for error, kind in KINDS.items():
        if kind.name == name:
            text = f"{kind.status} {kind.title}\n\n{(error.__doc__ or '').strip()}\n"
            return Answer(200, ((b"content-type", b"text/plain; charset=utf-8"),), text.encode())
    raise NotFound("There is no such type of problem.")


@cache
def _vendored(name: str) -> bytes:
    """A file of the installed package, found without importing it."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise NotFound("The pages' files are not installed.")
    return (Path(spec.submodule_search_locations[0]) / _FOLDER / name).read_bytes()


HANDLERS = (openapi_document, documentation, documentation_asset, problem_type)
