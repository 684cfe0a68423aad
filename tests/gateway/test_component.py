"""What the gateway registers. Does not prove that Kubernetes starts it."""

import json

import pytest

from components.gateway.component import Gateway, GatewayArgs
from components.gateway.inputs import CHECKSUM

HASH = "c0ffee" * 10 + "cafe"
KEYS = json.dumps({HASH: {"tenant": "acme", "expires": "2027-01-31"}})
FILES = {"tls.crt": "certificate", "tls.key": "canary-private-key", "ca.crt": "authority"}
CERTIFICATE = json.dumps(FILES)


@pytest.fixture
def build(cloud, planned):
    def register(keys=KEYS, certificate=CERTIFICATE, **changed):
        plan = planned(**changed)
        args = GatewayArgs(
            plan=plan, namespace="deepseek-gateway", keys=keys, certificate=certificate
        )
        return cloud.build(lambda: Gateway("gateway", args).url)

    return register


def spec_of(cloud, token):
    return cloud.one(f"kubernetes:{token}").inputs["spec"]


def children(cloud):
    return [urn.rpartition("$kubernetes:")[2] for urn in cloud.urns() if "$kubernetes:" in urn]


def test_its_children_with_a_certificate_of_our_own(cloud, build):
    build()
    assert children(cloud) == [
        "apps/v1:Deployment::gateway-pods",
        "core/v1:ConfigMap::gateway-config",
        "core/v1:Secret::gateway-keys",
        "core/v1:Secret::gateway-tls",
        "core/v1:Service::gateway-service",
        "networking.k8s.io/v1:NetworkPolicy::gateway-policy",
        "policy/v1:PodDisruptionBudget::gateway-disruption",
    ]


def test_a_certificate_of_the_users_is_mounted_and_not_made(cloud, build):
    build(tls={"mode": "secret", "secret": "edge"}, certificate=None)
    assert "core/v1:Secret::gateway-tls" not in children(cloud)
    volumes = spec_of(cloud, "apps/v1:Deployment")["template"]["spec"]["volumes"]
    assert {"name": "tls", "secret": {"secretName": "edge", "defaultMode": 0o440}} in volumes


def test_every_object_has_the_name_that_people_and_policies_type(cloud, build):
    build()
    objects = [r for r in cloud.resources if r.typ.startswith("kubernetes:")]
    names = sorted((r.typ.rpartition(":")[2], r.inputs["metadata"]["name"]) for r in objects)
    assert names == [
        ("ConfigMap", "gateway-config"),
        ("Deployment", "gateway"),
        ("NetworkPolicy", "gateway"),
        ("PodDisruptionBudget", "gateway"),
        ("Secret", "gateway-keys"),
        ("Secret", "gateway-tls"),
        ("Service", "gateway"),
    ]
    assert {r.inputs["metadata"]["namespace"] for r in objects} == {"deepseek-gateway"}
    assert {r.inputs["metadata"]["labels"]["owner"] for r in objects} == {"test"}


def test_the_url_is_the_full_name_of_the_service(build):
    assert build() == "https://gateway.deepseek-gateway.svc.cluster.local"


def test_pods_start_after_everything_they_mount(cloud, build):
    build()
    assert cloud.depends_on("gateway-pods") == ["gateway-config", "gateway-keys", "gateway-tls"]


def test_keys_and_certificates_stand_in_secrets_alone_and_are_marked_secret(cloud, build):
    build()
    secrets = {r.name: r for r in cloud.resources if r.typ == "kubernetes:core/v1:Secret"}
    assert secrets["gateway-keys"].inputs["stringData"] == {
        "keys.map": f'"{HASH}" "acme:2027-01-31";\n'
    }
    assert secrets["gateway-tls"].inputs["stringData"] == FILES
    assert secrets["gateway-tls"].inputs["type"] == "kubernetes.io/tls"
    assert all("stringData" in secret.secrets for secret in secrets.values())
    others = [r.inputs for r in cloud.resources if r.name not in secrets]
    assert HASH not in str(others)
    assert "canary-private-key" not in str(others)


def test_a_changed_configuration_rolls_the_pods_and_changed_keys_do_not(cloud, build):
    def checksum(**changed):
        cloud.__init__()
        build(**changed)
        template = spec_of(cloud, "apps/v1:Deployment")["template"]
        return template["metadata"]["annotations"][CHECKSUM]

    tiers = {"gold": {"requests_per_minute": 601, "concurrent_requests": 8}}
    same_share = checksum(tiers=tiers)  # 601 / 2 rounds to the 300 of before
    assert checksum() == checksum(keys="{}") == same_share
    tiers = {"gold": {"requests_per_minute": 602, "concurrent_requests": 8}}
    assert checksum(tiers=tiers) != same_share


def test_pod_and_container_are_as_pod_security_restricted_wants_them(cloud, build):
    build()
    pod = spec_of(cloud, "apps/v1:Deployment")["template"]["spec"]
    assert pod["securityContext"] == {
        "fsGroup": 101,
        "runAsNonRoot": True,
        "runAsUser": 101,
        "runAsGroup": 101,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    kinds = {key for volume in pod["volumes"] for key in volume if key != "name"}
    assert kinds == {"configMap", "secret", "emptyDir"}


def test_what_nginx_may_write_is_in_memory_and_nothing_is_mounted_by_sub_path(cloud, build):
    build()
    pod = spec_of(cloud, "apps/v1:Deployment")["template"]["spec"]
    writable = [m for m in pod["containers"][0]["volumeMounts"] if not m.get("readOnly")]
    assert writable == [{"name": "run", "mountPath": "/run/gateway"}]
    assert pod["volumes"][-1]["emptyDir"] == {"medium": "Memory", "sizeLimit": "64Mi"}
    assert "subPath" not in str(pod)


def test_nginx_is_started_by_the_script_with_njs_as_a_module(cloud, build):
    build()
    [container] = spec_of(cloud, "apps/v1:Deployment")["template"]["spec"]["containers"]
    assert container["command"] == [
        "/bin/sh",
        "/etc/gateway/config/start.sh",
        "-g",
        "load_module modules/ngx_http_js_module.so;",
    ]
    assert container["image"].startswith("docker.io/library/nginx:1.30.6")


def test_the_pod_outlasts_its_longest_stream(cloud, build):
    build()
    pod = spec_of(cloud, "apps/v1:Deployment")["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 635
    assert pod["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}


def test_an_update_adds_a_pod_before_it_takes_one(cloud, build):
    build()
    assert spec_of(cloud, "apps/v1:Deployment")["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }
    assert spec_of(cloud, "policy/v1:PodDisruptionBudget")["maxUnavailable"] == 1


def test_the_service_selects_the_pods_and_leads_443_to_their_tls_port(cloud, build):
    build(exposure="public")
    service, pods = spec_of(cloud, "core/v1:Service"), spec_of(cloud, "apps/v1:Deployment")
    assert service["ports"] == [{"name": "https", "port": 443, "targetPort": "https"}]
    assert (service["type"], service["externalTrafficPolicy"]) == ("LoadBalancer", "Local")
    assert service["selector"].items() <= pods["template"]["metadata"]["labels"].items()
    assert pods["selector"]["matchLabels"] == service["selector"]


def test_declared_clients_come_in_and_only_engines_are_reached(cloud, build):
    build()
    policy = spec_of(cloud, "networking.k8s.io/v1:NetworkPolicy")
    [incoming], [outgoing] = policy["ingress"], policy["egress"]
    assert [peer["ipBlock"]["cidr"] for peer in incoming["from"]] == [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
    ]
    assert incoming["ports"] == [{"port": 8443, "protocol": "TCP"}]
    [peer] = outgoing["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "deepseek-serving"
    }
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "r1"
    assert outgoing["ports"] == [{"port": 8000, "protocol": "TCP"}]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
