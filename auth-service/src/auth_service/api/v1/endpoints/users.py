"""One's own account."""

from fastapi import APIRouter

from auth_service import models
from auth_service.api.dependencies import CurrentUser, UserServiceDep
from auth_service.errors import EmailAlreadyRegisteredError, InactiveUserError
from auth_service.schemas.users import User, UserUpdate
from service_chassis.errors import (
    DatabaseUnavailableError,
    InsufficientScopeError,
    InvalidTokenError,
    MissingTokenError,
)
from service_chassis.problem_details import documented_problems
from service_chassis.strict_json import StrictRoute

router = APIRouter(
    prefix="/users",
    tags=["users"],
    route_class=StrictRoute,
    responses=documented_problems(
        MissingTokenError, InvalidTokenError, InsufficientScopeError, InactiveUserError, DatabaseUnavailableError
    ),
)


@router.get("/me", response_model=User)
async def get_me(user: CurrentUser) -> models.User:
    """Return my account."""
    return user


@router.put(
    "/me", response_model=User, operation_id="replace_me", responses=documented_problems(EmailAlreadyRegisteredError)
)
@router.patch("/me", response_model=User, responses=documented_problems(EmailAlreadyRegisteredError))
async def update_me(changes: UserUpdate, user: CurrentUser, users: UserServiceDep) -> models.User:
    """Change what is sent of my account and leave the rest as it is."""
    return await users.update(user, changes)
