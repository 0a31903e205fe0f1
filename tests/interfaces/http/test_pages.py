from __future__ import annotations

import re

import pytest

from tests.interfaces.http.conftest import Open

pytestmark = pytest.mark.anyio


async def test_the_document_needs_no_token(open_client: Open) -> None:
    async with open_client() as client:
        del client.headers["Authorization"]
        answer = await client.get("/schema/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert "/v1/order-history/health" in answer.json()["paths"]
    assert "/docs" not in answer.json()["paths"]


async def test_the_page_and_all_that_it_names_come_from_here(open_client: Open) -> None:
    async with open_client() as client:
        page = await client.get("/docs")
        named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        own = [url for url in named if not url.startswith("data:")]
        answers = {url: await client.get(url) for url in own}
    assert page.headers["content-type"].startswith("text/html")
    assert {url.rsplit(".", 1)[1] for url in own} == {"css", "js"}
    for url, answer in answers.items():
        assert url.startswith("/docs/")
        assert answer.status_code == 200
        assert answer.content
        assert answer.headers["content-type"].startswith(
            "text/css" if url.endswith(".css") else "text/javascript"
        )
    assert '"/schema/openapi.json"' in answers["/docs/start.js"].text


async def test_the_browser_may_ask_no_other_host(open_client: Open) -> None:
    async with open_client() as client:
        policy = (await client.get("/docs")).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    sources = {source for rule in policy.split(";") for source in rule.split()[1:]}
    assert sources == {"'none'", "'self'", "'unsafe-inline'", "data:"}


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "index.html", "start.js.map", "x"])
async def test_no_other_file_is_served(open_client: Open, name: str) -> None:
    async with open_client() as client:
        assert (await client.get(f"/docs/{name}")).status_code == 404


async def test_an_unknown_problem_type(open_client: Open) -> None:
    async with open_client() as client:
        assert (await client.get("/problems/nonsense")).status_code == 404


async def test_the_viewer_can_read_the_version_of_the_document(open_client: Open) -> None:
    async with open_client() as client:
        viewer = await client.get("/docs/swagger-ui-bundle.js")
    assert "isOAS31" in viewer.text
