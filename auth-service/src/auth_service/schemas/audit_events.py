"""What superusers see of the audit trail."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from service_chassis.pagination import PageRequest


class AuditEvent(BaseModel):
    """Something that happened to the security of an account."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    type: str = Field(examples=["login.failed"])
    occurred_at: datetime
    user_id: UUID | None = Field(description="Whose account it happened to; null when nobody has it.")
    actor_id: UUID | None = Field(description="Who did it, when that was somebody else.")
    address: str = Field(examples=["203.0.113.7"])
    user_agent: str
    details: dict[str, str | int | bool]


class AuditEventQuery(PageRequest):
    """Which events, and which page of them."""

    user_id: UUID | None = Field(None, description="Only what happened to this account.")


class AuditEventPage(BaseModel):
    """A page of events, the newest first."""

    model_config = ConfigDict(from_attributes=True)

    items: list[AuditEvent]
    next_cursor: str | None = Field(description="Ask for the next page with it; null on the last one.")
