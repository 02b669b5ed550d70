"""Certificates made with the openssl command line: what a Debian user has at hand, too."""

import pathlib
import subprocess
import time
from dataclasses import dataclass

_KEYS = {
    "rsa": ["-newkey", "rsa:2048"],
    "ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
}


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, in PEM files."""

    certificate: pathlib.Path
    key: pathlib.Path


class Authority:
    """A test CA in `directory`; with `parent` an intermediate one."""

    def __init__(self, directory, name="test-ca", *, parent=None, kind="ecdsa"):
        self.directory = pathlib.Path(directory)
        self.issued = {}
        self.own = (
            parent._issue(name, kind, "basicConstraints=critical,CA:TRUE")
            if parent
            else self._root(name, kind)
        )

    @property
    def certificate(self):
        return self.own.certificate

    def _root(self, name, kind):
        pair = self._pair(name)
        _openssl(
            "req",
            "-x509",
            *_KEYS[kind],
            "-nodes",
            "-days",
            "30",
            "-subj",
            f"/CN={name}",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout",
            pair.key,
            "-out",
            pair.certificate,
        )
        return pair

    def _pair(self, name):
        return Certificate(self.directory / f"{name}.crt", self.directory / f"{name}.key")

    def server(self, name, *hosts, kind="ecdsa", extensions=""):
        """A server certificate for the host names (default: its own name)."""
        names = ",".join(f"DNS:{host}" for host in (hosts or (name,)))
        return self._issue(name, kind, f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n{extensions}")

    def server_until(self, name, end):
        """A server certificate that ends at a moment, in seconds since 1970."""
        pair = self.server(name)
        work = self.directory / f"{name}.ca"
        work.mkdir()
        (work / "index").write_text("")
        (work / "ca.cnf").write_text(
            f"[ca]\ndefault_ca=test\n[test]\ndatabase={work}/index\nnew_certs_dir={work}\ndefault_md=sha256\n"
            f"policy=any\nunique_subject=no\nrand_serial=yes\n[any]\ncommonName=supplied\n"
        )
        when = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(end))
        _openssl(
            "ca", "-batch", "-config", work / "ca.cnf", "-cert", self.certificate, "-keyfile", self.own.key, "-notext",
            "-extfile", pair.key.with_suffix(".ext"), "-enddate", when,
            "-in", pair.key.with_suffix(".csr"), "-out", pair.certificate,
        )  # fmt: skip
        return pair

    def client(self, name, subject=None, *, kind="ecdsa", extensions="", days=30):
        """A client certificate; `subject` as the openssl command line writes it: /C=DE/CN=me."""
        return self._issue(name, kind, f"extendedKeyUsage=clientAuth\n{extensions}", subject=subject, days=days)

    def revoke(self, *certificates):
        """A revocation list of this CA with these certificates, as PEM file."""
        index, number = self.directory / "index.txt", self.directory / "crlnumber"
        path = self.directory / f"{self.own.certificate.stem}.crl"
        configuration = self.directory / "ca.cnf"
        configuration.write_text(
            f"[ca]\ndefault_ca=test\n[test]\ndatabase={index}\ncrlnumber={number}\n"
            f"default_md=sha256\ndefault_crl_days=30\nunique_subject=no\n"
        )
        index.write_text("")
        number.write_text("01\n")
        common = ["-config", configuration, "-cert", self.certificate, "-keyfile", self.own.key]
        for certificate in certificates:
            _openssl("ca", *common, "-revoke", certificate.certificate)
        _openssl("ca", *common, "-gencrl", "-out", path)
        return path

    def _issue(self, name, kind, extensions, subject=None, days=30):
        pair = self._pair(name)
        asked = (kind, extensions, subject, days)
        if pair.key.exists():
            # Others may be using it.
            assert self.issued.get(name) == asked, f"{name} is the name of a certificate of another kind: choose another"
            return pair
        self.issued[name] = asked
        request, options = pair.key.with_suffix(".csr"), pair.key.with_suffix(".ext")
        options.write_text(extensions + "\n")
        _openssl(
            "req",
            "-new",
            *_KEYS[kind],
            "-nodes",
            "-utf8",
            "-subj",
            subject or f"/CN={name}",
            "-keyout",
            pair.key,
            "-out",
            request,
        )
        _openssl(
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            self.certificate,
            "-CAkey",
            self.own.key,
            "-CAcreateserial",
            "-days",
            days,
            "-extfile",
            options,
            "-out",
            pair.certificate,
        )
        return pair


def bundle(path, *pieces):
    """Concatenates PEM files, for chains."""
    path = pathlib.Path(path)
    path.write_bytes(b"".join(pathlib.Path(piece).read_bytes() for piece in pieces))
    return path


def _openssl(*arguments):
    done = subprocess.run(
        ["openssl", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"openssl {' '.join(map(str, arguments))}\n{done.stderr}"
