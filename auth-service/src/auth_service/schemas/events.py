"""Events as other services read them: CloudEvents 1.0 in the batched JSON form."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter

from auth_service.models import OutboxEvent

BATCH_MEDIA_TYPE = "application/cloudevents-batch+json"
MAXIMUM_WAIT_SECONDS = 30
_CURSOR = re.compile(r"([0-9]{1,19})-([0-9]{1,19})")
_HIGHEST_NUMBER = 2**63 - 1


def _cursor(text: str) -> str:
    numbers = _CURSOR.fullmatch(text)
    if numbers is None or max(map(int, numbers.groups())) > _HIGHEST_NUMBER:
        raise ValueError("is not the id of an event")
    return text


class EventQuery(BaseModel, extra="forbid"):
    """Which events a follower wants, and for how many seconds it waits for the first."""

    after: Annotated[str, AfterValidator(_cursor)] | None = None
    wait: Annotated[int, Field(ge=0, le=MAXIMUM_WAIT_SECONDS)] = 0

    @property
    def position(self) -> tuple[int, int] | None:
        """Where the event stands whose id is the cursor."""
        if self.after is None:
            return None
        transaction_id, _, number = self.after.partition("-")
        return int(transaction_id), int(number)


class CloudEvent(BaseModel):
    """One event; `id` is the cursor to go on from."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, Any]


_BATCH: TypeAdapter[list[CloudEvent]] = TypeAdapter(list[CloudEvent])


def event_batch(events: Iterable[OutboxEvent], *, source: str) -> bytes:
    """Return events as a batch."""
    batch = [
        CloudEvent(
            id=f"{event.transaction_id}-{event.id}",
            source=source,
            type=event.type,
            subject=event.subject,
            time=event.created_at,
            data=event.data,
        )
        for event in events
    ]
    return _BATCH.dump_json(batch)
