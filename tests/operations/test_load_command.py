"""`blueprint load` as people and programs see it: exit codes, tables, JSON, Ctrl-C."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations.cli import app

BLUEPRINT = Path(sys.executable).with_name("blueprint")
SHORT = ("--duration-seconds", "0.2", "--requests-per-second", "50", "--arrivals", "constant")
DOCUMENT = {
    *("schema", "verdict", "profile", "note", "offered_seconds", "seconds", "requests", "tokens"),
    *("requests_per_second", "output_tokens_per_second", "losses"),
    *("time_to_first_token_seconds", "inter_token_seconds", "end_to_end_seconds"),
    "sent_late_seconds",
}


@pytest.fixture
def arguments(engine, key_file):
    return ("load", "--url", engine.url, "--key-file", str(key_file), *SHORT)


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def words(done):
    return " ".join(done.output.split())


def test_everything_served_exits_0_with_one_json_document(arguments):
    done = run(*arguments, "--lengths", "16:8@2", "--json")
    told = json.loads(done.output)
    assert done.exit_code == 0
    assert set(told) == DOCUMENT
    assert (told["schema"], told["verdict"], told["losses"]) == (1, "served", [])
    counts = {"offered": 10, "served": 10, "refused": 0, "cut": 0, "timeout": 0, "abandoned": 0}
    assert told["requests"] == counts
    assert told["requests_per_second"]["offered"] == 50
    assert told["tokens"] == {"prompt": 70, "output": 80}
    assert set(told["end_to_end_seconds"]) == {"p50", "p90", "p95", "p99"}
    assert told["profile"]["lengths"] == [{"prompt_tokens": 16, "output_tokens": 8, "weight": 2}]
    assert "from when a request was due" in told["note"]


def test_something_lost_exits_1_with_the_reasons(arguments):
    done = run(*arguments, "--model", "limited", "--model", "short@2", "--json")
    told = json.loads(done.output)
    assert done.exit_code == 1
    assert told["verdict"] == "lost"
    losses = {(loss["status"], loss["reason"]): loss["count"] for loss in told["losses"]}
    assert set(losses) == {(429, "Too Many Requests"), (None, "ended without [DONE]")}
    assert sum(losses.values()) == 10


def test_people_get_tables_that_say_how_latency_is_counted(arguments):
    done = run(*arguments, "--model", "limited")
    assert done.exit_code == 1
    assert "10 requests offered: 0 served, 10 refused, 0 cut" in words(done)
    assert "refused 429 Too Many Requests 10" in words(done)
    assert "no coordinated omission" in words(done)


def test_no_key_and_no_prompt_is_printed(arguments):
    for model in ("good", "errs", "limited"):
        done = run(*arguments, "--model", model, "--json")
        assert "canary" not in done.output
        assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--requests-per-second", "5000"), "requests_per_second 5000.0 is out of range"),
        (("--lengths", "12"), "lengths one cannot be read"),
        (("--model", "@1"), "model one cannot be read"),
        (("--arrivals", "bursts"), "arrivals 'bursts' is unknown"),
        (("--key-file", "nothing"), "key_file nothing cannot be read"),
        (("--url", "http://192.0.2.1"), "192.0.2.1 is not this machine"),
        (("--url", "http://127.0.0.1:1"), "it does not answer: connection refused"),
    ],
)
def test_what_cannot_be_done_exits_2_with_advice(arguments, more, told):
    done = run(*arguments, *more)
    assert done.exit_code == 2
    assert told in words(done)
    assert "Traceback" not in done.output


def test_a_wrong_key_is_said_before_anything_is_offered(arguments, tmp_path):
    (tmp_path / "wrong").write_text("canary-wrong")
    done = run(*arguments, "--key-file", str(tmp_path / "wrong"))
    assert done.exit_code == 2
    assert "it refuses the key (status 401)" in words(done)
    assert "canary" not in done.output


def test_all_problems_are_told_at_once(tmp_path):
    done = run("load", "--access", str(tmp_path / "no.json"), "--requests-per-second", "0")
    assert done.exit_code == 2
    assert "refused, 2 problems" in words(done)


def test_options_of_a_url_need_a_url(key_file):
    done = run("load", "--key-file", str(key_file))
    assert done.exit_code == 2
    assert "it goes with --url only" in words(done)


def test_access_json_is_enough(engine, tmp_path):
    access = {"schema": 1, "gateway_url": engine.url, "api_keys": {"acme": "canary-key"}}
    (tmp_path / "access.json").write_text(json.dumps(access))
    done = run("load", "--access", str(tmp_path / "access.json"), *SHORT, "--json")
    assert (done.exit_code, json.loads(done.output)["requests"]["served"]) == (0, 10)


@pytest.mark.medium
def test_an_interrupted_load_reports_what_it_measured(start_engine, key_file):
    engine = start_engine(0.002)
    command = [BLUEPRINT, "load", "--url", engine.url, "--key-file", key_file, "--json"]
    endless = ["--duration-seconds", "3600", "--requests-per-second", "50"]
    done = subprocess.Popen([*command, *endless], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    engine.wait_for_requests(20)
    done.send_signal(signal.SIGINT)
    out, err = done.communicate(timeout=20)
    told = json.loads(out)
    assert (done.returncode, told["verdict"], err) == (130, "interrupted", b"")
    assert told["requests"]["offered"] >= 20
    assert told["losses"] in ([], [{**told["losses"][0], "reason": "interrupted"}])
