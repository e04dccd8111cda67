"""Registering, logging in, staying logged in, logging out."""

from fastapi import APIRouter, Response, status

from auth_service.api.client_dependencies import ClientCredentialsDep, TokenFormDep, TokenGrantServiceDep
from auth_service.api.dependencies import (
    LoginFormDep,
    LoginServiceDep,
    NetworkThrottled,
    RegistrationServiceDep,
    ThrottleDep,
    TokenServiceDep,
)
from auth_service.api.oauth2 import OAuth2Route, documented_oauth2_errors, form_body
from auth_service.errors import (
    EmailAlreadyRegisteredError,
    InvalidClientError,
    InvalidCredentialsError,
    InvalidGrantError,
    InvalidRefreshTokenError,
    InvalidScopeError,
    PasswordHashingBusyError,
    PasswordTooCommonError,
    RegistrationDisabledError,
    TooManyAttemptsError,
    UnsupportedGrantTypeError,
)
from auth_service.schemas.one_time_tokens import MailAnnouncement
from auth_service.schemas.tokens import LoginForm, RefreshRequest, Token, TokenForm, TokenPair
from auth_service.schemas.users import User, UserCreate, UserWithToken
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.problem_details import documented_problems
from service_chassis.strict_json import StrictRoute

router = APIRouter(prefix="/auth", tags=["auth"], route_class=StrictRoute)
token_router = APIRouter(prefix="/auth", tags=["auth"], route_class=OAuth2Route)


@router.post(
    "/register",
    status_code=status.HTTP_201_CREATED,
    response_model=UserWithToken,
    responses={
        202: {"model": MailAnnouncement, "description": "A mail says how to go on, whoever has the address."},
        **documented_problems(
            RegistrationDisabledError,
            EmailAlreadyRegisteredError,
            PasswordTooCommonError,
            TooManyAttemptsError,
            PasswordHashingBusyError,
            DatabaseUnavailableError,
        ),
    },
)
async def register(
    new_user: UserCreate, throttle: ThrottleDep, registration: RegistrationServiceDep, response: Response
) -> UserWithToken | Response:
    """Create an account and log in to it; where addresses have to be verified, a mail comes first."""
    await throttle.admit_registration(new_user.email)
    registered = await registration.register(new_user)
    if registered is None:
        announcement = MailAnnouncement().model_dump_json()
        return Response(announcement, status.HTTP_202_ACCEPTED, response.headers, "application/json")
    user, token = registered
    return UserWithToken(**User.model_validate(user).model_dump(), token=token)


@token_router.post(
    "/login",
    openapi_extra=form_body(LoginForm),
    responses=documented_oauth2_errors(
        UnsupportedGrantTypeError,
        InvalidCredentialsError,
        TooManyAttemptsError,
        PasswordHashingBusyError,
        DatabaseUnavailableError,
    ),
)
async def log_in(form: LoginFormDep, logins: LoginServiceDep, response: Response) -> TokenPair:
    """Exchange an e-mail address and a password for tokens (OAuth2 password form)."""
    pair, allowance = await logins.log_in(username=form.username, password=form.password.get_secret_value())
    response.headers.update(allowance.fields())
    return pair


@token_router.post(
    "/token",
    dependencies=[NetworkThrottled],
    openapi_extra=form_body(TokenForm),
    responses=documented_oauth2_errors(
        UnsupportedGrantTypeError,
        InvalidScopeError,
        InvalidGrantError,
        InvalidClientError,
        TooManyAttemptsError,
        DatabaseUnavailableError,
    ),
)
async def grant_token(
    form: TokenFormDep, credentials: ClientCredentialsDep, grants: TokenGrantServiceDep
) -> TokenPair | Token:
    """Grant a machine client a token of its own, or exchange a refresh token (RFC 6749, 4.4 and 6).

    The client authenticates by HTTP Basic, or by `client_id` and `client_secret` in the form.
    """
    return await grants.grant(form, credentials)


@router.post("/refresh", responses=documented_problems(InvalidRefreshTokenError, DatabaseUnavailableError))
async def refresh(request: RefreshRequest, tokens: TokenServiceDep) -> TokenPair:
    """Exchange a refresh token for a new pair; the old one is used up."""
    return await tokens.refresh(request.refresh_token.get_secret_value())


@router.post(
    "/logout",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=documented_problems(DatabaseUnavailableError),
)
async def log_out(request: RefreshRequest, tokens: TokenServiceDep) -> None:
    """End the session of a refresh token; saying so twice is no error."""
    await tokens.end_session(request.refresh_token.get_secret_value())
