from __future__ import annotations

import hashlib


def content_hash(content: bytes) -> int:
    """Return a hash of 64 bits, by which identical files are found."""
    digest = hashlib.blake2b(content, digest_size=8).digest()
    return int.from_bytes(digest, 'little')
