"""Base64url without padding, in which every text has exactly one spelling."""

from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode_base64url(decoded: bytes) -> str:
    """Return the one spelling of these bytes."""
    return urlsafe_b64encode(decoded).rstrip(b"=").decode("ascii")


def decode_base64url(text: str) -> bytes:
    """Return the bytes that a text spells.

    Raises:
        ValueError: it holds another character, padding, or ends in bits that belong to no byte.
    """
    encoded = text.encode("ascii")
    decoded = urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))
    # Python skips characters outside the alphabet and ignores the unused bits of the last one.
    if encode_base64url(decoded) != text:
        raise ValueError("is not base64url in its one spelling")
    return decoded
