#!/usr/bin/python3
"""What stapling costs a handshake, and what a responder that hangs does: TLS 1.3 handshakes a second, one client, in turns.

Usage: bench/stapling.py [--dist DIR] [--rounds N]
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent

HOSTS = """\
Workers 1
MaxKeepAliveRequests 0
SSLStaplingCache "shmcb:logs/ssl_stapling(32768)"
SSLStaplingForceURL {url}
SSLStaplingStandardCacheTimeout 20
SSLStaplingResponderTimeout 60
<VirtualHost 127.0.0.1:@PORT1@>
    ServerName staple.example
    SSLEngine on
    SSLUseStapling on
    SSLCertificateFile "{chain}"
    SSLCertificateKeyFile "{key}"
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT2@>
    ServerName plain.example
    SSLEngine on
    SSLCertificateFile "{chain}"
    SSLCertificateKeyFile "{key}"
</VirtualHost>
"""


def rate(handshakes, server, kind, port):
    begin = time.monotonic()
    counts = handshakes(server.root, port, kind, "200x", 1)
    assert counts["made"] == 200, counts
    return 200 / (time.monotonic() - begin)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--dist", type=Path, default=TOP / "dist")
    options.add_argument("--rounds", type=int, default=7)
    options = options.parse_args()
    os.environ["APUS_DIST"] = str(options.dist.resolve())
    sys.path.append(str(TOP / "Tests"))
    from support.certs import Authority, bundle
    from support.handshakes import handshakes
    from support.ocsp import Responder
    from support.server import Apus, world_readable_directory
    from support.waiting import wait_until

    os.umask(0o022)
    authority = Authority(world_readable_directory())
    own = authority.server("staple", "staple.example")
    chain = bundle(own.certificate.with_suffix(".chain"), own.certificate, authority.certificate)
    with Responder(authority, authority) as responder:
        config = HOSTS.format(url=responder.url, chain=chain, key=own.key)
        with Apus(config, modules=("authz_core", "dir", "ssl", "socache_shmcb"), ports=2) as server:
            server.put("1k.html", "x" * 1024)
            wait_until(lambda: responder.requests == 1, "the first answer")
            time.sleep(0.2)
            responder.mood = "hang"
            wait_until(lambda: responder.requests == 2, "a question that hangs", patience=30)
            rates = {"staple": [], "full": []}
            for _ in range(options.rounds):
                rates["staple"].append(rate(handshakes, server, "staple", server.ports[0]))
                rates["full"].append(rate(handshakes, server, "full", server.ports[1]))
            ratio = statistics.median(full / staple for staple, full in zip(rates["staple"], rates["full"]))
            print(f"handshakes a second while the responder hangs: {statistics.median(rates['staple']):.0f} stapled, "
                  f"{statistics.median(rates['full']):.0f} without; the time of one is {ratio:.2f} times as long")
            print(f"questions to the responder: {responder.requests}")


if __name__ == "__main__":
    main()
