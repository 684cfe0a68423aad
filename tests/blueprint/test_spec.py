from components.blueprint.spec import BlueprintSpec
from components.spec import Spec


def test_the_parts_of_an_environment_are_these_and_their_order_is_that_of_the_docs():
    assert list(BlueprintSpec.model_fields) == [
        *("cloud", "cluster", "network", "pools", "weights", "servers", "gateway", "tags"),
    ]


def test_every_part_is_closed_frozen_and_strict():
    def models(model):
        yield model
        for part in model.__subclasses__():
            yield from models(part)

    for model in models(Spec):
        config = model.model_config
        assert (config["extra"], config["frozen"], config["strict"]) == ("forbid", True, True), (
            model
        )
