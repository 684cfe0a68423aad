import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.problems import PlanError, Problem, nearest

ENGINES = ("simulator", "vllm")


def test_a_problem_reads_as_advice():
    problem = Problem("servers.r1.replicas", "0 replicas serve nobody", "Ask for at least one.")
    assert str(problem) == "servers.r1.replicas: 0 replicas serve nobody. Ask for at least one."


def test_a_problem_with_a_line_says_where_to_look():
    problem = Problem("cloud", "it is empty", "Name one.", line=3)
    assert str(problem) == "cloud (line 3): it is empty. Name one."


def test_every_problem_is_in_the_message():
    error = PlanError([Problem("a", "is wrong", "Mend a."), Problem("b", "is too", "Mend b.")])
    assert str(error) == "- a: is wrong. Mend a.\n- b: is too. Mend b."


def test_the_problems_of_an_error_can_be_read_twice():
    error = PlanError(problem for problem in [Problem("a", "is wrong", "Mend a.")])
    assert [len(error.problems), len(error.problems)] == [1, 1]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [("vlm", "Did you mean 'vllm'? "), ("VLLM", ""), ("tgi", ""), ("", "")],
)
def test_a_near_word_is_proposed_and_a_far_one_is_not(word, sentence):
    assert nearest(word, ENGINES) == sentence


@given(st.text(max_size=20))
def test_a_proposal_is_always_one_of_the_known(word):
    assert nearest(word, ENGINES) in {"", *(f"Did you mean {known!r}? " for known in ENGINES)}
