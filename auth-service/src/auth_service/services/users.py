"""What people do with their own account."""

from auth_service.models import User
from auth_service.repositories.users import UserRepository
from auth_service.schemas.users import UserUpdate


class UserService:
    """Accounts."""

    def __init__(self, *, users: UserRepository) -> None:
        self._users = users

    async def update(self, user: User, changes: UserUpdate) -> User:
        """Change what was sent and leave the rest as it is.

        Raises:
            EmailAlreadyRegisteredError: the new address is another account's.
        """
        await self._users.change(user, changes.model_dump(exclude_unset=True))
        return user
