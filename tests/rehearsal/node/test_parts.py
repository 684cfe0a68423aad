"""The small pure parts: addresses, log requests, events, needs, the command line of bwrap."""

from pathlib import Path

import pytest

from rehearsal.node import entry, needs
from rehearsal.node.events import event
from rehearsal.node.images import Image
from rehearsal.node.logs import RefusedError, Wanted, parse, tail
from rehearsal.node.network import Addresses
from rehearsal.node.sandbox import Launch, Mount, bubblewrap
from rehearsal.node.system import NODE, manifests, node


def test_nodes_have_subnets_of_their_own_and_freed_addresses_are_used_last():
    addresses = Addresses()
    first, second = addresses.node(), addresses.node()
    assert (first, second) == ("10.63.0.10", "10.63.0.11")
    assert [addresses.pod(first), addresses.pod(second)] == ["10.64.10.2", "10.64.11.2"]
    addresses.free_pod(first, "10.64.10.2")
    assert [addresses.pod(first) for _ in range(252)][-2:] == ["10.64.10.253", "10.64.10.2"]


def test_a_log_request_is_read():
    wanted = parse("/containerLogs/n/p/c?follow=true&tailLines=2&limitBytes=9")
    assert wanted == Wanted(
        namespace="n",
        pod="p",
        container="c",
        follow=True,
        previous=False,
        tail_lines=2,
        limit_bytes=9,
    )


@pytest.mark.parametrize(
    ("target", "status"),
    [("/exec/n/p/c", 404), ("/containerLogs/n/p", 404), ("/containerLogs/n/p/c?timestamps=1", 400)],
)
def test_a_request_for_what_is_not_kept_is_refused(target, status):
    with pytest.raises(RefusedError) as refused:
        parse(target)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", b"1\n22\n3"),
        ("?tailLines=2", b"22\n3"),
        ("?tailLines=0", b""),
        ("?tailLines=9", b"1\n22\n3"),
        ("?limitBytes=3", b"1\n2"),
    ],
)
def test_the_end_of_a_log_is_cut_out(query, shown):
    assert tail(b"1\n22\n3", parse(f"/containerLogs/n/p/c{query}")) == shown


def test_an_event_is_about_its_pod():
    about = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}}
    told = event(about, "node-0", "Warning", "Failed", "why")
    assert told["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": "n",
        "name": "p",
        "uid": "u",
    }
    assert (told["metadata"]["namespace"], told["source"]["host"]) == ("n", "node-0")


def test_what_is_missing_is_asked_for_in_one_command(monkeypatch):
    monkeypatch.setattr(needs.shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(needs.sys, "platform", "linux")
    problem = needs.lacking()
    assert problem.what == (
        "pods cannot run as processes: bubblewrap, iproute2, nftables, util-linux not installed"
    )
    assert problem.fix.endswith("sudo apt-get install bubblewrap iproute2 nftables util-linux")


def test_another_system_is_told_so(monkeypatch):
    monkeypatch.setattr(needs.sys, "platform", "darwin")
    assert needs.lacking().what == "darwin has no Linux namespaces"


def test_namespaces_that_are_forbidden_are_found_by_trying(monkeypatch, tmp_path):
    forbidden = tmp_path / "python"
    forbidden.write_text("#!/bin/sh\necho 'unshare: Operation not permitted' >&2; exit 1\n")
    forbidden.chmod(0o755)
    monkeypatch.setattr(needs, "missing_packages", list)
    monkeypatch.setattr(needs.sys, "executable", str(forbidden))
    problem = needs.lacking()
    assert problem.what == "pods cannot run as processes: unshare: Operation not permitted"
    assert "kernel.unprivileged_userns_clone" in problem.fix


def launch(tmp_path, **changed):
    (tmp_path / "hosts").touch()
    image = Image(files={"nginx": "/store/nginx"}, trees=("/store/python", "/usr/lib/python3"))
    fields = {
        "argv": ["nginx", "-t"],
        "environment": {"A": "1"},
        "user": 101,
        "group": 102,
        "host_name": "web-0",
        "network": Path("/run/netns/p1"),
        "etc": tmp_path,
        "log": tmp_path / "log",
        "image": image,
        "folder": "/",
        "read_only_root": True,
        "mounts": [
            Mount(target="/tmp/a", source=Path("/a"), read_only=False),  # noqa: S108  # of the pod
            Mount(target="/tmp", source=Path("/t"), read_only=True),  # noqa: S108  # of the pod
        ],
    }
    return Launch(**{**fields, **changed})


def contains(command, *words):
    return any(tuple(command[i : i + len(words)]) == words for i in range(len(command)))


def test_a_container_has_its_user_network_files_and_nothing_of_the_caller(tmp_path):
    command = bubblewrap(launch(tmp_path), 7)
    assert command[:3] == ["nsenter", "--net=/run/netns/p1", "bwrap"]
    assert contains(command, "--uid", "101", "--gid", "102")
    assert contains(command, "--clearenv", "--setenv", "A", "1", "--", "nginx", "-t")
    assert contains(command, "--ro-bind", "/store/nginx", "/opt/image/nginx")
    assert contains(command, "--ro-bind", "/store/python", "/store/python")
    assert not contains(command, "--ro-bind", "/usr/lib/python3")  # /usr is there as a whole
    assert contains(command, "--ro-bind", str(tmp_path / "hosts"), "/etc/hosts")


def test_outer_mounts_come_before_those_inside_them(tmp_path):
    command = bubblewrap(launch(tmp_path), 7)
    assert contains(command, "--ro-bind", "/t", "/tmp", "--bind", "/a", "/tmp/a")  # noqa: S108  # of the pod


@pytest.mark.parametrize("read_only", [True, False])
def test_the_root_is_writable_unless_it_is_asked_to_be_read_only(tmp_path, read_only):
    command = bubblewrap(launch(tmp_path, read_only_root=read_only), 7)
    assert contains(command, "--remount-ro", "/") == read_only
    assert contains(command, "--perms", "1777", "--tmpfs", "/tmp") != read_only  # noqa: S108  # of the pod


def test_dns_is_found_where_every_pod_asks():
    [service] = [m for m in manifests("10.96.0.10", "cluster.local") if m["kind"] == "Service"]
    assert service["spec"]["clusterIP"] == "10.96.0.10"
    assert node()["metadata"]["name"] == NODE


def test_a_port_that_somebody_took_meanwhile_is_replaced_by_a_free_one():
    with entry.listen() as taken:
        number = taken.getsockname()[1]
        with entry.listen_again(number) as other:
            assert other.getsockname()[1] != number
    with entry.listen_again(number) as again:
        assert again.getsockname()[1] == number
