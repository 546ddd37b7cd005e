"""A temporary Alembic environment for scripts about Alembic's commands."""

import shutil
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.config import Config

ENV = """
from alembic import context
context.configure(**context.config.attributes)
with context.begin_transaction():
    context.run_migrations()
"""


@contextmanager
def alembic_environment(*revisions: str, env: str = ENV, **attributes: Any) -> Iterator["Config"]:
    """Create an environment with these revisions, and delete it when the block ends.

    `revisions` and `env` are the texts of the files. `attributes` become config.attributes, which
    the default env.py passes to context.configure(). Yield the Config for Alembic's commands.
    """
    from alembic.config import Config  # here, since most scripts need none of it

    with TemporaryDirectory() as folder:
        config = Config(attributes=attributes, cmd_opts=Namespace(quiet=True))
        config.set_main_option("script_location", folder.replace("%", "%%"))
        shutil.copy(Path(config.get_template_directory(), "generic", "script.py.mako"), folder)
        Path(folder, "env.py").write_text(env, "utf-8")
        versions = Path(folder, "versions")
        versions.mkdir()
        for number, revision in enumerate(revisions):
            (versions / f"{number}.py").write_text(revision, "utf-8")
        yield config
