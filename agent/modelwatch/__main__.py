"""
The console script.

Someone's training may come with its own ``queue.py`` or ``logging.py``, in the working directory or on PYTHONPATH. Nothing but gc, sys and
os may be imported before the interpreter is isolated from both (``python -I``); when it is not, it is started again with the original
environment, in the same process. docs/adr/0010-exec-chain.md has the reasons.
"""

import gc
import os
import sys


def _make_importable() -> None:
    """
    Let ``import modelwatch`` find this package when the interpreter's own path does not hold it.

    An isolated interpreter does not look into the user's site-packages. The folder goes to the end: nothing in it may shadow the
    standard library.
    """
    parent = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 -- pathlib is too much to import here
    if parent not in sys.path:
        sys.path.append(parent)


def main() -> int:
    """Run the command line, isolated. Return the exit code."""
    _make_importable()
    if not sys.flags.isolated and sys.executable:
        from modelwatch.core.environment import original_environment  # noqa: PLC0415 -- imports os alone

        arguments = [sys.executable, "-I", os.path.abspath(__file__), *sys.argv[1:]]  # noqa: PTH100 -- as above
        os.execve(sys.executable, arguments, original_environment())  # noqa: S606 -- no shell is wanted
    gc.disable()  # until the command begins: imports make no garbage, and to look for some takes a tenth of their time
    from modelwatch.cli.main import main as command_line  # noqa: PLC0415 -- only an isolated interpreter may import more

    return command_line(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
