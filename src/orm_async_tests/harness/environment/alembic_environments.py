"""Creates temporary Alembic environments for variants."""

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
    """Create a temporary Alembic environment, and yield its Config.

    The parameters `revisions` and `env` are the texts of the revision files and of env.py. The
    default env.py passes `attributes` to `context.configure()`.
    """
    from alembic.config import Config  # a slow import

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
