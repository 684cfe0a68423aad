"""The gateway answers who may ask, refuses who may not, and has no other doors."""

from __future__ import annotations

import pytest

from components.problems import Problem
from operations.verify.checks import require
from operations.verify.gateway import code_of

MODELS, CHAT = "/v1/models", "/v1/chat/completions"
NOBODY = "sk-verify-a-key-that-nobody-has"
LOGS = "Read what the gateway says: `kubectl -n deepseek-gateway logs deployment/gateway`."
CLOSE = "Run `pulumi up --refresh`; if it stays, something else answers at this address."
# What engines serve besides: vLLM's list of routes without a key, and those of its dev mode; TGI's
# and Ollama's.
INNER = (
    *("/metrics", "/health", "/ping", "/load", "/version", "/openapi.json", "/docs"),
    *("/tokenize", "/detokenize", "/tokenizer_info", "/invocations", "/kv_event_sources"),
    *("/generative_scoring", "/is_scaling_elastic_ep", "/info", "/api/tags", "/api/version"),
)
ADMIN = (
    *("/sleep", "/wake_up", "/pause", "/resume", "/collective_rpc", "/update_weights"),
    *("/abort_requests", "/reset_prefix_cache", "/scale_elastic_ep", "/classify"),
    *("/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/api/pull", "/api/delete"),
)
TRICKS = (
    *("//metrics", "/v1/../metrics", "/v1/models/../../metrics", "/v1/%2e%2e/metrics"),
    *("/metrics/..%2fv1/models", "/v1//models", "/v1/models/", "/V1/models", "/v1/model%73"),
    *("/v1/models%3f", "/v1/models;x=1", "/refuse/400"),
)


def models_of(answer):
    return sorted(model["id"] for model in answer.json()["data"])


@pytest.mark.usefixtures("has_key")
def test_a_key_sees_its_models(gateway, plan, target, seen):
    answer = gateway.ask("GET", MODELS)
    if answer.status_code != 200:
        fix = "Check that the key is one of this stack and has not expired."
        require([Problem(f"GET {MODELS}", f"it answers {answer.status_code}", fix)])
    found = models_of(answer)
    seen(", ".join(found))
    tenants = [tenant for tenant in plan.gateway.tenants if target.tenant in (None, tenant.name)]
    if found not in [sorted(tenant.models) for tenant in tenants]:
        what = f"it lists {', '.join(found) or 'nothing'}, and no tenant of the plan has just that"
        require([Problem(f"GET {MODELS}", what, CLOSE)])


@pytest.mark.usefixtures("has_key")
def test_every_model_answers_with_one_token(gateway, seen):
    found = models_of(gateway.ask("GET", MODELS))
    answers = {}
    for model in found:
        message = {"role": "user", "content": "Hello"}
        body = {"model": model, "messages": [message], "max_tokens": 1}
        answers[model] = gateway.ask("POST", CHAT, body=body)
    seen(f"{', '.join(found)}: one token each")
    if not found:
        require([Problem(f"GET {MODELS}", "it lists no model to ask", LOGS)])
    require(
        Problem(f"POST {CHAT}, model {model}", f"{told(answer)}, {tokens} tokens for one", LOGS)
        for model, answer in answers.items()
        if (answer.status_code, tokens := tokens_of(answer)) != (200, 1)
    )


def tokens_of(answer):
    return answer.json()["usage"]["completion_tokens"] if answer.is_success else "no"


@pytest.mark.parametrize(
    "authorization", ["", f"Bearer {NOBODY}", f"Basic {NOBODY}"], ids=["none", "wrong", "basic"]
)
def test_who_has_no_key_is_refused(gateway, authorization, seen):
    asked = {"GET": MODELS, "POST": CHAT}
    answers = {m: gateway.ask(m, path, authorization=authorization) for m, path in asked.items()}
    seen(", ".join(str(answer.status_code) for answer in answers.values()))
    require(
        Problem(f"{method} {asked[method]}", f"it answers {told(answer)}, not 401", CLOSE)
        for method, answer in answers.items()
        if (answer.status_code, code_of(answer)) != (401, "invalid_api_key")
    )


def test_a_key_in_the_address_is_refused(gateway, plan, seen):
    """With a key of nobody: what stands in an address stands in logs."""
    path, wanted = f"{MODELS}?api_key={NOBODY}", plan.gateway.query_refused
    answer = gateway.ask("GET", path)
    seen(f"{answer.status_code}")
    if (answer.status_code, code_of(answer)) != (wanted.status, wanted.code):
        what = f"it answers {told(answer)}, not {wanted.status}"
        require([Problem(f"GET {MODELS}?…", what, CLOSE)])


@pytest.mark.parametrize("paths", [INNER, ADMIN, TRICKS], ids=["inner", "admin", "tricks"])
def test_a_closed_path_leads_nowhere(gateway, paths, plan, seen):
    method = "POST" if paths is ADMIN else "GET"
    closed = [path for path in paths if path not in plan.gateway.paths]
    [wanted] = [refusal for refusal in plan.gateway.refusals if refusal.status == 404]
    answers = {path: gateway.ask(method, path) for path in closed}
    seen(f"{len(answers)} paths: {wanted.status}")
    require(
        Problem(f"{method} {path}", f"it answers {told(answer)}, not {wanted.status}", CLOSE)
        for path, answer in answers.items()
        if (answer.status_code, code_of(answer)) != (wanted.status, wanted.code)
    )


def told(answer):
    return f"{answer.status_code} ({code_of(answer) or 'no error code'})"
