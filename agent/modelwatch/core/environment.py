"""
The environment exactly as our caller gave it to us.

Python changes its own: under the C locale it sets LC_CTYPE for itself and its children (PEP 538). The kernel keeps what was given at
the start of the program in ``/proc/self/environ``. This module is imported before the interpreter is isolated: it must import os alone.
"""

import os


def parse(block: bytes) -> dict[bytes, bytes]:
    """
    Return the variables of an environment block, in their order.

    Args:
        block: ``NAME=value`` entries, each ended by a zero byte, as in ``/proc/<pid>/environ``.

    Returns:
        The first value of each name, as getenv(3) sees it. Entries without a name cannot be handed to execve by Python and are left out.
    """
    variables: dict[bytes, bytes] = {}
    for entry in block.split(b"\0"):
        name, equals, value = entry.partition(b"=")
        if name and equals:
            variables.setdefault(name, value)
    return variables


def original_environment() -> dict[bytes, bytes]:
    """Return the environment this program was started with; where the kernel does not show it, the present one."""
    try:
        descriptor = os.open("/proc/self/environ", os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, AttributeError):
        return dict(os.environb) if os.supports_bytes_environ else {os.fsencode(k): os.fsencode(v) for k, v in os.environ.items()}
    try:
        parts = []
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
    finally:
        os.close(descriptor)
    return parse(b"".join(parts))
