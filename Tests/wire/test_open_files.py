"""A site of more files than the process may open is served whole."""

from support.wire import Connection, get


def test_more_files_than_may_be_open(apus):
    class Limited(apus):
        def command(self, *arguments):
            return ["prlimit", "--nofile=128:128", *super().command(*arguments)]

    with Limited("MaxKeepAliveRequests 0") as server:
        for number in range(400):
            server.put(f"{number}.bin", b"%d" % number * 12_000)
        with Connection(server.port) as connection:
            for number in range(400):
                response = connection.request(get(f"/{number}.bin"))
                assert (response.status, response.body) == (200, b"%d" % number * 12_000)
