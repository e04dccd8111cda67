"""Run by Alembic for every command."""

from auth_service.core.config import Settings
from auth_service.models import Base
from service_chassis.migrations import run_migrations
from service_chassis.settings import load_settings

run_migrations(Base.metadata, load_settings(Settings).database_url)
