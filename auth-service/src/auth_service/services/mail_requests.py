"""Requests for mail, whose answer must not tell whether anybody gets some."""

import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from auth_service.services.account_mail import AccountMail
from auth_service.services.background import BackgroundWork

MAXIMUM_DELAY_SECONDS = 0.3


class MailRequests:
    """Decides after the answer who gets mail, so that neither the answer nor its time depend on it."""

    def __init__(
        self, *, background: BackgroundWork, account_mail: Callable[[], AbstractAsyncContextManager[AccountMail]]
    ) -> None:
        self._background = background
        self._account_mail = account_mail

    def ask_for_password_reset(self, email: str) -> None:
        """Send a password reset to whoever has an account with this address."""
        self._background.start("password reset", self._decide(lambda mail: mail.offer_password_reset(email)))

    def ask_for_verification(self, email: str) -> None:
        """Send a verification to whoever has an account with this address that needs one."""
        self._background.start("email verification", self._decide(lambda mail: mail.offer_verification(email)))

    async def _decide(self, send: Callable[[AccountMail], Awaitable[None]]) -> None:
        # Finding somebody is more work than finding nobody, which would slow down whatever is asked right afterwards.
        await self._background.pause(random.uniform(0, MAXIMUM_DELAY_SECONDS))  # noqa: S311  # it keeps no secret
        async with self._account_mail() as account_mail:
            await send(account_mail)
