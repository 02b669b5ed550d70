"""The client of bench/handshakes.c, compiled when it is first needed."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "bench" / "handshakes.c"


def handshakes(directory, port, kind, amount, processes, path="/1k.html", before=()):
    """What became of the connections, by the client's words. The program is kept in the directory."""
    program = Path(directory) / "handshakes"
    if not program.exists():
        subprocess.run(["cc", "-O2", "-o", program, SOURCE, "-lssl", "-lcrypto"], check=True)
    line = [*before, program, str(port), kind, str(amount), str(processes), path]
    words = subprocess.run(list(map(str, line)), stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return dict(zip(words[::2], map(int, words[1::2])))
