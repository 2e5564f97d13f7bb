"""Server of the page, for this machine alone."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from .local_only import LocalOnly
from .page_inferencer import PageInferencer
from .session_files import SessionFiles

if TYPE_CHECKING:
    from fastapi import FastAPI

HOST = '127.0.0.1'
#: Size of each uploaded file.
MAX_UPLOAD = '500mb'
# Seconds that the server waits for open connections when it ends. Every open
# page keeps one.
_PATIENCE = 1


def check_gradio() -> None:
    """Check that Gradio is installed, without importing it.

    Raises:
        ImportError: It is not; the message says how to install it.
    """
    if importlib.util.find_spec('gradio') is not None:
        return
    if sys.version_info < (3, 10):
        raise ImportError(
            'The web page needs Gradio 6, and this needs Python 3.10 or later.'
        )
    raise ImportError(
        'The web page is made with Gradio, which is not installed. Run '
        '`pip install fer_ssl[web]`.'
    )


def serve(inferencer: PageInferencer, port: int) -> None:
    """Serve the page until Ctrl-C.

    Args:
        inferencer: The network.
        port: Port on 127.0.0.1; 0 takes a free one.

    Raises:
        ImportError: Gradio is not installed.
        ValueError: The port cannot be used.
    """
    check_gradio()
    with _listen(port) as listener, SessionFiles() as files:
        app = build_app(inferencer, files)
        import uvicorn

        port = listener.getsockname()[1]
        print(
            f'The page is at http://{HOST}:{port}/. Press Ctrl-C to end it.',
            flush=True,
        )
        config = uvicorn.Config(
            app, log_level='warning', timeout_graceful_shutdown=_PATIENCE
        )
        uvicorn.Server(config).run(sockets=[listener])


def build_app(inferencer: PageInferencer, files: SessionFiles) -> FastAPI:
    """Build the server of the page.

    Args:
        inferencer: The network.
        files: Temporary files, which are deleted when the server ends.
    """
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED='False',
        GRADIO_TEMP_DIR=files.root,
        HF_HUB_DISABLE_TELEMETRY='1',
        HF_HUB_OFFLINE='1',
    )
    import gradio as gr
    from fastapi import FastAPI

    from .page import CSS, Page

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with files:  # also ends predictions that still run
            yield

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.add_middleware(LocalOnly)
    fonts = ['system-ui', 'Segoe UI', 'Roboto', 'Arial', 'sans-serif']
    return gr.mount_gradio_app(
        app,
        Page(inferencer, files).build(),
        path='/',
        server_name=HOST,
        footer_links=[],
        run_history=False,
        root_path='',
        max_file_size=MAX_UPLOAD,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        # The default theme would load fonts from elsewhere.
        theme=gr.themes.Soft(font=fonts, font_mono=['monospace']),
        css_paths=CSS,
    )


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, 'strerror', None) or error
        raise ValueError(
            f'port {port} of {HOST} cannot be used ({reason}). Choose another '
            'one by --port; 0 takes a free one.'
        ) from None
    return listener
