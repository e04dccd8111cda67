"""Run by Alembic for every command."""

from items_service.core.config import Settings
from items_service.models import Base
from service_chassis.migrations import run_migrations
from service_chassis.settings import load_settings

run_migrations(Base.metadata, load_settings(Settings).database_url)
