"""The small site that the framing vectors and the connection tests are played against."""

from .vectors import PROBE_BODY, PROBE_PATH

VECTOR_CONFIG = """\
Timeout 5
KeepAlive On
KeepAliveTimeout 5
<Directory "@HTDOCS@">
    Options None
</Directory>
<Files ".ht*">
    Require all denied
</Files>
<Directory "@HTDOCS@/denied">
    Require all denied
</Directory>
Alias "/off" "@HTDOCS@"
<Location "/off">
    Require all denied
</Location>
"""


def make_vector_site(server):
    """Fills the document root; a secret lies beside it, and a symbolic link leads there."""
    server.put("index.html", "<p>index</p>\n")
    server.put(PROBE_PATH.lstrip("/"), PROBE_BODY)
    server.put("dir/index.html", "<p>dir</p>\n")
    server.put("denied/file.txt", "denied\n")
    server.put(".htaccess", "# never shown\n")
    (server.root / "secret.txt").write_text("secret\n")
    (server.htdocs / "link-out.txt").symlink_to(server.root / "secret.txt")
