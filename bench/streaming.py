#!/usr/bin/python3
"""What memory a long body takes on its way through filters: the peak of the worker, for one filter after the other.

Sends a file of a given size to a client that drops it, through each filter on its own. A filter that works piece by piece needs
the same memory for any size. The file lies in the temporary directory.
Usage: bench/streaming.py [--mebibytes N] [--only FILTER] [--dist DIR]
"""

import argparse
import os
import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Tests"))


def filters():
    """Names, and what is said for the location of each."""
    return {
        "none": "",
        "DEFLATE": "SetOutputFilter DEFLATE",
        "BROTLI_COMPRESS": "SetOutputFilter BROTLI_COMPRESS",
        "INCLUDES": "SetOutputFilter INCLUDES\nOptions +Includes",
        "SUBSTITUTE": "SetOutputFilter SUBSTITUTE\nSubstitute s/line/LINE/n",
        "Sed": "SetOutputFilter Sed\nOutputSed s/line/LINE/",
        "ext_filter": "SetOutputFilter same",
        "BUFFER": "SetOutputFilter BUFFER",
        "DATA": "SetOutputFilter DATA",
        "RATE_LIMIT": "SetOutputFilter RATE_LIMIT\nSetEnv rate-limit 100000000",
        "all together": "SetOutputFilter INCLUDES;SUBSTITUTE;Sed;same;DEFLATE;BUFFER\nOptions +Includes\nSubstitute s/line/LINE/n\nOutputSed s/LINE/Line/",
    }


MODULES = ("deflate", "brotli", "include", "substitute", "sed", "ext_filter", "buffer", "data", "ratelimit", "env")
ENCODINGS = {"DEFLATE": "gzip", "BROTLI_COMPRESS": "br", "all together": "gzip"}


def configuration(names):
    text = "Workers 1\nExtFilterDefine same cmd=/bin/cat\n"
    for number, name in enumerate(names):
        text += f'Alias "/{number}/" "@HTDOCS@/"\n<Location "/{number}/">\n{filters()[name]}\n</Location>\n'
    return text


def write_document(path, mebibytes):
    """Lines of text, with an element of a document here and there."""
    line = b"a line of text, as there are many in a long document: 0123456789 abcdefghijklmnop\n"
    element = b'<!--#echo var="DOCUMENT_NAME" -->\n'
    block = (line * 3000 + element) * 4
    with open(path, "wb") as file:
        written = 0
        while written < mebibytes << 20:
            written += file.write(block)
    return written


def worker_of(server):
    from support.workers import Processes

    return Processes(server.process.pid).workers[0]


def peak(pid):
    """Bytes: the most that the process has had in memory since `forget`, and what it has now."""
    fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
    return tuple(int(fields[name].split()[0]) << 10 for name in ("VmHWM", "VmRSS"))


def forget(pid):
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def fetch(port, path, encoding):
    """How many bytes of an answer came; they are dropped."""
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        lines = [f"GET {path} HTTP/1.0", "Host: localhost", *([f"Accept-Encoding: {encoding}"] if encoding else []), "", ""]
        client.sendall("\r\n".join(lines).encode())
        room, count = bytearray(1 << 20), 0
        while got := client.recv_into(room):
            count += got
        return count


def growth(server, number, name, file="document"):
    """Bytes that the worker's peak lies above what it had before, and how many came."""
    pid = worker_of(server)
    # What is made once, by the first request, is not asked about.
    fetch(server.port, f"/{number}/short", ENCODINGS.get(name))
    forget(pid)
    before = peak(pid)[1]
    count = fetch(server.port, f"/{number}/{file}", ENCODINGS.get(name))
    return peak(pid)[0] - before, count


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--mebibytes", type=int, default=1024)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--dist", default=None)
    options = arguments.parse_args()
    if options.dist:
        os.environ["APUS_DIST"] = str(pathlib.Path(options.dist).resolve())
    from support.server import DEFAULT_MODULES, Apus

    names = [name for name in filters() if options.only in name]
    with Apus(configuration(names), modules=(*DEFAULT_MODULES, *MODULES)) as server:
        size = write_document(server.htdocs / "document", options.mebibytes)
        server.put("short", "a line\n" * 1000)
        print(f"| {size / (1 << 20):,.0f} MiB through | peak of the worker grows by, MiB | MiB sent | MiB of the file a second |\n|---|---|---|---|")
        for number, name in enumerate(names):
            begin = time.monotonic()
            more, count = growth(server, number, name)
            pace = size / (1 << 20) / (time.monotonic() - begin)
            print(f"| {name} | {more / (1 << 20):.1f} | {count / (1 << 20):,.1f} | {pace:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
