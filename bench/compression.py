#!/usr/bin/python3
"""What compressing an answer costs: Apus, nginx and apache2 at the same level, interleaved in one run.

One worker on one processor, the client (`wrk`) on another; processor time of the server's processes divided by the answers that
came, as in compare.py. The body is text. The level of gzip, or quality of brotli, is said to each server; windows and memory are
each server's own, so the lengths of the answers are shown, too. nginx knows brotli by a module (Debian:
libnginx-mod-http-brotli-filter); --nginx-brotli says where it lies.
Usage: bench/compression.py [--dist DIR] [--rounds N] [--seconds N] [--kibibytes N] [--nginx-brotli FILE]
"""

import argparse
import random
import statistics
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from compare import Wrk
from peers import Apache, Apus, Nginx, prepare

TOP = Path(__file__).resolve().parent.parent
GZIP_LEVELS = (1, 6)
BROTLI_QUALITIES = (1, 5)


class WithDirectives:
    """Adds the same lines to the configuration of Apus and of apache2."""

    def command(self):
        line = super().command()
        with open(self.root / self.name / "httpd.conf", "a") as file:
            file.write("".join(f"LoadModule {name}_module {self.modules()}/mod_{name}.so\n" for name in ("deflate", "brotli")))
            setting = "DeflateCompressionLevel" if self.coding == "gzip" else "BrotliCompressionQuality"
            file.write(f"{setting} {self.level}\nSetOutputFilter {'DEFLATE' if self.coding == 'gzip' else 'BROTLI_COMPRESS'}\n")
        return line


class CompressingApus(WithDirectives, Apus):
    def modules(self):
        return f"{self.dist}/modules"


class CompressingApache(WithDirectives, Apache):
    def modules(self):
        return "/usr/lib/apache2/modules"


class CompressingNginx(Nginx):
    brotli = Path("/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so")

    def command(self):
        line = super().command()
        file = self.root / self.name / "nginx.conf"
        text = file.read_text()
        name = "gzip" if self.coding == "gzip" else "brotli"
        lines = f"{name} on; {name}_comp_level {self.level}; {name}_min_length 0; {name}_types *;"
        text = text.replace("http {", f"http {{\n    {lines}", 1)
        if self.coding == "br":
            text = f"load_module {self.brotli};\n" + text
        file.write_text(text)
        return line


def body(kibibytes):
    """Text as pages have it: words, some far more often than others."""
    source = random.Random(5)
    words = ["".join(source.choice("etaoinshrdlucmfwyp") for _ in range(source.randint(2, 9))) for _ in range(2000)]
    weights = [1 / (place + 1) for place in range(len(words))]
    text = ""
    while len(text) < kibibytes << 10:
        text += " ".join(source.choices(words, weights, k=12)) + ".\n"
    return text[: kibibytes << 10].encode()


def length_of(server, coding):
    """Bytes of an answer's body, as they come."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.ports[False]}/text.html", headers={"Accept-Encoding": coding})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Content-Encoding"] == coding, f"{server.name} does not encode"
        return len(answer.read())


def measure(kinds, root, dist, coding, level, rounds, seconds):
    """For each server: microseconds of processor time an answer, and the bytes of one."""
    servers = []
    workload = Wrk("", "/text.html", extra=["-H", f"Accept-Encoding: {coding}"])
    try:
        for kind in kinds:
            server = kind(root, dist)
            server.coding, server.level = coding, level
            server.start()
            servers.append(server)
        lengths = {server.name: length_of(server, coding) for server in servers}
        costs = {server.name: [] for server in servers}
        for _ in range(rounds):
            for server in servers:
                before = server.cpu()
                count = workload.run(server, seconds)
                costs[server.name].append((server.cpu() - before) / count * 1e6)
        return {name: (statistics.median(figures), lengths[name]) for name, figures in costs.items()}
    finally:
        for server in servers:
            server.stop()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--dist", default=TOP / "dist")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=int, default=2)
    arguments.add_argument("--kibibytes", type=int, default=100)
    arguments.add_argument("--nginx-brotli", type=Path)
    options = arguments.parse_args()
    if options.nginx_brotli:
        CompressingNginx.brotli = options.nginx_brotli.resolve()
    kinds = [kind for kind in (CompressingApus, CompressingNginx, CompressingApache) if kind.is_here()]
    names = [kind.name for kind in kinds]
    print(f"| {options.kibibytes} KiB of text | " + " | ".join(f"{name}, µs (bytes)" for name in names) + " |")
    print("|---" * (len(names) + 1) + "|")
    with tempfile.TemporaryDirectory(prefix="apus-bench-") as directory:
        root = Path(directory)
        root.chmod(0o755)
        prepare(root)
        (root / "site/text.html").write_bytes(body(options.kibibytes))
        for coding, levels in (("gzip", GZIP_LEVELS), ("br", BROTLI_QUALITIES)):
            able = [kind for kind in kinds if coding == "gzip" or kind is not CompressingNginx or CompressingNginx.brotli.exists()]
            for level in levels:
                found = measure(able, root, Path(options.dist).resolve(), coding, level, options.rounds, options.seconds)
                cells = [f"{found[name][0]:,.0f} ({found[name][1]:,})" if name in found else "–" for name in names]
                print(f"| {coding}, {level} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
