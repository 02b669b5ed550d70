#!/usr/bin/python3
"""Puts the server as `make run` serves it through testssl.sh: protocols, ciphers, preferences, certificate and vulnerabilities.

Usage: bench/testssl.py [--dist DIR] [--log FILE]     (Debian: testssl.sh)

Ends with 1 when a finding is above LOW. The whole output goes to FILE; it takes a few minutes.
"""

import argparse
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peers import free_port

TOP = Path(__file__).resolve().parent.parent
PROGRAM = "testssl"
PARTS = ["--protocols", "--std", "--server-preference", "--server-defaults", "--vulnerable"]
BAD = {"MEDIUM", "HIGH", "CRITICAL"}
#: What must be so here.
EXPECTED = {"cert_revocation": "an authority for development has no responder and no list"}


def stage(dist, tree):
    """A copy that workers of any user can read, with the ports changed and nothing else."""
    for name in ("bin", "lib", "modules", "conf", "htdocs"):
        shutil.copytree(dist / name, tree / name, symlinks=True)
    (tree / "logs").mkdir()
    subprocess.run([TOP / "tools/certificate", tree / "conf/tls"], check=True)
    ports = {"8080": str(free_port()), "8443": str(free_port())}
    file = tree / "conf/httpd.conf"
    text = file.read_text()
    for standard, port in ports.items():
        text = text.replace(standard, port)
    file.write_text(text)
    return ports["8443"]


def examine(port, authority, log):
    """testssl.sh's findings; what it prints goes to the log."""
    report = authority.parent / "testssl.json"
    line = [PROGRAM, *PARTS, "--add-ca", authority, "--jsonfile", report, "--color", "0", "--warnings", "batch", f"localhost:{port}"]
    done = subprocess.run(list(map(str, line)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if log:
        log.write_text(done.stdout)
    if not report.exists():
        sys.exit(f"testssl.sh says nothing:\n{done.stdout}")
    return json.loads(report.read_text())


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--dist", type=Path, default=TOP / "dist")
    options.add_argument("--log", type=Path)
    options = options.parse_args()
    if not shutil.which(PROGRAM):
        sys.exit("there is no testssl (Debian: testssl.sh)")
    os.umask(0o022)
    tree = Path(tempfile.mkdtemp(prefix="apus-testssl-", dir="/var/tmp"))
    tree.chmod(0o755)
    server = None
    try:
        port = stage(options.dist.resolve(), tree)
        server = subprocess.Popen([tree / "bin/apus", "-DFOREGROUND"])
        time.sleep(1)
        findings = examine(port, tree / "conf/tls/ca.pem", options.log)
    finally:
        if server:
            server.terminate()
            server.wait(20)
        shutil.rmtree(tree)
    counted = collections.Counter(finding["severity"] for finding in findings)
    print(", ".join(f"{severity} {count}" for severity, count in sorted(counted.items())))
    for finding in findings:
        if finding["severity"] not in ("OK", "INFO"):
            print(f"{finding['severity']}: {finding['id']}: {finding['finding']}", EXPECTED.get(finding["id"], ""))
    sys.exit(any(finding["severity"] in BAD and finding["id"] not in EXPECTED for finding in findings))


if __name__ == "__main__":
    main()
