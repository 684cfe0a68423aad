"""Law: a mock that is kinder than Kubernetes proves nothing. Here it is shown to be strict."""

import pulumi
import pulumi_kubernetes as k8s
import pytest


def config_map(logical_name, **metadata):
    return k8s.core.v1.ConfigMap(
        logical_name,
        metadata=k8s.meta.v1.ObjectMetaArgs(**metadata) if metadata else None,
        data={"a": "b"},
    )


def service(**spec):
    port = k8s.core.v1.ServicePortArgs(port=8000)
    return k8s.core.v1.Service("edge", spec=k8s.core.v1.ServiceSpecArgs(ports=[port], **spec))


def test_a_second_object_of_the_same_name_is_refused(cloud):
    def twice():
        config_map("one", name="same", namespace="here")
        config_map("two", name="same", namespace="here")

    with pytest.raises(Exception, match=r"'here', 'same'\) already exists"):
        cloud.build(twice)


def test_the_same_name_in_another_namespace_is_accepted(cloud):
    def apart():
        config_map("one", name="same", namespace="here")
        config_map("two", name="same", namespace="there")

    cloud.build(apart)
    assert [found.name for found in cloud.resources] == ["one", "two"]


def test_a_look_up_is_refused(cloud):
    def looks_up():
        pulumi.runtime.invoke("kubernetes:core/v1:getSomething", {})

    with pytest.raises(Exception, match="getSomething: a plan is complete"):
        cloud.build(looks_up)


def test_what_has_no_name_gets_one_that_differs_from_the_logical_name(cloud):
    assert cloud.build(lambda: config_map("keys").metadata.name) == "keys-1a2b3c4d"


def test_whole_numbers_arrive_whole(cloud):
    cloud.build(service)

    [port] = cloud.one("kubernetes:core/v1:Service").inputs["spec"]["ports"]
    assert str(port["port"]) == "8000"


def test_a_secret_is_seen_as_one_wherever_it_stands_in_an_input(cloud):
    def keys():
        return k8s.core.v1.Secret(
            "keys", string_data={"open": "yes", "shut": pulumi.Output.secret("sesame")}
        )

    cloud.build(keys)
    keys = cloud.one("kubernetes:core/v1:Secret")
    assert keys.secrets == {"stringData"}
    assert keys.inputs["stringData"] == {"open": "yes", "shut": "sesame"}


def test_the_parent_the_order_and_the_timeouts_of_a_registration_can_be_read(cloud):
    def tree():
        home = pulumi.ComponentResource("deepseek:test:Home", "home")
        mine = pulumi.ResourceOptions(parent=home)
        first = k8s.core.v1.ConfigMap("first", data={}, opts=mine)
        later = pulumi.ResourceOptions(
            depends_on=[first], custom_timeouts=pulumi.CustomTimeouts(create="7s")
        )
        k8s.core.v1.ConfigMap("second", data={}, opts=pulumi.ResourceOptions.merge(mine, later))

    cloud.build(tree)
    assert cloud.request("second").parent.endswith("deepseek:test:Home::home")
    assert cloud.request("second").customTimeouts.create == "7s"
    assert cloud.depends_on("second") == ["first"]
    assert "deepseek:test:Home$kubernetes:core/v1:ConfigMap::first" in cloud.urns()


@pytest.mark.parametrize(
    ("spec", "address"),
    [
        ({}, "10.96.0.10"),
        ({"cluster_ip": "None"}, "None"),
    ],
)
def test_a_service_gets_a_cluster_address_unless_it_is_headless(cloud, spec, address):
    assert cloud.build(lambda: service(**spec).spec.cluster_ip) == address


def test_a_load_balancer_gets_an_address_from_outside(cloud):
    ingress = cloud.build(lambda: service(type="LoadBalancer").status.load_balancer.ingress)
    assert ingress[0].ip == "192.0.2.10"
