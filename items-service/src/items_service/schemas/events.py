"""What auth-service tells: CloudEvents (version 1.0) in the batched JSON form, as far as this service reads them."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter

from items_service.models import NO_RIGHTS_VERSION_IS_ENOUGH

MAXIMUM_CURSOR_CHARACTERS = 64
MAXIMUM_EVENTS = 1_000


class Event(BaseModel, hide_input_in_errors=True):
    """One event; its id is the cursor to go on from."""

    id: Annotated[str, Field(min_length=1, max_length=MAXIMUM_CURSOR_CHARACTERS, pattern=r"^[\x21-\x7e]+$")]
    type: str
    subject: str = ""
    time: AwareDatetime
    data: dict[str, object] = {}


class Rights(BaseModel, hide_input_in_errors=True):
    """The data of an event about a user's rights."""

    rights_version: Annotated[int, Field(ge=0, le=NO_RIGHTS_VERSION_IS_ENOUGH)]


class ServiceTokenAnswer(BaseModel, hide_input_in_errors=True):
    """What the token endpoint answers a machine client (RFC 6749, 5.1)."""

    access_token: Annotated[str, Field(min_length=1, max_length=8 * 1024, pattern=r"^[\x21-\x7e]+$")]
    expires_in: Annotated[int, Field(ge=1, le=86_400)]


EVENT_BATCH: TypeAdapter[list[Event]] = TypeAdapter(Annotated[list[Event], Field(max_length=MAXIMUM_EVENTS)])
