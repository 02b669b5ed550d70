"""The servers that are compared: each writes a configuration for the same site, and is looked at from outside."""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One peer: writes its configuration, starts it pinned to a processor, and counts its CPU."""

    #: The program of a peer, and the Debian packages that bring it.
    program = packages = None
    speaks_tls = speaks_tls13 = True

    @classmethod
    def is_here(cls):
        return cls.program is None or Path(cls.program).exists()

    def __init__(self, root, dist, workers=1):
        self.root, self.dist, self.workers = root, dist, workers
        self.ports = {False: free_port(), True: free_port()}
        self.process = None

    def start(self, pinned=True, patience=10):
        (self.root / self.name).mkdir(exist_ok=True)
        command = ["taskset", "-c", "0", *self.command()] if pinned else self.command()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=open(self.root / f"{self.name}.err", "wb"))
        deadline = time.monotonic() + patience
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.ports[False]), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise SystemExit(f"{self.name} does not start: {(self.root / f'{self.name}.err').read_text()}")
                time.sleep(0.05)

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        self.process.wait(10)

    def reload(self):
        """A graceful reload by the server's own means."""
        raise NotImplementedError

    def children(self, pid):
        return [child for task in Path(f"/proc/{pid}/task").glob("*/children") for child in map(int, task.read_text().split())]

    def processes(self):
        """The server's process and everything below it."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            todo += self.children(pid)
        return found

    def memory(self):
        """Bytes that its processes have for themselves, what they share counted in parts (PSS)."""
        total = 0
        for pid in self.processes():
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) << 10
        return total

    def cpu(self):
        """Seconds that its threads have had a processor for, to the nanosecond: /proc/PID/stat counts in hundredths."""
        total = 0
        for pid in self.processes():
            for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int(task.read_text().split()[0])
        return total / 1e9


class Apus(Server):
    name = "apus"

    def command(self):
        modules = "".join(
            f"LoadModule {name}_module {self.dist}/modules/mod_{name}.so\n"
            for name in ("mime", "dir", "alias", "log_config", "authz_core", "socache_shmcb", "ssl", "welcome")
        )
        (self.root / "apus/httpd.conf").write_text(
            f"""{modules}
ServerRoot {self.root}/apus
PidFile apus.pid
ErrorLog error_log
Workers {self.workers}
Listen 127.0.0.1:{self.ports[False]}
Listen 127.0.0.1:{self.ports[True]}
ServerName localhost
MaxKeepAliveRequests 0
KeepAliveTimeout 300
TypesConfig {self.dist}/conf/mime.types
DocumentRoot {self.root}/site
<Directory />
    Require all denied
</Directory>
<Directory {self.root}/site>
    Require all granted
</Directory>
LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
CustomLog access_log combined
SSLSessionCache shmcb:sessions(10000000)
<VirtualHost *:{self.ports[True]}>
    SSLEngine on
    SSLCertificateFile {self.root}/server.pem
    SSLCertificateKeyFile {self.root}/server.key
</VirtualHost>
"""
        )
        return [f"{self.dist}/bin/apus", "-f", f"{self.root}/apus/httpd.conf", "-DFOREGROUND"]

    def reload(self):
        subprocess.run([f"{self.dist}/bin/apus", "-f", f"{self.root}/apus/httpd.conf", "-k", "graceful"], check=True)

    def leaders(self):
        return self.children(self.process.pid)

    def worker_pids(self):
        return [pid for leader in self.leaders()[-1:] for pid in self.children(leader)]


class Nginx(Server):
    name = "nginx"
    program = "/usr/sbin/nginx"
    packages = "nginx-light"

    def command(self):
        (self.root / "nginx/nginx.conf").write_text(
            f"""worker_processes {self.workers};
daemon off;
pid {self.root}/nginx/pid;
error_log {self.root}/nginx/error_log;
worker_rlimit_nofile 40000;
events {{ worker_connections 16384; }}
http {{
    types {{ text/html html; application/octet-stream bin; }}
    access_log {self.root}/nginx/access_log combined;
    sendfile on;
    keepalive_requests 1000000000;
    keepalive_timeout 300;
    client_body_temp_path {self.root}/nginx/b; proxy_temp_path {self.root}/nginx/p; fastcgi_temp_path {self.root}/nginx/f;
    uwsgi_temp_path {self.root}/nginx/u; scgi_temp_path {self.root}/nginx/s;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:sessions:10m;
    server {{
        listen 127.0.0.1:{self.ports[False]};
        listen 127.0.0.1:{self.ports[True]} ssl;
        ssl_certificate {self.root}/server.pem;
        ssl_certificate_key {self.root}/server.key;
        root {self.root}/site;
    }}
}}
"""
        )
        return ["/usr/sbin/nginx", "-c", f"{self.root}/nginx/nginx.conf"]

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def worker_pids(self):
        return self.children(self.process.pid)


class Apache(Server):
    """Debian's apache2 with the event MPM, its number of processes fixed."""

    name = "apache2"
    program = "/usr/sbin/apache2"
    packages = "apache2-bin"

    def command(self):
        modules = "".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
            for name in ("mpm_event", "mime", "dir", "alias", "authz_core", "socache_shmcb", "ssl")
        )
        (self.root / "apache2/httpd.conf").write_text(
            f"""{modules}
ServerRoot {self.root}/apache2
DefaultRuntimeDir {self.root}/apache2
PidFile {self.root}/apache2/pid
ErrorLog error_log
StartServers {self.workers}
ServerLimit {self.workers * 8}
ThreadsPerChild 64
MaxRequestWorkers {self.workers * 64}
MinSpareThreads {self.workers * 64}
MaxSpareThreads {self.workers * 64}
AsyncRequestWorkerFactor 200
User www-data
Group www-data
Listen 127.0.0.1:{self.ports[False]}
Listen 127.0.0.1:{self.ports[True]} https
ServerName localhost
MaxKeepAliveRequests 0
KeepAliveTimeout 300
TypesConfig {self.dist}/conf/mime.types
DocumentRoot {self.root}/site
<Directory {self.root}/site>
    Require all granted
</Directory>
LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
CustomLog access_log common
SSLSessionCache shmcb:{self.root}/apache2/sessions(10000000)
<VirtualHost *:{self.ports[True]}>
    SSLEngine on
    SSLCertificateFile {self.root}/server.pem
    SSLCertificateKeyFile {self.root}/server.key
</VirtualHost>
"""
        )
        return ["/usr/sbin/apache2", "-f", f"{self.root}/apache2/httpd.conf", "-DFOREGROUND"]

    def reload(self):
        self.process.send_signal(signal.SIGUSR1)

    def worker_pids(self):
        return self.children(self.process.pid)


class H2o(Server):
    name = "h2o"
    speaks_tls13 = False
    program = "/usr/bin/h2o"
    packages = "h2o"

    def command(self):
        (self.root / "h2o/h2o.conf").write_text(
            f"""num-threads: {self.workers}
max-connections: 16384
http1-request-timeout: 300
user: {"nobody" if os.geteuid() == 0 else os.environ.get("USER", "nobody")}
listen:
  host: 127.0.0.1
  port: {self.ports[False]}
listen:
  host: 127.0.0.1
  port: {self.ports[True]}
  ssl:
    certificate-file: {self.root}/server.pem
    key-file: {self.root}/server.key
access-log: {self.root}/h2o/access_log
hosts:
  default:
    paths:
      "/":
        file.dir: {self.root}/site
"""
        )
        return ["/usr/bin/h2o", "-c", f"{self.root}/h2o/h2o.conf"]


class Lighttpd(Server):
    name = "lighttpd"
    program = "/usr/sbin/lighttpd"
    packages = "lighttpd lighttpd-mod-openssl"

    def command(self):
        (self.root / "lighttpd/lighttpd.conf").write_text(
            f"""server.modules = ("mod_accesslog", "mod_openssl")
server.document-root = "{self.root}/site"
server.port = {self.ports[False]}
server.bind = "127.0.0.1"
server.errorlog = "{self.root}/lighttpd/error_log"
accesslog.filename = "{self.root}/lighttpd/access_log"
mimetype.assign = (".html" => "text/html", "" => "application/octet-stream")
server.max-keep-alive-requests = 1000000000
server.max-keep-alive-idle = 300
server.max-connections = 16384
server.max-fds = 40000
$SERVER["socket"] == "127.0.0.1:{self.ports[True]}" {{
    ssl.engine = "enable"
    ssl.pemfile = "{self.root}/server.pem"
    ssl.privkey = "{self.root}/server.key"
}}
"""
        )
        return ["/usr/sbin/lighttpd", "-D", "-f", f"{self.root}/lighttpd/lighttpd.conf"]

    def reload(self):
        self.process.send_signal(signal.SIGUSR1)


class Floor(Server):
    """What the kernel alone costs: bench/floor.c."""

    name = "floor"
    speaks_tls = False

    def command(self):
        program = self.root / "floor/floor"
        subprocess.run(["cc", "-O2", "-o", program, Path(__file__).parent / "floor.c"], check=True)
        site = self.root / "site"
        return [str(program), str(self.ports[False]), str(site / "1k.html"), str(site / "100k.bin")]


def prepare(root):
    site = root / "site"
    site.mkdir()
    (site / "1k.html").write_bytes(b"x" * 1024)
    (site / "100k.bin").write_bytes(os.urandom(100 << 10))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", root / "server.key", "-out", root / "server.pem"],
        check=True, capture_output=True,
    )
    for path in [root, *root.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o644)
