"""The command as people type it, in a process of its own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLUEPRINT = Path(sys.executable).with_name("blueprint")
pytestmark = pytest.mark.medium  # a process each


def blueprint(*arguments):
    return subprocess.run(
        [BLUEPRINT, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture
def broken(tmp_path):
    """Check a stack file with `clod` for `cloud`, in a folder of its own."""
    good = (ROOT / "stacks/Pulumi.rehearsal.yaml").read_text("utf-8")
    text = good.replace("cloud: onprem", "clod: onprem")
    (tmp_path / "Pulumi.broken.yaml").write_text(text, "utf-8")
    program = (
        "import pathlib, sys\n"
        "from components.blueprint import load\n"
        f"load.STACKS = pathlib.Path({str(tmp_path)!r})\n"
        "sys.argv = ['blueprint', 'check', 'broken', '--json']\n"
        "from operations.cli import main\n"
        "main()"
    )
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_good_stack_is_summarised_and_exits_0():
    done = blueprint("check", "rehearsal", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (answer["schema"], answer["verdict"], answer["stack"]) == (1, "ok", "rehearsal")
    assert len(answer["plan_digest"]) == 64
    assert [(s["name"], s["replicas"], s["tensor_parallel"]) for s in answer["servers"]] == [
        ("r1", 2, 8)
    ]


def test_the_check_of_a_stack_leaves_pulumi_unloaded():
    program = (
        "import sys; sys.argv = ['blueprint', 'check', 'rehearsal', '--json']\n"
        "from operations.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted(name for name in sys.modules if name.startswith('pulumi')), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_an_unknown_stack_exits_1_with_the_known_ones_and_no_traceback():
    done = blueprint("check", "rehearsl")
    assert done.returncode == 1
    assert "Did you mean 'rehearsal'?" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_refusal_as_json_has_where_what_fix_and_line(broken):
    assert broken.returncode == 1
    assert json.loads(broken.stdout) == {
        "schema": 1,
        "verdict": "refused",
        "problems": [
            {
                "where": "cloud",
                "what": "required, and absent",
                "fix": "Set cloud: the place to run.",
                "line": None,
            },
            {
                "where": "clod",
                "what": "unknown key 'clod'",
                "fix": "Did you mean 'cloud'? Known keys here: cloud, cluster, network, pools, "
                "weights, servers, gateway, tags.",
                "line": 3,
            },
        ],
    }


def test_a_rendering_shows_every_object_and_no_secret(tmp_path):
    done = blueprint("render", "rehearsal", "--out", str(tmp_path / "out"), "--json")
    files = {
        Path(name).relative_to(tmp_path / "out").as_posix()
        for name in json.loads(done.stdout)["files"]
    }
    assert {
        "plan.json",
        "gateway/nginx.conf",
        "manifests/cluster/namespace-deepseek-serving.yaml",
        "manifests/deepseek-serving/statefulset-r1.yaml",
        "manifests/deepseek-gateway/secret-gateway-tls.yaml",
    } <= files
    secret = (tmp_path / "out/manifests/deepseek-gateway/secret-gateway-tls.yaml").read_text(
        "utf-8"
    )
    assert secret.count("<redacted>") >= 2


def test_a_rendering_replaces_its_own_folder_and_no_other(tmp_path):
    out = tmp_path / "out"
    assert blueprint("render", "rehearsal", "--out", str(out)).returncode == 0
    (out / "stale.yaml").touch()
    assert blueprint("render", "rehearsal", "--out", str(out)).returncode == 0
    assert not (out / "stale.yaml").exists()

    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").touch()
    done = blueprint("render", "rehearsal", "--out", str(precious))
    assert done.returncode == 1
    assert "--out" in done.stderr
    assert "files that are not" in " ".join(done.stderr.split())
    assert (precious / "thesis.txt").exists()


def test_a_folder_that_cannot_be_written_exits_2_without_a_traceback(tmp_path):
    (tmp_path / "file").touch()
    done = blueprint("render", "rehearsal", "--out", str(tmp_path / "file" / "below"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_key_is_not_issued_where_there_is_no_engine(tmp_path):
    """The program pulumi is not on this PATH: the answer says how to get it."""
    bare = tmp_path / "bin"
    bare.mkdir()
    done = subprocess.run(
        [BLUEPRINT, "keys", "issue", "rehearsal", "acme"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(bare), "HOME": str(tmp_path)},
    )
    assert done.returncode == 1
    assert "python -m rehearsal.tools ensure pulumi" in " ".join(done.stderr.split())
    assert shutil.which("pulumi", path=str(bare)) is None
