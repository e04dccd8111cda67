"""One's own account."""

from fastapi import APIRouter, Response, status

from auth_service import models
from auth_service.api.dependencies import CurrentSessionId, CurrentUser, PasswordServiceDep, UserServiceDep
from auth_service.errors import (
    EmailAlreadyRegisteredError,
    InactiveUserError,
    PasswordHashingBusyError,
    PasswordTooCommonError,
    WrongPasswordError,
)
from auth_service.schemas.users import PasswordChange, User, UserUpdate
from service_chassis.errors import (
    DatabaseUnavailableError,
    InsufficientScopeError,
    InvalidTokenError,
    MissingTokenError,
)
from service_chassis.problem_details import documented_problems
from service_chassis.strict_json import StrictRoute

_PROBLEMS = (
    MissingTokenError,
    InvalidTokenError,
    InsufficientScopeError,
    InactiveUserError,
    DatabaseUnavailableError,
)

router = APIRouter(prefix="/users", tags=["users"], route_class=StrictRoute, responses=documented_problems(*_PROBLEMS))


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


@router.put(
    "/me/password",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=documented_problems(*_PROBLEMS, WrongPasswordError, PasswordTooCommonError, PasswordHashingBusyError),
)
async def change_password(
    change: PasswordChange, user: CurrentUser, session_id: CurrentSessionId, passwords: PasswordServiceDep
) -> None:
    """Change my password and end all of my other sessions; this one and its tokens go on."""
    await passwords.change(user, change, session_id=session_id)
