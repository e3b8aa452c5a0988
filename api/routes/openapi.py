"""A page of the API made from its own OpenAPI document: no script, nothing from elsewhere."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment

router = APIRouter(include_in_schema=False)

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>hinomi API</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/static/hinomi.css">
<main><h1>hinomi API {{ version }}</h1>
<p>Bearer key in <code>Authorization</code>; errors are <code>application/problem+json</code>; lists are
<code>{"items": [], "cursor": null}</code>. Machine-readable: <a href="/openapi.json">openapi.json</a>.
Events go to the ingest listener: <code>POST http://{{ ingest }}/v1/events/{source}</code> (NDJSON, gzip or zstd).</p>
{% for tag, operations in groups.items() %}<h2>{{ tag }}</h2><table><tbody>
{% for method, path, text, fields in operations %}<tr><td><code>{{ method }}</code></td><td><code>{{ path }}</code></td>
<td>{{ text }}{% if fields %}<br><small>{{ fields }}</small>{% endif %}</td></tr>{% endfor %}</tbody></table>{% endfor %}</main></html>"""


def _fields(operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = str(body.get("$ref", "")).rpartition("/")[2]
    parameters = [p["name"] for p in operation.get("parameters", [])]
    return ", ".join([*parameters, *schemas.get(name, {}).get("properties", {})])


@router.get("/docs")
def page(request: Request) -> HTMLResponse:
    """Show every route, by resource."""
    document = request.app.openapi()
    schemas = document.get("components", {}).get("schemas", {})
    groups: dict[str, list[tuple[str, str, str, str]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            row = (
                method.upper(),
                path,
                operation.get("description") or operation.get("summary", ""),
                _fields(operation, schemas),
            )
            groups.setdefault((operation.get("tags") or ["other"])[0], []).append(row)
    deps = request.app.state.deps
    html = Environment(autoescape=True).from_string(PAGE)
    return HTMLResponse(html.render(version=request.app.version, groups=groups, ingest=deps.settings.ingest.listen))
