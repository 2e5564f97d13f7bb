import asyncio

import pytest

from fer_ssl.web.local_only import LocalOnly


def request(kind='http', **headers):
    """Messages that are sent in answer to a request."""
    sent = []

    async def app(scope, receive, send):
        await send({'type': 'http.response.start', 'status': 200})

    async def send(message):
        sent.append(message)

    scope = {
        'type': kind,
        'headers': [
            (name.encode(), value.encode()) for name, value in headers.items()
        ],
    }
    asyncio.run(LocalOnly(app)(scope, None, send))
    return sent


@pytest.mark.parametrize(
    'headers',
    [
        dict(host='127.0.0.1:7860'),
        dict(host='localhost:8000', origin='http://localhost:8000'),
        dict(host='127.0.0.1', origin='http://127.0.0.1'),
    ],
)
def test_requests_of_this_machine(headers):
    (message,) = request(**headers)
    assert message['status'] == 200
    policy = dict(message['headers'])[b'content-security-policy'].decode()
    assert policy.startswith("default-src 'self' ")
    assert 'http' not in policy and '*' not in policy


@pytest.mark.parametrize(
    'headers',
    [
        dict(),
        dict(host='example.org:7860'),
        dict(host='127.0.0.1.example.org'),
        dict(host='['),
        dict(host='127.0.0.1:7860', origin='http://example.org'),
        dict(host='127.0.0.1:7860', origin='null'),
    ],
)
def test_other_requests_are_refused(headers):
    start, body = request(**headers)
    assert start['status'] == 403
    assert b'this machine only' in body['body']
    (message,) = request('websocket', **headers)
    assert message['type'] == 'websocket.close'
