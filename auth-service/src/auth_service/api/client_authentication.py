"""How a machine client says who it is: by HTTP Basic or in the form, never both (RFC 6749, 2.3.1)."""

import base64
from urllib.parse import unquote_plus

from fastapi import Request
from fastapi.exceptions import HTTPException
from pydantic import SecretStr

from auth_service.errors import InvalidClientError
from auth_service.schemas.clients import ClientCredentials
from auth_service.schemas.tokens import TokenForm


def find_client_credentials(request: Request, form: TokenForm) -> ClientCredentials | None:
    """Return what the client says about itself, None when it doesn't authenticate.

    Raises:
        InvalidClientError: what it says can't be read.
        HTTPException: it says two things.
    """
    headers = request.headers.getlist("Authorization")
    if not headers:
        return _of_form(form)
    if form.client_secret is not None:
        raise HTTPException(400, "The client authenticates twice, in the header and in the form.")
    if len(headers) > 1:
        raise InvalidClientError
    credentials = _of_basic(headers[0])
    if form.client_id not in {None, credentials.client_id}:
        raise HTTPException(400, "The header and the form name two clients.")
    return credentials


def _of_form(form: TokenForm) -> ClientCredentials | None:
    if form.client_secret is None:
        return None
    return ClientCredentials(form.client_id or "", form.client_secret)


def _of_basic(header: str) -> ClientCredentials:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClientError
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode("ascii").partition(":")
        # Both are encoded as in a form before they are put into the header.
        client_id, secret = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except ValueError:
        raise InvalidClientError from None
    if not colon or "\0" in client_id:
        raise InvalidClientError
    return ClientCredentials(client_id, SecretStr(secret))
