"""
Check what was built.

    python tests/build/check_wheel.py DIST

The wheel holds the package ``modelwatch`` and its metadata and nothing else, every file of the package included; it installs in an
environment without any developer's tool, and the command works there from a folder full of modules that shadow the standard library.
Prints one line, or says what is wrong and exits with 1.
"""

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

_PACKAGE = Path(__file__).parents[2] / "agent" / "modelwatch"
_TOOLS = {"pytest", "hypothesis", "coverage", "ruff", "mypy", "tensorboard", "tensorflow", "numpy"}
_HOSTILE = ("agent", "queue", "yaml", "logging", "json", "argparse", "rich")


def only(folder: Path, pattern: str) -> Path:
    """Return the one file in `folder` that matches."""
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"expected one {pattern} in {folder}, found {len(found)}")
    return found[0]


def check_contents(wheel: Path) -> int:
    """Compare the wheel's files with the package's. Return how many there are."""
    names = set(zipfile.ZipFile(wheel).namelist())
    foreign = {name.split("/")[0] for name in names if not name.startswith(("modelwatch/", "modelwatch-"))}
    if foreign:
        raise SystemExit(f"the wheel also holds: {', '.join(sorted(foreign))}")
    source = {
        f"modelwatch/{path.relative_to(_PACKAGE).as_posix()}"
        for path in _PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    missing = source - names
    if missing:
        raise SystemExit(f"the wheel lacks: {', '.join(sorted(missing))}")
    if not any(name.endswith("/licenses/LICENSE") for name in names):
        raise SystemExit("the wheel lacks the licence")
    return len(source)


def check_command(wheel: Path, folder: Path) -> str:
    """Install the wheel into an environment of its own in `folder`. Return what ``modelwatch --version`` prints there."""
    environment = folder / "environment"
    venv.create(environment, with_pip=True, symlinks=True)
    python = str(environment / "bin" / "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", str(wheel)], check=True)
    subprocess.run([*pip, "check"], check=True, stdout=subprocess.DEVNULL)
    listed = subprocess.run([*pip, "list", "--format=freeze"], check=True, capture_output=True, text=True).stdout
    tools = _TOOLS & {line.partition("==")[0].lower() for line in listed.splitlines()}
    if tools:
        raise SystemExit(f"installing modelwatch also installs: {', '.join(sorted(tools))}")

    hostile = folder / "hostile"
    hostile.mkdir()
    for name in _HOSTILE:
        (hostile / f"{name}.py").write_text("raise SystemExit('the wrong module was imported')\n")
    command = str(environment / "bin" / "modelwatch")
    surroundings = {**os.environ, "PYTHONPATH": str(hostile)}
    for option in ("--help", "--version"):
        done = subprocess.run([command, option], cwd=hostile, env=surroundings, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"modelwatch {option} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def main(dist: Path) -> None:
    """Check the wheel and the source distribution in `dist`."""
    wheel = only(dist, "*.whl")
    only(dist, "*.tar.gz")
    count = check_contents(wheel)
    with tempfile.TemporaryDirectory() as folder:
        version = check_command(wheel, Path(folder))
    print(f"{wheel.name}: {count} files, all of them modelwatch; {version} answers without the developer's tools")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
