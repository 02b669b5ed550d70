"""The Mutex directive: what is said is checked as httpd does, and noted; locks are the same whatever is said."""

import pytest

#: Accepted, or refused, by both servers.
LINES = {
    "default": True,
    "none": False,
    "none default": False,
    "none ssl-cache": False,
    "no": False,
    "yes": True,
    "bogus": False,
    "bogus ssl-cache": False,
    "sem": True,
    "SEM": True,
    "posixsem ssl-cache": True,
    "sysvsem ssl-cache": True,
    "pthread ssl-cache": True,
    "fcntl ssl-cache": True,
    "flock:/tmp ssl-cache": True,
    "file:/tmp ssl-cache": True,
    "file:/absent ssl-cache": False,
    "flock:": True,
    "default bogusname": False,
    "sem ssl-stapling": True,
    "sem ssl-stapling-refresh": True,
    "sem watchdog-callback": True,
    "sem ssl-cache ssl-stapling": True,
    "sem ssl-cache OmitPID": True,
    "sem omitpid": True,
    "sem ssl-cache bogus": False,
    "": False,
}

#: apache2 knows the locks of the modules that are loaded; here all names are known.
OTHERS = ["sem rewrite-map", "sem authn-socache", "sem mpm-accept", "none mpm-accept", "sem ldap-cache"]


def accepts(program, line):
    modules = ("authz_core", "ssl", "socache_shmcb")
    with program(f"Mutex {line}\n", modules=modules, start=False) as server:
        return server.run("-t").returncode == 0


def test_lines_are_taken_as_by_apache2(apus, apache):
    answers = {line: (accepts(apus, line), accepts(apache, line)) for line in LINES}
    assert answers == {line: (good, good) for line, good in LINES.items()}


@pytest.mark.parametrize("line", OTHERS)
def test_locks_of_modules_that_are_not_loaded(apus, line):
    assert accepts(apus, line)


def test_the_log_says_why_it_has_no_effect(apus):
    with apus("LogLevel info\nMutex sem ssl-cache\n") as server:
        server.wait_for_log("Mutex.*shared memory")
