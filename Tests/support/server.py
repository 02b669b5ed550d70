"""Servers under test: Apus, and Debian's apache2 as its oracle, behind one interface.

Configuration text may hold the placeholders @ROOT@ (the temporary server root), @HTDOCS@, @MODULES@, @PORT@
and @PORT1@, @PORT2@ and so on. Braces and dollar signs belong to the configuration language itself.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from .ports import PortReservation, accepts
from .waiting import PATIENCE, wait_until

PROJECT = pathlib.Path(__file__).resolve().parents[2]
DISTRIBUTION = pathlib.Path(os.environ.get("APUS_DIST", PROJECT / "dist")).resolve()

DEFAULT_MODULES = ("authz_core", "mime", "dir", "alias", "log_config")

MIME_TYPES = """\
text/html                    html htm
text/plain                   txt text log
text/css                     css
text/csv                     csv
text/markdown                md
text/javascript              js mjs
application/json             json
application/xml              xml
application/pdf              pdf
application/zip              zip
application/gzip             gz
application/wasm             wasm
application/x-tar            tar
application/octet-stream     bin
image/png                    png
image/jpeg                   jpg jpeg
image/gif                    gif
image/svg+xml                svg svgz
image/x-icon                 ico
audio/mpeg                   mp3
video/mp4                    mp4
font/woff2                   woff2
"""

PRELUDE = """\
ServerRoot "@ROOT@"
PidFile "@ROOT@/run/httpd.pid"
ErrorLog "@ROOT@/logs/error.log"
@IDENTITY@
@LOADMODULES@
ServerName localhost
@LISTEN@
@TYPES@
@ACCESSLOG@
DocumentRoot "@HTDOCS@"
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all denied
</Directory>
<Directory "@HTDOCS@">
    Require all granted
</Directory>
"""


def running_as_root():
    return os.geteuid() == 0


def world_readable_directory():
    """A new temporary directory that workers running as another user can enter (pytest's own is private)."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="apus-test-"))
    path.chmod(0o755)
    return path


def refusal(kind, config, **options):
    """What a server of a class prints about a configuration that it must refuse."""
    with kind(config, start=False, **options) as server:
        done = server.run("-t")
        assert done.returncode == 1, server.name
        return done.stderr


class Server:
    """A configured server in a temporary root; `with` starts it and stops it again.

    `config` follows the common prelude; with `prelude=False` it is the whole file. `start=False` only writes
    the files, for tests of the command line. `htdocs` is a site made before, `arguments` go to every command.
    """

    name = None
    program = None
    modules_directory = None
    builtin_modules = ()
    extra_config = ""

    def __init__(
        self,
        config="",
        *,
        modules=DEFAULT_MODULES,
        ports=1,
        htdocs=None,
        prelude=True,
        start=True,
        arguments=(),
        environment=None,
    ):
        self.modules = tuple(modules)
        self._environment = environment and {**os.environ, **environment}
        self._start = start
        self._arguments = tuple(arguments)
        self._reservation = PortReservation(ports)
        self.ports = self._reservation.ports
        self.root = world_readable_directory()
        self.htdocs = pathlib.Path(htdocs) if htdocs else self.root / "htdocs"
        self.config_file = self.root / "conf" / "httpd.conf"
        self.process = None
        for directory in ("conf", "logs", "run", "htdocs"):
            (self.root / directory).mkdir()
        (self.root / "conf" / "mime.types").write_text(MIME_TYPES)
        self.write_config(config, prelude=prelude)

    # Configuration

    @property
    def port(self):
        return self.ports[0]

    def load_module_lines(self):
        return "\n".join(
            f"LoadModule {name}_module {self.module_path(name)}"
            for name in self.modules
            if name not in self.builtin_modules
        )

    def module_path(self, name):
        return f"{self.modules_directory}/mod_{name}.so"

    def fill(self, text):
        """Replaces the placeholders of configuration text (or of a request)."""
        identity = "User www-data\nGroup www-data" if running_as_root() else ""
        values = {
            "@LOADMODULES@": self.extra_config + self.load_module_lines(),
            "@IDENTITY@": identity,
            "@LISTEN@": "\n".join(f"Listen 127.0.0.1:{port}" for port in self.ports),
            "@TYPES@": 'TypesConfig "@ROOT@/conf/mime.types"' if "mime" in self.modules else "",
            "@ACCESSLOG@": (
                'CustomLog "@ROOT@/logs/access.log" "%h %l %u %t \\"%r\\" %>s %b"'
                if "log_config" in self.modules
                else ""
            ),
            "@MODULES@": str(self.modules_directory),
            "@HTDOCS@": str(self.htdocs),
            "@ROOT@": str(self.root),
            "@PORT@": str(self.ports[0]),
        }
        values.update({f"@PORT{number}@": str(port) for number, port in enumerate(self.ports, 1)})
        for mark, value in values.items():
            text = text.replace(mark, value)
        return text

    def with_marks(self, text):
        """The reverse of `fill`, of text or bytes: the ports are replaced by marks where they stand as numbers of their own."""
        for number, port in enumerate(self.ports, 1):
            pattern, mark = rf"(?<!\d){port}(?!\d)", f"@PORT{number}@"
            text = re.sub(pattern.encode(), mark.encode(), text) if isinstance(text, bytes) else re.sub(pattern, mark, text)
        return text

    def write_config(self, config, *, prelude=True):
        self.config_file.write_text(self.fill((PRELUDE if prelude else "") + config))

    def line_of(self, marker):
        """The number of the only line of the configuration that is `marker`, or else that holds it."""
        lines = list(enumerate(self.config_file.read_text().splitlines(), 1))
        exact = [number for number, line in lines if line.strip() == marker]
        (number,) = exact or [number for number, line in lines if marker in line]
        return number

    def put(self, path, content):
        """Writes a file below the document root and returns its path."""
        target = self.htdocs / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return target

    # Running

    def command(self, *arguments):
        return [
            str(self.program),
            "-f",
            str(self.config_file),
            "-d",
            str(self.root),
            *self._arguments,
            *arguments,
        ]

    def run(self, *arguments):
        """Runs the program to its end with the given arguments, for `-t`, `-S`, `-k start` and their like."""
        return self._run_to_end(self.command(*arguments))

    def run_plain(self, *arguments):
        """The same without the options that name this server."""
        return self._run_to_end([str(self.program), *arguments])

    def _run_to_end(self, command):
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=3 * PATIENCE,
            env=self._environment,
        )

    def start(self):
        """Starts in the foreground and returns when every port accepts.

        The server gets a session of its own: httpd's leader signals its whole process group when it stops.
        """
        self._console = open(self.root / "logs" / "console", "w+b")
        self.process = subprocess.Popen(
            self.command("-DFOREGROUND"),
            stdin=subprocess.DEVNULL,
            stdout=self._console,
            stderr=self._console,
            start_new_session=True,
            env=self._environment,
        )
        try:
            wait_until(self._is_ready, f"{self.name} to accept on {self.ports}")
        except BaseException:
            self._kill()
            raise
        return self

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(
                f"{self.name} exited with {self.process.returncode} at start{self.diagnosis()}"
            )
        return self._has_pid_file() and all(accepts(port) for port in self.ports)

    def _has_pid_file(self):
        """Written when the workers serve: the kernel takes connections before that."""
        path = self.root / "run" / "httpd.pid"
        if str(path) not in self.config_file.read_text():
            return True
        return path.exists() and path.read_text().strip() == str(self.process.pid)

    def stop(self):
        """Ends the server by SIGTERM and asserts that it went cleanly and let go of its ports."""
        if self.process is None:
            return
        process, status = self.process, self.process.poll()
        if status is not None:
            self.process = None
            raise AssertionError(
                f"{self.name} had died before it was stopped, status {status}{self.diagnosis()}"
            )
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._kill()
            raise AssertionError(f"{self.name} did not stop on SIGTERM{self.diagnosis()}") from None
        self.process = None
        assert status == 0, f"{self.name} exited with {status} on SIGTERM{self.diagnosis()}"
        wait_until(
            lambda: not any(accepts(port) for port in self.ports), f"{self.name} to let go of {self.ports}"
        )

    def _kill(self):
        """Ends the process group that `start` made: a leader that hangs must not leave its workers behind."""
        process, self.process = self.process, None
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait(timeout=PATIENCE)

    def discard(self):
        """Gives back the ports and removes the temporary root."""
        self._reservation.release()
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start() if self._start else self
        except BaseException:
            self.discard()
            raise

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            self.discard()

    # Logs

    def _read(self, name):
        path = self.root / "logs" / name
        return path.read_text(errors="replace") if path.exists() else ""

    def error_log(self):
        return self._read("error.log")

    def access_log(self):
        return self._read("access.log")

    def console(self):
        """What the foreground process printed."""
        return self._read("console")

    def wait_for_log(self, pattern, log="error"):
        """Waits for a match of the regular expression in the error (or access) log and returns the match."""
        read = self.access_log if log == "access" else self.error_log
        return wait_until(
            lambda: re.search(pattern, read(), re.MULTILINE),
            lambda: f"{pattern!r} in the {log} log:\n{read()}",
        )

    def diagnosis(self):
        """Console and error log, for failure messages."""
        return f"\n--- console\n{self.console()}\n--- error log\n{self.error_log()}"

    # Differences of the two servers that tests must know

    def reports_error_at(self, output, line, path=None):
        raise NotImplementedError


class Apus(Server):
    """The server of this project, as `make` staged it."""

    name = "apus"
    program = DISTRIBUTION / "bin" / "apus"
    modules_directory = DISTRIBUTION / "modules"

    def reports_error_at(self, output, line, path=None):
        """Whether `output` has an error of the form file:line:column: error: message for that line."""
        return bool(
            re.search(
                rf"^{re.escape(str(path or self.config_file))}:{line}:\d+: error: \S", output, re.MULTILINE
            )
        )


class Apache(Server):
    """Debian's apache2 with the event MPM: what Apus is compared with."""

    name = "apache2"
    program = pathlib.Path("/usr/sbin/apache2")
    modules_directory = pathlib.Path("/usr/lib/apache2/modules")
    builtin_modules = ("log_config", "logio")
    extra_config = (
        'DefaultRuntimeDir "@ROOT@/run"\nLoadModule mpm_event_module @MODULES@/mod_mpm_event.so\n'
        "StartServers 1\nThreadsPerChild 16\nMinSpareThreads 1\nMaxSpareThreads 32\n"
        "MaxRequestWorkers 16\nServerLimit 1\n"
    )

    def reports_error_at(self, output, line, path=None):
        return f"on line {line} of {path or self.config_file}" in output


SERVERS = {"apus": Apus, "apache2": Apache}
