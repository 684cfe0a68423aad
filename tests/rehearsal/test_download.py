"""A release is used only when the checksum published next to it agrees.

The server is local: that the publishers' own addresses are right is not proven here.
"""

import hashlib
import io
import socket
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rehearsal.tools import download
from rehearsal.tools.cache import Entry
from rehearsal.tools.download import checksum_for
from rehearsal.tools.manifest import Download, machine
from tests.rehearsal.tool_world import REAL_GO, said

pytestmark = pytest.mark.skipif(REAL_GO is None, reason="because there is no go command on PATH")

SCRIPT = b"#!/bin/sh\necho downloaded\n"
HOST = b"#!/bin/sh\necho host\n"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def site(tmp_path):
    """Serve a folder on loopback."""
    folder = tmp_path / "site"
    folder.mkdir()
    download._is_reachable.cache_clear()  # noqa: SLF001  # one answer per process is meant for users
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def release(site, content, *, members=(), sums=None, algorithm="sha256"):
    folder, url = site
    (folder / "greeter-1.2.3.tar.gz").write_bytes(content)
    listed = hashlib.new(algorithm, content).hexdigest() if sums is None else sums
    (folder / "SUMS").write_text(f"{'0' * 64}  another.tar.gz\n{listed}  greeter-1.2.3.tar.gz\n")
    return Download(
        url=url + "/greeter-{version}.tar.gz",
        checksums=url + "/SUMS",
        platforms={machine(): "here"},
        members=members,
    )


def archive(**files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, content in files.items():
            member = tarfile.TarInfo(f"greeter-1.2.3/{name}")
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_release_with_its_checksum_is_used_and_nothing_is_built(world, site, algorithm):
    world.counting_go()
    world.list(world.tool(download=release(site, SCRIPT, algorithm=algorithm)))
    assert said(world.ensure()) == "downloaded"
    assert world.lines == ["greeter 1.2.3 is downloaded, its checksum is the published one"]
    assert world.built() == []
    assert Entry.of(world.tool(download=release(site, SCRIPT))).origin() == "downloaded"


def test_only_the_named_files_leave_an_archive(world, site):
    content = archive(greeter=SCRIPT, greeter_host=HOST, surprise=b"x")
    members = ("greeter", "greeter_host")
    world.list(world.tool(download=release(site, content, members=members)))
    program = world.ensure()
    names = sorted(file.name for file in program.parent.iterdir())
    assert names == ["greeter", "greeter_host", "recipe.json"]
    assert (said(program), said(program.with_name("greeter_host"))) == ("downloaded", "host")


@pytest.mark.medium
def test_a_release_with_another_checksum_is_dropped_and_the_tool_built(world, site):
    wrong = "f" * 64
    world.list(world.tool(download=release(site, SCRIPT, sums=wrong)))
    assert said(world.ensure()) == "greeter v1.2.3 hello"
    actual = hashlib.sha256(SCRIPT).hexdigest()
    assert world.lines[0] == (
        f"greeter 1.2.3 cannot be downloaded (its checksum is {actual}, published is {wrong}); "
        "building it"
    )


@pytest.mark.medium
def test_a_release_without_a_published_checksum_is_not_fetched(world, site):
    folder, _ = site
    offered = release(site, SCRIPT)
    (folder / "SUMS").unlink()
    world.list(world.tool(download=offered))
    assert said(world.ensure()) == "greeter v1.2.3 hello"


@pytest.mark.medium
def test_an_archive_that_lacks_the_program_is_dropped(world, site):
    offered = release(site, archive(surprise=b"x"), members=("greeter",))
    world.list(world.tool(download=offered))
    assert said(world.ensure()) == "greeter v1.2.3 hello"
    assert "(the archive holds no greeter)" in world.lines[0]


@pytest.mark.medium
def test_a_host_that_does_not_answer_costs_one_probe(world, monkeypatch):
    monkeypatch.setattr(download, "PROBE_SECONDS", 0.3)
    download._is_reachable.cache_clear()  # noqa: SLF001  # see above
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        really_open = download._open  # noqa: SLF001  # noted on its way, not replaced

        def noting(address, *rest, **options):
            asked.append(address)
            return really_open(address, *rest, **options)

        monkeypatch.setattr(download, "_open", noting)
        for version in ("1.2.3", "1.2.4"):
            offered = Download(
                url=f"{url}/x", checksums=f"{url}/SUMS", platforms={machine(): "here"}
            )
            world.list(world.tool(version=version, download=offered))
            assert said(world.ensure()) == f"greeter v{version} hello"
    assert asked == [url]


def test_another_platform_is_no_reason_to_ask(world):
    offered = Download(url="http://x/x", checksums="http://x/s", platforms={"plan9/mips": "p"})
    tool = world.tool(download=offered)
    assert download.download_tool(Entry.of(tool), offered, world.lines.append) is False


SUM = "a" * 64


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        (f"{SUM}\n", SUM),
        (f"{SUM}  tool.tgz\n", SUM),
        (f"{SUM} *tool.tgz\n{'b' * 64}  other\n", SUM),
        (f"{'b' * 64}  other\n{SUM.upper()}  ./tool.tgz\n", SUM),
        (f"{'b' * 64}  other\n", None),
        ("<html>not found</html>", None),
        ("", None),
    ],
)
def test_a_checksum_list_is_read_in_every_form_publishers_use(listed, found):
    assert checksum_for("tool.tgz", listed) == found
