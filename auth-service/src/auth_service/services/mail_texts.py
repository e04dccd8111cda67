"""What mails say; links carry their token behind `#`, which browsers send to no server and in no Referer."""

from urllib.parse import urlsplit

from auth_service.services.mail import Mail


class MailTexts:
    """The mails of one front end, whose pages the links open."""

    def __init__(self, app_url: str) -> None:
        self._app_url = app_url.rstrip("/")
        self._name = urlsplit(app_url).netloc

    def email_verification(self, email: str, token: str) -> Mail:
        """Write to a new address, so that it is used once its owner says so."""
        return Mail(
            recipient=email,
            subject=f"Confirm your address for {self._name}",
            text=(
                f"To use this address at {self._name}, open this within 24 hours:\n\n"
                f"{self._app_url}/verify-email#token={token}\n\n"
                "If you did not ask for it, leave it be: without you nothing happens.\n"
            ),
        )

    def password_reset(self, email: str, token: str) -> Mail:
        """Write to the owner of an account who asked for a new password."""
        return Mail(
            recipient=email,
            subject=f"Choose a new password for {self._name}",
            text=(
                f"To choose a new password at {self._name}, open this within 30 minutes:\n\n"
                f"{self._reset_link(token)}\n\n"
                "If you did not ask for it, leave it be: your password stays as it is.\n"
            ),
        )

    def account_exists(self, email: str, token: str) -> Mail:
        """Write to the owner of an account whose address somebody wants to have an account with."""
        return Mail(
            recipient=email,
            subject=f"You have an account at {self._name}",
            text=(
                f"Somebody asked for an account at {self._name} with this address, which has one already.\n"
                "If it was you, log in, or choose a new password within 30 minutes:\n\n"
                f"{self._reset_link(token)}\n\n"
                "If it was not you, leave it be: nothing was changed.\n"
            ),
        )

    def address_changed(self, email: str) -> Mail:
        """Write to the former address of an account, in case it was somebody else who changed it."""
        return Mail(
            recipient=email,
            subject=f"Your address at {self._name} was changed",
            text=(
                f"Your account at {self._name} has another address now, and this one is no longer used.\n\n"
                "If it was not you who changed it, tell whoever runs the service.\n"
            ),
        )

    def _reset_link(self, token: str) -> str:
        return f"{self._app_url}/reset-password#token={token}"
