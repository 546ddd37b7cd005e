"""A build backend for a project whose only command, test1, prints its name and arguments."""

from pathlib import Path
from zipfile import ZipFile

MODULE = "import sys\ndef main(): print('locked', *sys.argv[1:])\n"
COMMANDS = "[console_scripts]\ntest1 = project:main\n"


def write_wheel(folder: Path | str, name: str, version: str = "1.0") -> str:
    """Write a wheel into the folder and return its file name."""
    info = f"{name}-{version}.dist-info"
    wheel = f"{name}-{version}-py3-none-any.whl"
    with ZipFile(Path(folder, wheel), "w") as archive:
        archive.writestr(f"{name}.py", MODULE)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        wheel_format = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", wheel_format)
        archive.writestr(f"{info}/entry_points.txt", COMMANDS)
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def build_editable(
    wheel_directory: str,
    config_settings: dict[str, str] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build the project as pip asks for it (PEP 660)."""
    return write_wheel(wheel_directory, "project")
