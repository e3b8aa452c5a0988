"""A drill's pages: every page that this application gives out says that it is a drill.

It is done to the finished answer, so that a page of any route, an error's too, cannot do without.
"""

import re
from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from hinomi.playbooks.channels.marked import MARK

HEADER = "Hinomi-Drill"
BANNER = (
    '<div class="drill" role="note"><strong>訓練</strong> これは訓練です。実際の事案ではありません。'
    '<span lang="en">This is a drill, not a real incident.</span></div>'
)
_BODY = re.compile(r"<body[^>]*>", re.I)


async def mark_pages(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Mark an answer: each by a header line, a page also for its reader."""
    response = await call_next(request)
    response.headers[HEADER] = "yes"
    if not response.headers.get("content-type", "").startswith("text/html"):
        return response
    parts = [part async for part in cast(StreamingResponse, response).body_iterator]
    text = b"".join(part.encode() if isinstance(part, str) else bytes(part) for part in parts).decode()
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(marked(text), response.status_code, headers)


def marked(page: str) -> str:
    """Return a page with the mark in its title, and above all that it says."""
    page = page.replace("<title>", f"<title>{MARK}", 1)
    body = _BODY.search(page)
    place = body.end() if body else 0
    return f"{page[:place]}\n{BANNER}{page[place:]}"
