from __future__ import annotations

from typing import Any, Callable
from urllib.parse import urlsplit

#: The page may load, send and embed nothing but itself.
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_LOCAL_NAMES = '127.0.0.1', 'localhost'
_HEADERS = (
    (b'content-security-policy', POLICY.encode()),
    (b'referrer-policy', b'no-referrer'),
    (b'x-content-type-options', b'nosniff'),
)


class LocalOnly:
    """ASGI middleware that keeps the page and its requests on this machine.

    A web site that is open in the same browser cannot use the page, neither by
    a request of its own, which has another ``Origin``, nor by a name that
    leads to 127.0.0.1, which gives another ``Host``. And a content security
    policy keeps the browser from fetching anything from elsewhere.

    Args:
        app: The ASGI application.
    """

    def __init__(self, app: Callable) -> None:
        self.app = app

    async def __call__(
        self, scope: dict, receive: Callable, send: Callable
    ) -> None:
        if scope['type'] == 'lifespan':
            return await self.app(scope, receive, send)
        headers = dict(scope['headers'])
        host = b'http://' + headers.get(b'host', b'')
        if not _is_local(host) or not _is_local(headers.get(b'origin', host)):
            return await _refuse(scope, send)

        async def send_with_policy(message: dict[str, Any]) -> None:
            if message['type'] == 'http.response.start':
                message['headers'] = [*message.get('headers', ()), *_HEADERS]
            await send(message)

        return await self.app(scope, receive, send_with_policy)


def _is_local(url: bytes) -> bool:
    try:
        return urlsplit(url.decode('ascii')).hostname in _LOCAL_NAMES
    except ValueError:
        return False


async def _refuse(scope: dict, send: Callable) -> None:
    if scope['type'] == 'websocket':
        await send({'type': 'websocket.close', 'code': 1008})
        return
    text = b'This page is for the browser of this machine only.'
    await send(
        {
            'type': 'http.response.start',
            'status': 403,
            'headers': [(b'content-type', b'text/plain')],
        }
    )
    await send({'type': 'http.response.body', 'body': text})
