"""Generated pages are what the generator makes; the picture shows the plan."""

import xml.etree.ElementTree as ET

import pytest

from operations.check import check_stack
from operations.picture import draw
from operations.reference import DOCS, PAGES


@pytest.mark.medium  # the fit of everything everywhere is among them
@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name):
    committed = (DOCS / name).read_text("utf-8")
    assert committed == PAGES[name](), "run `make docs` and read the diff"


def test_the_picture_has_a_square_for_every_gpu_in_its_state():
    svg = ET.fromstring(draw(check_stack("rehearsal").plan))  # noqa: S314  # our own text
    states = [e.get("class") for e in svg.iter("{http://www.w3.org/2000/svg}rect")]
    legend = 1
    assert states.count("gpu used") - legend == 16
    assert states.count("gpu spare") - legend == 8
