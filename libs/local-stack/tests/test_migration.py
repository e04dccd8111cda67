from pathlib import Path

import pytest

from local_stack.errors import LocalStackError
from local_stack.migration import create_migrations

ALEMBIC_INI = """
[alembic]
script_location = %(here)s/migrations
path_separator = os
"""
TEMPLATE = '''
"""${message}"""
import sqlalchemy as sa
from alembic import op
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = depends_on = None
def upgrade():
    ${upgrades}
def downgrade():
    ${downgrades}
'''
ENVIRONMENT = """
import asyncio, os
from alembic import context
from sqlalchemy import Column, Integer, MetaData, Table
from sqlalchemy.ext.asyncio import create_async_engine

metadata = MetaData()
Table("things", metadata, *[Column(name, Integer) for name in {columns}])

def migrate(connection):
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()

async def run():
    engine = create_async_engine(os.environ["{prefix}DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()

asyncio.run(run())
"""


FIRST_MIGRATION = """
import sqlalchemy as sa
from alembic import op
revision = "0001"
down_revision = branch_labels = depends_on = None
def upgrade():
    op.create_table("things", sa.Column("id", sa.Integer()))
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for service, prefix in (("auth-service", "AUTH_"), ("items-service", "ITEMS_")):
        migrations = tmp_path / service / "migrations"
        (migrations / "versions").mkdir(parents=True)
        (migrations / "versions" / "0001_begin.py").write_text(FIRST_MIGRATION)
        (migrations / "script.py.mako").write_text(TEMPLATE)
        (migrations / "env.py").write_text(ENVIRONMENT.format(columns=["id"], prefix=prefix))
        (tmp_path / service / "alembic.ini").write_text(ALEMBIC_INI)
    return tmp_path


def test_each_service_whose_models_differ_gets_its_next_migration(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = repository / "items-service" / "migrations" / "env.py"
    environment.write_text(ENVIRONMENT.format(columns=["id", "size"], prefix="ITEMS_"))

    create_migrations(repository, message="Add a size")

    assert capsys.readouterr().out == "created items-service/migrations/versions/0002_add_a_size.py\n"
    written = (repository / "items-service/migrations/versions/0002_add_a_size.py").read_text()
    assert "down_revision = '0001'" in written
    assert "op.add_column('things', sa.Column('size'" in written


def test_nothing_is_written_when_the_models_say_what_the_migrations_say(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_migrations(repository, message="Do nothing")

    assert capsys.readouterr().out == "nothing changed\n"
    assert len(list(repository.glob("*/migrations/versions/*.py"))) == 2


def test_a_model_that_cant_be_loaded_is_one_sentence(repository: Path) -> None:
    environment = repository / "auth-service" / "migrations" / "env.py"
    environment.write_text("raise RuntimeError('no such column type')")

    with pytest.raises(LocalStackError, match="alembic failed in auth-service: RuntimeError: no such column type"):
        create_migrations(repository, message="Break")
