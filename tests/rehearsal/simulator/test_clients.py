"""The clients that people use, unchanged: openai, and text-generation against the TGI face."""

import openai
import pytest
from text_generation import Client
from text_generation.errors import ValidationError

from tests.rehearsal.simulator.conftest import HELLO

pytestmark = pytest.mark.medium  # importing the clients takes its time


@pytest.fixture
def client(simulator):
    with openai.OpenAI(base_url=f"{simulator.url}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def test_openai_lists_models_and_completes(client):
    assert [model.id for model in client.models.list()] == ["r1", "r1-alias"]
    chat = client.chat.completions.create(model="r1", messages=HELLO, max_tokens=4)
    assert chat.choices[0].message.content == "The simulator computes nothing. "
    assert (chat.system_fingerprint, chat.usage.completion_tokens) == ("simulator", 4)
    text = client.completions.create(model="r1", prompt="你好", max_tokens=2)
    assert text.choices[0].text == "The simulator "


def test_openai_streams_token_by_token(client):
    stream = client.chat.completions.create(
        model="r1",
        messages=HELLO,
        max_tokens=6,
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = list(stream)
    assert [chunk.choices[0].delta.content for chunk in chunks] == [
        *("", "The ", "simulator ", "computes ", "nothing. ", "模", "拟")
    ]
    assert last.usage.total_tokens == 10


def test_openai_raises_what_it_raises_for_vllm(client):
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="r2", messages=HELLO)
    with pytest.raises(openai.BadRequestError, match="top_p must be in"):
        client.chat.completions.create(model="r1", messages=HELLO, top_p=0)


def test_a_stream_that_openai_closes_frees_its_place(start, until):
    simulator = start("--decode-tokens-per-second=5")
    with openai.OpenAI(base_url=f"{simulator.url}/v1", api_key="none") as client:
        stream = client.chat.completions.create(
            model="r1", messages=HELLO, max_tokens=90, stream=True
        )
        next(iter(stream))
        assert simulator.metric("vllm:num_requests_running") == 1
        stream.close()
        until(lambda: simulator.metric("vllm:num_requests_running") == 0)
    assert simulator.metric("vllm:request_success_total", finished_reason="abort") == 1


@pytest.fixture
def tgi(start):
    simulator = start("--face=tgi", "--decode-tokens-per-second=1000")
    return Client(simulator.url, timeout=10)


@pytest.mark.filterwarnings("ignore:The `dict` method:DeprecationWarning")  # the client's
def test_text_generation_generates_and_streams(tgi):
    whole = tgi.generate("canary-prompt", max_new_tokens=4)
    assert whole.generated_text == "The simulator computes nothing. "
    assert (whole.details.finish_reason, whole.details.generated_tokens) == ("length", 4)
    events = list(tgi.generate_stream("canary-prompt", max_new_tokens=6))
    assert [event.token.text for event in events] == [
        *("The ", "simulator ", "computes ", "nothing. ", "模", "拟")
    ]
    assert events[-1].generated_text == "The simulator computes nothing. 模拟"
    stopped = tgi.generate("canary-prompt", max_new_tokens=9, stop_sequences=["comp"])
    assert (stopped.generated_text, stopped.details.finish_reason) == (
        "The simulator ",
        "stop_sequence",
    )
    with pytest.raises(ValidationError):
        tgi.generate("canary-prompt", max_new_tokens=100)
