"""Configuration that nobody would write gets a clear message, quickly, and never ends the program by a signal."""

import pathlib
import re
import subprocess

import pytest

from support.server import DISTRIBUTION


def outcome(server, **options):
    done = server.run("-t", **options)
    assert done.returncode == 1, (done.returncode, done.stderr[:500])
    return done.stderr


CASES = {
    "binary": (bytes(range(256)) * 64, r"unknown directive|NUL"),
    "NUL": (b"Listen 80\nTimeout 5\0 6\n", r":2:10: error: a NUL byte"),
    "long line": (b"Timeout " + b"1" * (1 << 20) + b"\n", r":1:9: error: Timeout: .* is not a time"),
    "long name": (b"x" * (1 << 20) + b" y\n", r":1:1: error: unknown directive xxx"),
    "too long": (b"Timeout \\\n" + (b"5" * 100 + b" \\\n") * 200_000, r"more than the 16777216 allowed"),
    "many words": (b"ServerTokens" + b" x" * 500_000 + b"\n", r"ServerTokens: takes one argument, but 500000 are given"),
    "deep sections": (b"<Location /x>\n" * 2000, r"never closed"),
    "deep conditionals": (b"<IfModule core_module>\n" * 5000 + b"Nonsense\n", r":5001:1: error: unknown directive Nonsense"),
    "only brackets": (b"<<<<>>>>\n</>\n<>\n< >\n", r"error"),
    "no end": (b"Timeout \\", r"is not a time"),
    "endless macro": (b"<Macro a>\nUse b\nUse b\n</Macro>\n<Macro b>\nUse a\n</Macro>\nUse a\n", r"uses itself"),
    "macros that double": (b"".join(b"<Macro m%d $x>\nUse m%d $x$x\n</Macro>\n" % (n, n + 1) for n in range(20)) + b"<Macro m20 $x>\n$x\n</Macro>\nUse m0 y\n", r"unknown directive y"),
    "macros that grow": (b"".join(b"<Macro m%d $x>\nUse m%d $x$x\n</Macro>\n" % (n, n + 1) for n in range(60)) + b"<Macro m60 $x>\n$x\n</Macro>\nUse m0 y\n", r"macros come to more than 268435456 bytes"),
    "macros that multiply": (b"".join(b"<Macro m%d>\nUse m%d\nUse m%d\n</Macro>\n" % (n, n + 1, n + 1) for n in range(60)) + b"<Macro m60>\n</Macro>\nUse m0\n", r"macros come to more than 268435456 bytes"),
    "bad regex": (b"<LocationMatch '((((a+)+)+'>\n</LocationMatch>\n", r"cannot be compiled"),
    "not UTF-8": (b"ServerAdm\xffin \xfe\n", r"unknown directive ServerAdm"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_clear_message(apus, name):
    content, message = CASES[name]
    with apus("", start=False) as server:
        server.config_file.write_bytes(content)
        text = outcome(server)
        assert re.search(message, text), text[:1000]
        assert max(map(len, text.splitlines())) < 2000


def test_recursive_inclusion(apus):
    with apus('Include "@ROOT@/conf/a.conf"\n', start=False) as server:
        for one, other in ("ab", "ba"):
            (server.root / f"conf/{one}.conf").write_text(f'Include "{server.root}/conf/{other}.conf"\n')
        text = outcome(server)
        assert "files are included more than 128 deep" in text and "a.conf includes" in text


def test_a_directory_that_includes_itself(apus):
    with apus('Include "@ROOT@/conf/d"\n', start=False) as server:
        (server.root / "conf/d").mkdir()
        (server.root / "conf/d/loop").symlink_to(".")
        assert "nested more than" in outcome(server)


@pytest.mark.skipif(not pathlib.Path("/etc/apache2/apache2.conf").exists(), reason="needs Debian's configuration of apache2")
def test_debian_configuration(apus):
    """Nothing is missing but modules, and what they bring."""
    command = f". /etc/apache2/envvars; exec {DISTRIBUTION}/bin/apus -d /etc/apache2 -f apache2.conf -t"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True)
    errors = [line for line in done.stderr.splitlines() if ": error: " in line]
    missing = re.findall(r"cannot load (\w+)_module .*no module of its own", done.stderr)
    # The directory of the PidFile is made when Debian's service starts.
    errors = [line for line in errors if "PidFile: /var/run/apache2/" not in line]
    left = [line for line in errors if "no module of its own" not in line and not any(f"{name}_module" in line for name in missing)]
    assert not left, (missing, left)
    assert "log_config_module, which Debian's httpd has built in, is loaded for LogFormat" in done.stderr
