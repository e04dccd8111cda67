"""Accounts: how they begin and how they change."""

from auth_service.core.security import PasswordHashing
from auth_service.errors import EmailAlreadyRegisteredError
from auth_service.models import User
from auth_service.repositories.users import UserRepository
from auth_service.schemas.users import UserCreate, UserUpdate
from auth_service.services.passwords import refuse_guessable_password


class UserService:
    """Accounts."""

    def __init__(self, *, users: UserRepository, password_hashing: PasswordHashing) -> None:
        self._users = users
        self._password_hashing = password_hashing

    async def create(self, new_user: UserCreate, *, is_superuser: bool = False) -> User:
        """Create an account.

        Raises:
            EmailAlreadyRegisteredError: the address is taken.
            PasswordTooCommonError: the password is easy to guess.
            PasswordHashingBusyError: too many passwords wait to be hashed.
        """
        password = new_user.password.get_secret_value()
        refuse_guessable_password(password, email=new_user.email)
        hashed_password = await self._password_hashing.hash(password)
        user = await self._users.add(
            email=new_user.email,
            hashed_password=hashed_password,
            full_name=new_user.full_name,
            is_superuser=is_superuser,
        )
        if user is None:
            raise EmailAlreadyRegisteredError
        return user

    async def update(self, user: User, changes: UserUpdate) -> User:
        """Change what was sent and leave the rest as it is.

        Raises:
            EmailAlreadyRegisteredError: the new address is another account's.
        """
        await self._users.change(user, changes.model_dump(exclude_unset=True))
        return user
