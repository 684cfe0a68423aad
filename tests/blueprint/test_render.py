import json

from components.blueprint.render import plan_digest, plan_document, render_texts


def floats(value, where=""):
    if isinstance(value, dict):
        return [found for k, v in value.items() for found in floats(v, f"{where}.{k}")]
    if isinstance(value, list):
        return [found for i, v in enumerate(value) for found in floats(v, f"{where}.{i}")]
    return [where] if isinstance(value, float) else []


def test_the_document_is_canonical_sorted_without_floats(planned):
    document = plan_document(planned())
    loaded = json.loads(document)
    assert document == json.dumps(loaded, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert floats(loaded) == []


def test_the_same_spec_has_the_same_digest_and_another_has_another(planned):
    assert plan_digest(planned()) == plan_digest(planned())
    assert plan_digest(planned()) != plan_digest(
        planned(lambda s: s["servers"].update() or s["servers"]["r1"].update(concurrency=17))
    )


def test_every_text_stands_in_the_document_by_its_checksum(planned):
    plan = planned()
    assert set(json.loads(plan_document(plan))["texts"]) == set(render_texts(plan))
    assert "gateway/nginx.conf" in render_texts(plan)
