"""A new password for who forgot theirs."""

from fastapi import APIRouter, Response, status

from auth_service.api.dependencies import ThrottleDep
from auth_service.api.mail_dependencies import MailRequestsDep, PasswordResetServiceDep
from auth_service.errors import (
    InvalidOneTimeTokenError,
    PasswordHashingBusyError,
    PasswordTooCommonError,
    TooManyAttemptsError,
)
from auth_service.schemas.one_time_tokens import MailAnnouncement, MailRequest, PasswordResetConfirmation
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.problem_details import documented_problems
from service_chassis.strict_json import StrictRoute

router = APIRouter(prefix="/auth/password-reset", tags=["auth"], route_class=StrictRoute)


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    responses=documented_problems(TooManyAttemptsError),
)
async def request_password_reset(
    request: MailRequest, throttle: ThrottleDep, mail_requests: MailRequestsDep
) -> MailAnnouncement:
    """Ask for a mail with a token to choose a new password with; it is good for 30 minutes."""
    await throttle.admit_mail(request.email)
    mail_requests.ask_for_password_reset(request.email)
    return MailAnnouncement()


@router.post(
    "/confirm",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=documented_problems(
        InvalidOneTimeTokenError, PasswordTooCommonError, PasswordHashingBusyError, DatabaseUnavailableError
    ),
)
async def confirm_password_reset(
    confirmation: PasswordResetConfirmation, password_reset: PasswordResetServiceDep
) -> None:
    """Choose a new password with the token from the mail; all sessions of the account end."""
    await password_reset.confirm(confirmation)
