"""One's own account, and everybody's for superusers."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status

from auth_service import models
from auth_service.api.administration_dependencies import UserAdministrationDep
from auth_service.api.dependencies import (
    CurrentSessionId,
    CurrentUser,
    PasswordServiceDep,
    UserServiceDep,
)
from auth_service.errors import (
    EmailAlreadyRegisteredError,
    InactiveUserError,
    LastSuperuserError,
    PasswordHashingBusyError,
    PasswordTooCommonError,
    TooManyAttemptsError,
    UserNotFoundError,
    WrongPasswordError,
)
from auth_service.schemas.users import (
    AdminUserCreate,
    AdminUserUpdate,
    PasswordChange,
    User,
    UserPage,
    UserQuery,
    UserUpdate,
)
from service_chassis.errors import (
    DatabaseUnavailableError,
    InsufficientScopeError,
    InvalidTokenError,
    MissingTokenError,
)
from service_chassis.pagination import LINK_HEADER, InvalidCursorError, Page, link_next_page
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
    responses=documented_problems(
        *_PROBLEMS, WrongPasswordError, PasswordTooCommonError, TooManyAttemptsError, PasswordHashingBusyError
    ),
)
async def change_password(
    change: PasswordChange, user: CurrentUser, session_id: CurrentSessionId, passwords: PasswordServiceDep
) -> None:
    """Change my password and end all of my other sessions; this one and its tokens go on."""
    await passwords.change(user, change, session_id=session_id)


@router.delete(
    "/me",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=documented_problems(LastSuperuserError),
)
async def delete_me(user: CurrentUser, users: UserServiceDep) -> None:
    """Delete my account for good, with all of its sessions; my items follow."""
    await users.delete(user)


@router.get("", response_model=UserPage, responses={**LINK_HEADER, **documented_problems(InvalidCursorError)})
async def list_users(
    query: Annotated[UserQuery, Query()], administration: UserAdministrationDep, request: Request, response: Response
) -> Page[models.User]:
    """Return everybody's accounts, a page at a time; superusers only."""
    page = await administration.list_page(query)
    link_next_page(page, request=request, response=response)
    return page


@router.post(
    "",
    response_model=User,
    status_code=status.HTTP_201_CREATED,
    responses={
        201: {"headers": {"Location": {"schema": {"type": "string"}}}},
        **documented_problems(
            *_PROBLEMS, EmailAlreadyRegisteredError, PasswordTooCommonError, PasswordHashingBusyError
        ),
    },
)
async def create_user(
    new_user: AdminUserCreate, administration: UserAdministrationDep, request: Request, response: Response
) -> models.User:
    """Create an account for somebody; superusers only."""
    user = await administration.create(new_user)
    response.headers["Location"] = f"{request.scope['path']}/{user.id}"
    return user


@router.get("/{user_id}", response_model=User, responses=documented_problems(UserNotFoundError))
async def get_user(user_id: UUID, administration: UserAdministrationDep) -> models.User:
    """Return anybody's account; superusers only."""
    return await administration.get(user_id)


@router.patch(
    "/{user_id}",
    response_model=User,
    responses=documented_problems(
        *_PROBLEMS,
        UserNotFoundError,
        EmailAlreadyRegisteredError,
        LastSuperuserError,
        PasswordTooCommonError,
        PasswordHashingBusyError,
    ),
)
async def update_user(user_id: UUID, changes: AdminUserUpdate, administration: UserAdministrationDep) -> models.User:
    """Change what is sent of anybody's account and leave the rest as it is; superusers only."""
    return await administration.update(user_id, changes)


@router.delete(
    "/{user_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=documented_problems(UserNotFoundError, LastSuperuserError),
)
async def delete_user(user_id: UUID, administration: UserAdministrationDep) -> None:
    """Delete anybody's account for good, with all of its sessions; superusers only."""
    await administration.delete(user_id)
