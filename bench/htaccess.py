#!/usr/bin/python3
"""What four .htaccess files on the way to a file cost a request: Apus beside Debian's apache2, in turns.

Usage: bench/htaccess.py [--dist DIR] [--rounds 5] [--seconds 2]

Each server serves a file four directories deep, once with AllowOverride None and once with All and a .htaccess file in each
directory. Printed is the processor time of a request, the best of the rounds, and what the files add.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from peers import Apache, Apus, prepare

DIRECTORIES = ("a", "a/b", "a/b/c", "a/b/c/d")
RULES = {
    "None": "",
    "All": "AddDefaultCharset utf-8\nErrorDocument 404 /404.html\nDirectoryIndex index.html\nAddType text/plain .note\n",
}


class Site:
    """A peer that reads .htaccess files, or does not."""

    def __init__(self, kind, root, dist, override):
        self.server = kind(root, dist)
        self.name, self.override = kind.name, override
        (root / self.name).mkdir(exist_ok=True)
        command = self.server.command()
        configuration = Path(command[command.index("-f") + 1])
        # Each of the four has a file of its own, and logs in one directory.
        own = configuration.with_name(f"{override}.conf")
        text = configuration.read_text().replace("PidFile ", f"PidFile {override}.")
        text = re.sub(r"PidFile \w+\.(/\S*/)", rf"PidFile \1{override}.", text)
        own.write_text(text + f"<Directory {root}/site/a>\n    AllowOverride {override}\n</Directory>\n")
        command[command.index("-f") + 1] = str(own)
        self.server.command = lambda: command
        self.best = None

    def measure(self, seconds):
        before = self.server.cpu()
        url = f"http://127.0.0.1:{self.server.ports[False]}/a/b/c/d/1k.html"
        text = subprocess.run(["wrk", "-t1", "-c64", f"-d{seconds}s", url], capture_output=True, text=True, check=True).stdout
        assert "Non-2xx" not in text, text
        cost = (self.server.cpu() - before) / int(re.search(r"(\d+) requests in", text)[1]) * 1e6
        self.best = min(cost, self.best or cost)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--dist", type=Path, default=Path(__file__).resolve().parent.parent / "dist")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=2)
    chosen = options.parse_args()
    root = Path(tempfile.mkdtemp(prefix="apus-htaccess-"))
    root.chmod(0o755)
    try:
        prepare(root)
        for directory in DIRECTORIES:
            (root / "site" / directory).mkdir()
            (root / "site" / directory / ".htaccess").write_text(RULES["All"])
        shutil.copy(root / "site/1k.html", root / "site/a/b/c/d/1k.html")
        kinds = [kind for kind in (Apus, Apache) if kind.is_here()]
        sites = [Site(kind, root, chosen.dist.resolve(), override) for kind in kinds for override in RULES]
        for _ in range(chosen.rounds):
            for site in sites:
                site.server.start()
                site.measure(1)
                site.measure(chosen.seconds)
                site.server.stop()
        tell(kinds, sites)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def tell(kinds, sites):
    best = {(site.name, site.override): site.best for site in sites}
    print("| processor time of a request, µs | AllowOverride None | four .htaccess files | more |\n|---|---|---|---|")
    for kind in kinds:
        plain, files = best[kind.name, "None"], best[kind.name, "All"]
        print(f"| {kind.name} | {plain:.2f} | {files:.2f} | {(files / plain - 1) * 100:+.1f} % |")


if __name__ == "__main__":
    main()
