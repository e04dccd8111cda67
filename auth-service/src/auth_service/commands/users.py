"""Commands about accounts."""

import asyncio
import sys

import click

from auth_service.commands.refusal import refuse
from auth_service.core.config import Settings
from service_chassis.logs import configure_logging
from service_chassis.settings import load_settings


@click.command()
@click.option("--email", required=True, help="The address to log in with.")
def create_superuser(email: str) -> None:
    """Create an account that may do everything; its password is read from standard input.

    Does nothing when an account with that address exists.
    """
    settings = load_settings(Settings)
    configure_logging(settings)
    asyncio.run(_create_superuser(settings, email=email, password=sys.stdin.readline().rstrip("\n")))


async def _create_superuser(settings: Settings, *, email: str, password: str) -> None:
    from pydantic import ValidationError

    from auth_service.api.dependencies import (
        get_account_mail,
        get_audit_trail,
        get_event_publisher,
        get_user_service,
        get_users,
    )
    from auth_service.api.resources import Resources
    from auth_service.errors import EmailAlreadyRegisteredError, PasswordTooCommonError
    from auth_service.models import AuditEventType
    from auth_service.schemas.devices import COMMAND_LINE
    from auth_service.schemas.users import UserCreate

    resources = Resources(settings)
    try:
        new_user = UserCreate.model_validate({"email": email, "password": password, "full_name": "Administrator"})
        async with resources.database.session() as session:
            users, audit = await get_users(session), await get_audit_trail(session, COMMAND_LINE)
            account_mail = await get_account_mail(resources, session, users, audit)
            events = await get_event_publisher(session)
            service = await get_user_service(users, resources, events, audit, account_mail)
            user = await service.create(new_user, is_superuser=True, email_verified=True)
            await audit.record(AuditEventType.USER_CREATED, user_id=user.id, is_superuser=True)
        click.echo(f"Created the superuser {new_user.email}.")
    except EmailAlreadyRegisteredError:
        click.echo(f"The account {email} exists; nothing was changed.")
    except PasswordTooCommonError as error:
        sys.exit(f"password: {error.detail}")
    except ValidationError as error:
        refuse(error)
    finally:
        await resources.close()
