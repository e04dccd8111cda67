"""What the tokens in mails are good for, once."""

from auth_service.core.security import hash_one_time_token
from auth_service.errors import InvalidOneTimeTokenError
from auth_service.models import OneTimeTokenPurpose, User
from auth_service.repositories.one_time_tokens import OneTimeTokenRepository
from auth_service.repositories.users import UserRepository


class OneTimeTokenService:
    """Tokens that people bring from their mail."""

    def __init__(self, *, one_time_tokens: OneTimeTokenRepository, users: UserRepository) -> None:
        self._one_time_tokens = one_time_tokens
        self._users = users

    async def get_owner(self, token: str, purpose: OneTimeTokenPurpose) -> User:
        """Return whose a token is, and leave it usable.

        Raises:
            InvalidOneTimeTokenError: unknown, used, expired, replaced, for another purpose, or the account is disabled.
        """
        owner = await self._one_time_tokens.find_owner(hash_one_time_token(token), purpose)
        if owner is None or not owner.is_active:
            raise InvalidOneTimeTokenError
        return owner

    async def claim(self, token: str, purpose: OneTimeTokenPurpose) -> tuple[User, str]:
        """Use up a token, and return whose it is, locked, and the address that it proves; of many at once one gets it.

        Raises:
            InvalidOneTimeTokenError: as above.
        """
        owner = await self.get_owner(token, purpose)
        # The account before its tokens, as everywhere, so that no two requests wait for each other.
        user = await self._users.find_and_lock(owner.id)
        email = await self._one_time_tokens.claim(hash_one_time_token(token), purpose)
        if user is None or not user.is_active or email is None:
            raise InvalidOneTimeTokenError
        return user, email

    async def take_back_all(self, user: User) -> None:
        """Make every token unusable that somebody was sent."""
        await self._one_time_tokens.delete_all(user.id)
