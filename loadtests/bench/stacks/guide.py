"""The same routes as FastAPI's and SQLAlchemy's guides write them, with what their readers add first.

That is a session per request, models with relationships to the ORM, `response_model`, a token that is decoded for each
request, CORS, a `BaseHTTPMiddleware` that adds an id, and the instrumentator as its README installs it. Tracing is
left out, which makes it faster than most of what it stands for.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import OAuth2PasswordBearer
from prometheus_fastapi_instrumentator import Instrumentator
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.types import ASGIApp

from loadtests.bench.stacks.serving import Surroundings, serve


class Base(DeclarativeBase):
    """The tables of this application."""


class ItemRow(Base):
    """A row of items-service's table."""

    __tablename__ = "items"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    owner_id: Mapped[UUID]
    title: Mapped[str]
    description: Mapped[str]
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class ItemCreate(BaseModel):
    """What is sent."""

    title: str
    description: str = ""


class Item(ItemCreate):
    """What is answered."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    owner_id: UUID
    version: int
    created_at: datetime
    updated_at: datetime


class ItemPage(BaseModel):
    """A page of a list."""

    items: list[Item]


router = APIRouter(prefix="/api/v1/items")


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Open a session for the request."""
    async with request.app.state.sessions() as session:
        yield session


async def get_owner_id(
    token: Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="token"))], request: Request
) -> UUID:
    """Decode the token of the request."""
    surroundings: Surroundings = request.app.state.surroundings
    return surroundings.verify(token)


SessionDep = Annotated[AsyncSession, Depends(get_session)]
OwnerDep = Annotated[UUID, Depends(get_owner_id)]


@router.get("/{item_id}", response_model=Item)
async def get_item(item_id: UUID, session: SessionDep, owner_id: OwnerDep) -> ItemRow:
    """Return an item."""
    item = await session.get(ItemRow, item_id)
    if item is None or item.owner_id != owner_id:
        raise HTTPException(404)
    return item


@router.get("", response_model=ItemPage)
async def list_items(session: SessionDep, owner_id: OwnerDep, limit: int = 20) -> dict[str, object]:
    """Return the newest items."""
    mine = select(ItemRow).where(ItemRow.owner_id == owner_id)
    newest = mine.order_by(ItemRow.created_at.desc(), ItemRow.id.desc()).limit(limit)
    return {"items": (await session.scalars(newest)).all()}


@router.post("", response_model=Item, status_code=201)
async def create_item(new_item: ItemCreate, session: SessionDep, owner_id: OwnerDep) -> ItemRow:
    """Create an item."""
    item = ItemRow(owner_id=owner_id, **new_item.model_dump())
    session.add(item)
    # Commits: as the guides do, in the endpoint.
    await session.commit()
    await session.refresh(item)
    return item


async def add_request_id(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Give the answer an id."""
    response = await call_next(request)
    response.headers["X-Request-ID"] = request.headers.get("X-Request-ID") or str(uuid4())
    return response


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Close the connections at the end."""
    yield
    await app.state.engine.dispose()


def new_app(surroundings: Surroundings) -> ASGIApp:
    """Return the application."""
    app = FastAPI(lifespan=lifespan)
    app.add_middleware(CORSMiddleware, allow_origins=["http://localhost:3000"], allow_methods=["*"])
    app.add_middleware(BaseHTTPMiddleware, dispatch=add_request_id)
    Instrumentator().instrument(app)
    app.include_router(router)
    url = make_url(surroundings.database_url).set(drivername="postgresql+asyncpg")
    app.state.engine = create_async_engine(url, pool_size=10)
    app.state.sessions = async_sessionmaker(app.state.engine, expire_on_commit=False)
    app.state.surroundings = surroundings
    return app


if __name__ == "__main__":
    serve(new_app)
