"""Serve a web page for photographs, videos and the camera of this machine.

    python tools/web_demo.py
    python tools/web_demo.py --checkpoint WEIGHTS.pth --port 8000

The page listens on 127.0.0.1 only, and nothing leaves this machine. It needs
Gradio: `pip install fer_ssl[web]`.
"""

from __future__ import annotations

import argparse

from fer_ssl.compat import leave_triton_out
from fer_ssl.launch import add_network_arguments, run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_network_arguments(parser)
    parser.add_argument(
        '--port',
        type=int,
        default=7860,
        help='port to listen on, or 0 for a free one; default: %(default)s',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from fer_ssl.web.server import check_gradio, serve

    check_gradio()  # before the network is loaded
    if not (args.config or args.checkpoint):
        leave_triton_out()  # other networks might need it
    from fer_ssl.web.page_inferencer import PageInferencer

    inferencer = PageInferencer(
        args.config, args.checkpoint, device=args.device, show_progress=False
    )
    serve(inferencer, args.port)


if __name__ == '__main__':
    run(main)
