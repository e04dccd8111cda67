"""The base of every table of this service."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from service_chassis.tables import NAMING_CONVENTION


class Base(DeclarativeBase):
    """Collects the tables that migrations are compared with."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
