"""Every kind of judge, verifier and ranker that has a name keeps the contract, here and behind a server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from api_server import api_server, digest
from random_models import random_model, seeded, tiny_config
from transformers import LlamaForSequenceClassification

from oversight_envs.judges import PanelJudge, judge_names, make_judge, make_ranker, make_verifier
from oversight_envs.judges.registry import model_of
from oversight_envs.models.api.address import MEMBER, without_secrets
from oversight_envs.models.hf.loading import save_folder
from oversight_envs.testing import check_judge, check_ranker, example_cases, example_solutions

pytest.importorskip("openai")

HERE = {
    "logit": "logit:{lm}",
    "panel": "panel:logit:{lm}+reward-model:{classifier}+stated:{api}",
    "reasoning": "reasoning:stated:{api}",
    "reward-model": "reward-model:{classifier}",
    "sampled": "sampled:{api}",
    "stated": "stated:{api}",
}
SERVED = {"logit": "logit:{api}", "panel": "panel:logit:{api}+sampled:{api}", "reasoning": "reasoning:{api}"}
RANKERS = ("ranking:{api}", "ranking:logit:{lm}", "ranking:logit:{api}", "ranking:reward-model:{classifier}")


def words(body: dict[str, Any]) -> str:
    """What was asked for: an order, the probability of A, or that of Yes; it depends on the whole request."""
    asked, number = body["messages"][-1]["content"], digest(body)
    if found := re.search("every letter from A to ([A-Z])", asked):
        letters = [chr(code) for code in range(ord("A"), ord(found[1]) + 1)]
        turn = number % len(letters)
        return f"I compare them.\nAnswer: {' > '.join(letters[turn:] + letters[:turn])}"
    first = number % 9 + 1
    return f"Hm.\nAnswer: 0.{first}" if "Yes" in asked else f"Hm.\nAnswer: A: 0.{first}, B: 0.{10 - first}"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A language model's folder with a ``+`` in its name, a classifier's, and a server's model."""
    folder, lm = tmp_path_factory.mktemp("c++"), random_model()
    save_folder(folder / "lm", lm.model, lm.tokenizer)
    classifier = seeded(lambda: LlamaForSequenceClassification(tiny_config(len(lm.tokenizer), num_labels=1)))
    save_folder(folder / "classifier", classifier, lm.tokenizer)
    with api_server() as server:
        server.words = words
        yield {"lm": str(folder / "lm"), "classifier": str(folder / "classifier"), "api": server.spec}


def test_every_kind_is_checked_here() -> None:
    assert sorted(HERE) == judge_names()["judges"] == judge_names()["verifiers"]
    assert judge_names()["rankers"] == ["ranking"]
    for kind in HERE:
        assert MEMBER.split(f"{kind}:x+{kind}:y") == [f"{kind}:x", f"{kind}:y"]


@pytest.mark.parametrize("spec", [*HERE.values(), *SERVED.values()])
def test_judges_and_verifiers_by_name_keep_the_contract(spec: str, places: dict[str, str]) -> None:
    check_judge(make_judge(spec.format(**places)), example_cases())
    check_judge(make_verifier(spec.format(**places)), example_solutions())


@pytest.mark.parametrize("spec", RANKERS)
def test_rankers_by_name_keep_the_contract(spec: str, places: dict[str, str]) -> None:
    check_ranker(make_ranker(spec.format(**places)))


def test_the_names_of_panels(places: dict[str, str]) -> None:
    panel = make_judge("panel:logit:{lm}+reasoning:stated:{api}?k=a+b+{api}".format(**places))
    assert isinstance(panel, PanelJudge)
    kinds = [type(member).__name__ for member in panel.members]
    assert kinds == ["LogitJudge", "ReasoningJudge", "ApiLogitJudge"]
    assert model_of("panel:stated:openai:m@http://h/v1+logit:x") == "openai:m@http://h/v1"
    shown = without_secrets("panel:logit:openai:m@http://u:pw1@h/v1?key=s1+stated:openai:n@http://u:pw2@i/v1?key=s2")
    assert shown == "panel:logit:openai:m@http://h/v1+stated:openai:n@http://i/v1"


BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: make_judge("panel:logit:m"), "a panel has two members or more"),
    (lambda: make_judge("panel:"), "KIND one of"),
    (lambda: make_judge("panel:stated:openai:m+smollm2-135m"), "a panel has two members or more.*each with its kind"),
    (lambda: make_judge("panel:stated:openai:m+panel:stated:openai:m+stated:openai:m"), "none of them a panel"),
    (lambda: make_judge("panel:logits:openai:m+stated:openai:m"), "KIND one of"),
    (lambda: make_judge("panel:stated:openai:m+reward-model:openai:m"), "a server's model can't be one"),
    (lambda: make_judge("reasoning:panel:stated:openai:m+stated:openai:m"), "whose thoughts"),
    (lambda: make_judge("ranking:openai:m"), "orders samples.*decides nothing alone"),
    (lambda: make_verifier("ranking:openai:m"), "as a reward"),
    (lambda: make_ranker("logit:openai:m"), "give ranking:MODEL"),
    (lambda: make_ranker("ranking:"), "give ranking:MODEL"),
    (lambda: make_ranker("ranking:reward-model:openai:m"), "a server's model can't be one"),
]


@pytest.mark.parametrize(("make", "says"), BAD)
def test_names_of_nothing_are_refused(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def test_a_folder_with_a_plus_in_its_name_is_one_model(places: dict[str, str], tmp_path: Path) -> None:
    assert "+" in places["lm"]
    assert make_judge(places["lm"]).lm.name == places["lm"]
