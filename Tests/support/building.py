"""Compiles modules in C against the shipped header, with the one line that the module guide shows."""

import pathlib
import subprocess

from .server import DISTRIBUTION


def build_module(source, directory, name, *, flags=()):
    """Compiles C text into `directory`/mod_`name`.so and returns its path; a warning is a failure."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    text, product = directory / f"mod_{name}.c", directory / f"mod_{name}.so"
    text.write_text(source)
    compile_shared(text, product, f"-I{DISTRIBUTION / 'include'}", *flags)
    return product


def compile_shared(source, product, *flags):
    """`cc -shared -fPIC`, so that a module needs no more than a C compiler."""
    line = ["cc", "-shared", "-fPIC", "-Wall", "-Werror", *map(str, flags), "-o", str(product), str(source)]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(line)}\n{done.stderr}"
