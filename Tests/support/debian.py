"""Debian's own /etc/apache2 in a root of its own: a mount and a network namespace in which its directories are copies."""

import base64
import pathlib
import shutil
import subprocess
import tempfile

from .server import DISTRIBUTION
from .waiting import PATIENCE, wait_until

#: What is covered by copies or by empty directories, so that the machine's own is neither seen nor changed.
COPIED = ("/etc/apache2", "/etc/ssl")
EMPTY = ("/var/www", "/var/log/apache2", "/var/lib/apache2", "/var/cache/apache2", "/usr/lib/cgi-bin", "/run")
#: Debian's modules are enabled like this when the package is installed.
DEFAULT_MODULES = (
    "authz_host auth_basic access_compat authn_file authz_user alias dir autoindex env mime negotiation setenvif filter deflate status "
    "reqtimeout authn_core authz_core mpm_event"
).split()


def missing():
    """Why Debian's tree cannot be used here, or None."""
    for path in ("/etc/apache2/apache2.conf", "/etc/apache2/envvars", "/usr/sbin/a2enmod", "/usr/share/apache2/default-site/index.html"):
        if not pathlib.Path(path).exists():
            return f"needs Debian's package apache2: there is no {path}"
    probe = subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True, text=True)
    return None if probe.returncode == 0 else f"needs namespaces of its own: {probe.stderr.strip()}"


class DebianRoot:
    """Debian's tree as the package installs it. `with` makes it and takes everything away again."""

    def __enter__(self):
        self._copies = pathlib.Path(tempfile.mkdtemp(prefix="apus-debian-"))
        self._copies.chmod(0o755)
        lines = []
        for path in COPIED:
            shutil.copytree(path, self._copies / path[1:], symlinks=True, ignore=shutil.ignore_patterns("*.dpkg-*"))
            shutil.copystat(path, self._copies / path[1:])
            lines.append(f"mount --bind '{self._copies}{path}' {path}")
        for path in EMPTY:
            lines.append(f"mkdir -p {path} && mount -t tmpfs -o mode=755 tmpfs {path}")
        script = "\n".join(["set -e", *lines, "ip link set lo up 2>/dev/null || true", "echo ready", "exec cat"])
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "--propagation", "private", "bash", "-c", script],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        if self._holder.stdout.readline() != "ready\n":
            self.__exit__()
            raise AssertionError("the root could not be made")
        self._restore()
        return self

    def __exit__(self, *_):
        self._holder.stdin.close()
        self._holder.wait(timeout=PATIENCE)
        self._holder.stdout.close()
        shutil.rmtree(self._copies, ignore_errors=True)

    def _restore(self):
        """What the machine's administrator may have enabled or disabled is put back as the package has it."""
        self.run(
            "rm -f /etc/apache2/{mods,sites,conf}-enabled/* && mkdir -p /var/www/html /run/apache2/socks /run/lock/apache2 && chown www-data /run/apache2/socks"
            " && cp /usr/share/apache2/default-site/index.html /var/www/html/index.html"
            f" && a2enmod -q {' '.join(DEFAULT_MODULES)}"
            " && a2enconf -q charset localized-error-pages other-vhosts-access-log security serve-cgi-bin"
            " && a2ensite -q 000-default"
        )

    def command(self, script):
        inside = ["nsenter", f"--target={self._holder.pid}", "--mount", "--net"]
        return [*inside, "bash", "-c", script]

    def run(self, script, check=True):
        """Runs a shell script in the root and returns what it printed."""
        done = subprocess.run(self.command(script), capture_output=True, text=True, timeout=6 * PATIENCE, errors="replace")
        assert not check or done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def put(self, path, text, mode=0o644):
        """Writes a file of the root."""
        subprocess.run(
            self.command(f"mkdir -p \"$(dirname '{path}')\" && cat > '{path}' && chmod {mode:o} '{path}'"), input=text.encode(), check=True
        )

    def log(self):
        return self.run("cat /var/log/apache2/error.log", check=False)

    def request(self, url, *fields):
        """The status, the fields by their names in lower case, and the body of an answer."""
        options = " ".join(f"-H '{field}'" for field in fields)
        text = self.run(f"curl -sk --max-time 10 --raw -i {options} '{url}' | base64 -w0")
        head, _, body = base64.b64decode(text).partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        return int(status.split()[1]), {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, body


class Running:
    """A server on Debian's tree, its envvars sourced; `with` starts and stops it."""

    #: Debian's own program, and ours in its place.
    PROGRAMS = {"apus": DISTRIBUTION / "bin" / "apus", "apache2": "/usr/sbin/apache2"}

    def __init__(self, root, name):
        self.root = root
        self.name = name

    def arguments(self, *words):
        program = self.PROGRAMS[self.name]
        return f". /etc/apache2/envvars && {program} -d /etc/apache2 -f /etc/apache2/apache2.conf {' '.join(words)}"

    def __enter__(self):
        outcome = self.root.run(self.arguments("-k", "start") + " 2>&1; echo status $?", check=False)
        assert "status 0" in outcome, f"{self.name} did not start: {outcome}\n{self.root.log()}"
        wait_until(lambda: self.root.run("curl -so /dev/null http://localhost/ && echo yes", check=False), f"{self.name} to serve")
        return self

    def __exit__(self, *_):
        self.root.run(self.arguments("-k", "stop"))
        wait_until(
            lambda: not self.root.run("curl -so /dev/null http://localhost/ && echo yes", check=False)
            and not self.root.run("ls /run/apache2/*.pid", check=False),
            f"{self.name} to end",
        )
