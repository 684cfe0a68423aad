import base64
import contextlib
import os
import stat
import threading
from pathlib import Path

import pytest

from rehearsal.node.volumes import MissingError, Sources, files, provide, show

POD = {"metadata": {"name": "p", "namespace": "n", "labels": {"a": "1"}}}
OBJECTS = {
    ("ConfigMap", "words"): {
        "data": {"one": "1", "two": "2"},
        "binaryData": {"raw": base64.b64encode(b"\xff").decode()},
    },
    ("Secret", "key"): {"data": {"tls.key": base64.b64encode(b"k").decode()}},
}
SOURCES = Sources(
    pod=POD,
    lookup=lambda kind, name: OBJECTS.get((kind, name)),
    tokens=lambda source: f"token for {source.get('audience', 'the API server')}",
)


def test_a_config_map_is_its_keys():
    assert files({"configMap": {"name": "words"}}, SOURCES) == {
        "one": (b"1", 0o644),
        "two": (b"2", 0o644),
        "raw": (b"\xff", 0o644),
    }


def test_items_choose_keys_paths_and_modes():
    source = {"name": "words", "items": [{"key": "two", "path": "a/b", "mode": 0o400}]}
    assert files({"configMap": source}, SOURCES) == {"a/b": (b"2", 0o400)}


def test_a_chosen_key_that_is_missing_is_named():
    source = {"secretName": "key", "items": [{"key": "none", "path": "x"}]}
    with pytest.raises(MissingError, match='secret "key" has no key none'):
        files({"secret": source}, SOURCES)
    assert files({"secret": {**source, "optional": True}}, SOURCES) == {}


def test_a_projected_volume_is_all_its_parts_in_one_mode():
    parts = [
        {"secret": {"name": "key"}},
        {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"serviceAccountToken": {"path": "token", "audience": "me"}},
    ]
    assert files({"projected": {"defaultMode": 0o440, "sources": parts}}, SOURCES) == {
        "tls.key": (b"k", 0o440),
        "l": (b'a="1"', 0o440),
        "token": (b"token for me", 0o440),
    }


def test_an_unknown_kind_of_volume_is_refused(tmp_path):
    with pytest.raises(MissingError, match='volume "x": pods as processes have no nfs'):
        provide({"name": "x", "nfs": {}}, tmp_path / "x", tmp_path, SOURCES)


def test_files_come_change_and_go(tmp_path):
    assert show(tmp_path, {"a": (b"1", 0o644), "d/b": (b"2", 0o600)})
    assert (tmp_path / "d/b").read_bytes() == b"2"
    assert stat.S_IMODE((tmp_path / "d/b").stat().st_mode) == 0o600

    assert not show(tmp_path, {"a": (b"1", 0o644), "d/b": (b"2", 0o600)})
    assert show(tmp_path, {"a": (b"3", 0o644)})

    assert (tmp_path / "a").read_bytes() == b"3"
    assert sorted(e.name for e in os.scandir(tmp_path) if not e.name.startswith("..")) == ["a"]
    assert sum(e.name.startswith("..2") for e in os.scandir(tmp_path)) == 1


def test_a_reader_sees_one_version_or_the_other(tmp_path):
    """Two files of one version are read through one open folder, as nginx's include does not."""
    versions = [{"a": (text, 0o644), "b": (text, 0o644)} for text in (b"old", b"new")]
    show(tmp_path, versions[0])
    stop, seen = threading.Event(), set()

    def read():
        while not stop.is_set():
            # Whoever looks while a version is removed finds nothing, and looks again.
            with contextlib.suppress(FileNotFoundError):
                folder = os.open(tmp_path / "..data", os.O_PATH)
                try:
                    found = {Path(f"/proc/self/fd/{folder}/{name}").read_bytes() for name in "ab"}
                finally:
                    os.close(folder)
                seen.add(frozenset(found))

    reader = threading.Thread(target=read)
    reader.start()
    for round_ in range(200):
        show(tmp_path, versions[round_ % 2])
    stop.set()
    reader.join()
    assert seen == {frozenset([b"old"]), frozenset([b"new"])}


def test_a_claim_is_one_folder_for_all_pods_of_a_namespace(tmp_path):
    volume = {"name": "w", "persistentVolumeClaim": {"claimName": "weights"}}
    first = provide(volume, tmp_path / "one", tmp_path / "claims", SOURCES)
    second = provide(volume, tmp_path / "two", tmp_path / "claims", SOURCES)
    assert first == second == tmp_path / "claims/n_weights"
    assert stat.S_IMODE(first.stat().st_mode) == 0o1777
