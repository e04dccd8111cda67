"""Proving that an address is one's own."""

from fastapi import APIRouter, Response, status

from auth_service.api.dependencies import ThrottleDep
from auth_service.api.mail_dependencies import EmailVerificationServiceDep, MailRequestsDep
from auth_service.errors import EmailAlreadyRegisteredError, InvalidOneTimeTokenError, TooManyAttemptsError
from auth_service.schemas.one_time_tokens import EmailVerificationConfirmation, MailAnnouncement, MailRequest
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.problem_details import documented_problems
from service_chassis.strict_json import StrictRoute

router = APIRouter(prefix="/auth/email-verification", tags=["auth"], route_class=StrictRoute)


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    responses=documented_problems(TooManyAttemptsError),
)
async def request_email_verification(
    request: MailRequest, throttle: ThrottleDep, mail_requests: MailRequestsDep
) -> MailAnnouncement:
    """Ask for another mail with a token to verify an address with; it is good for 24 hours."""
    await throttle.admit_mail(request.email)
    mail_requests.ask_for_verification(request.email)
    return MailAnnouncement()


@router.post(
    "/confirm",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=documented_problems(InvalidOneTimeTokenError, EmailAlreadyRegisteredError, DatabaseUnavailableError),
)
async def confirm_email_verification(
    confirmation: EmailVerificationConfirmation, email_verification: EmailVerificationServiceDep
) -> None:
    """Verify an address with the token that was sent to it; an address that was changed to takes effect now."""
    await email_verification.confirm(confirmation)
