"""Many small sites, each a virtual host with a configuration of its own, asked on Apus and on Debian's apache2.

A site is a name, the inside of its <VirtualHost> (@HERE@ is its document root), files beside the usual ones, and requests:
paths, or "METHOD path", or whole heads.
"""

import os
import pathlib
from dataclasses import dataclass, field

#: What every site holds.
FILES = {
    "index.html": "<p>index</p>\n", "a.txt": "a\n", "b.html": "<p>b</p>\n", "c.dat": "c\n", "secret.txt": "s\n",
    "sub/index.html": "<p>sub</p>\n", "sub/a.txt": "sub a\n", "sub/b.html": "<p>sub b</p>\n", "sub/c.dat": "c\n",
    "sub/deep/a.txt": "deep a\n", "sub/deep/b.html": "<p>deep b</p>\n", "sub/deep/c.dat": "c\n",
    "other/a.txt": "other a\n", "other/index.html": "<p>other</p>\n", "error.html": "<p>error page</p>\n",
}  # fmt: skip


@dataclass
class Site:
    name: str
    config: str
    requests: list
    files: dict = field(default_factory=dict)


def lay_out(root, sites):
    """Writes the files of all sites below `root`."""
    for site in sites:
        for path, text in {**FILES, **site.files}.items():
            file = pathlib.Path(root, site.name, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(text, pathlib.Path):
                file.symlink_to(text)
            else:
                file.write_text(text.replace("@HERE@", str(pathlib.Path(root, site.name))))
                # The validator of a file that has just been changed is weak for a moment.
                os.utime(file, (1_700_000_000, 1_700_000_000))


def virtual_hosts(sites):
    """The configuration: one virtual host a site."""
    return "".join(
        f'<VirtualHost *:@PORT@>\nServerName {site.name}.example\nDocumentRoot "@HTDOCS@/{site.name}"\n'
        f"{site.config.replace('@HERE@', f'@HTDOCS@/{site.name}')}\n</VirtualHost>\n"
        for site in sites
    )


def head(site, request):
    """The text of a request: a path alone is a GET."""
    if "\r\n" in request:
        return request
    method, _, path = request.rpartition(" ")
    return f"{method or 'GET'} {path} HTTP/1.1\r\nHost: {site.name}.example\r\n\r\n"


def questions(sites):
    return [(site, request) for site in sites for request in site.requests]


def name_of(value):
    return value.name if isinstance(value, Site) else str(value).split("\r\n")[0][:60]
