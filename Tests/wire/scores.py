#!/usr/bin/env python3
"""Plays the framing vectors to Apus, Debian's apache2 and nginx, and prints how many each answers as Apus must.

    APUS_DIST=dist Tests/wire/scores.py [--write docs/wire-vectors.md]

A server that does what a vector demands of Apus meets it. One that answers otherwise is not therefore broken: the vectors
ask for more than the RFCs do where peers are known to disagree about the end of a request.
"""

import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support import vectors  # noqa: E402
from support.server import Apache, Apus, Server  # noqa: E402
from support.site import VECTOR_CONFIG, make_vector_site  # noqa: E402

#: How long a server may be silent before that counts as its answer.
PATIENCE = 1.5

NGINX_CONFIG = """\
daemon off;
worker_processes 1;
pid @ROOT@/run/httpd.pid;
error_log @ROOT@/logs/error.log;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path @ROOT@/run/body;
    proxy_temp_path @ROOT@/run/proxy;
    fastcgi_temp_path @ROOT@/run/fastcgi;
    uwsgi_temp_path @ROOT@/run/uwsgi;
    scgi_temp_path @ROOT@/run/scgi;
    default_type text/plain;
    server {
        listen 127.0.0.1:@PORT@;
        server_name localhost;
        root @HTDOCS@;
        index index.html;
        disable_symlinks on;
        error_page 405 =200 $uri;
        location /denied/ { deny all; }
        location /off { deny all; }
        location ~ /\\.ht { deny all; }
    }
}
"""


class Nginx(Server):
    """nginx with its defaults, serving the same files, and answering POST with the file as the others do."""

    name = "nginx"
    program = pathlib.Path("/usr/sbin/nginx")

    def command(self, *_):
        return [str(self.program), "-c", str(self.config_file), "-e", str(self.root / "logs" / "error.log")]


def play(server):
    """Each vector with what it came to: None, or how the outcome differs."""
    results = []
    for vector in vectors.load(HERE / "vectors.toml"):
        try:
            outcome = vectors.play(vector, server.port, len(vector.answers), PATIENCE)
            results.append((vector, vector.mismatch(outcome, "apus")))
        except AssertionError as problem:
            results.append((vector, str(problem).split("\n")[0]))
    return results


def run(server_class):
    if not server_class.program.exists():
        return None
    config, options = (NGINX_CONFIG, {"prelude": False}) if server_class is Nginx else (VECTOR_CONFIG, {})
    with server_class(config, **options) as server:
        make_vector_site(server)
        return play(server)


def table(scores):
    """Rows by group, one column a server, as Markdown."""
    names = list(scores)
    groups = list(dict.fromkeys(vector.group for vector, _ in next(iter(scores.values()))))
    lines = ["| Group | Vectors | " + " | ".join(names) + " |", "|---|--:|" + "--:|" * len(names)]
    for group in [*groups, None]:
        chosen = {name: [met for v, met in results if group in (v.group, None)] for name, results in scores.items()}
        counts = " | ".join(str(sum(problem is None for problem in chosen[name])) for name in names)
        lines.append(f"| {group or '**all**'} | {len(chosen[names[0]])} | {counts} |")
    return "\n".join(lines)


def differences(scores):
    lines = []
    for name, results in scores.items():
        missed = [(vector, problem) for vector, problem in results if problem]
        lines.append(f"\n## {name}: {len(missed)} differ\n")
        lines += [f"* `{vector.name}`: {problem.replace('|', '/')}" for vector, problem in missed]
    return "\n".join(lines)


INTRODUCTION = """\
# Framing vectors

`Tests/wire/vectors.toml` holds requests as bytes, with what must come back and whether the connection must stay open. All of
them pass on Apus in every run of the tests. `Tests/wire/scores.py --write docs/wire-vectors.md` plays them to other servers
and makes this page: how many each answers exactly as is demanded of Apus, which is stricter than the RFCs where peers are
known to disagree.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", type=pathlib.Path, help="a Markdown file for the result")
    arguments = parser.parse_args()
    scores = {server.name: results for server in (Apus, Apache, Nginx) if (results := run(server))}
    text = f"{INTRODUCTION}\n{table(scores)}\n{differences(scores)}\n"
    print(text)
    if arguments.write:
        arguments.write.write_text(text)


if __name__ == "__main__":
    main()
