"""Many small configurations asked on both servers at once: each is a virtual host of its own."""

import contextlib

from support.oracle import Oracle


class Hosts:
    """Virtual hosts c0.example, c1.example … of named configurations, on Apus and on apache2."""

    def __init__(self, subject_class, cases, config="", **options):
        self.names = list(cases)
        hosts = "".join(
            f"<VirtualHost *:@PORT@>\nServerName c{number}.example\n{text}\n</VirtualHost>\n"
            for number, text in enumerate(cases.values())
        )
        self.oracle = Oracle(subject_class, config + hosts, **options)

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.oracle)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *problem):
        return self._stack.__exit__(*problem)

    def compare(self, name, requests, ignore=()):
        """Asks the host of one configuration everything; a request is "METHOD /path" and then header fields, "|" between."""
        problems = []
        for request in requests:
            try:
                self.oracle.compare(self.lines(name, request), ignore)
            except AssertionError as problem:
                problems.append(str(problem))
        assert not problems, "\n\n".join(problems)

    def lines(self, name, request):
        line, *fields = (part.strip() for part in request.split("|"))
        host = f"Host: c{self.names.index(name)}.example"
        return "\r\n".join([f"{line} HTTP/1.1", host, *fields, "", ""])
