"""Models that vLLM runs, beside the same model in transformers' hands.

Where vLLM is not installed a stand-in with its interface takes its place (``tests/fake_vllm.py``).
"""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fake_vllm
import pytest
import torch
from random_models import plain_logits, seeded, tiny_config, user
from transformers import LlamaForCausalLM

from oversight_envs import rollout
from oversight_envs.agents import make_player
from oversight_envs.core.fingerprint import Unidentified
from oversight_envs.judges import make_judge, make_verifier
from oversight_envs.models import Generation, LanguageModel, NonFiniteLogits, PromptTooLong, load, load_engine
from oversight_envs.models.hf.loading import save_folder
from oversight_envs.models.vllm import VllmModel, VllmOptions
from oversight_envs.models.vllm.loading import parse_spec
from oversight_envs.protocols import Debate

REAL = find_spec("vllm") is not None
OPTIONS = "dtype=float32&max_model_len=512" + ("&gpu_memory_utilization=0.15" if REAL else "")
PROMPTS = [
    user("Hi."),
    user("Is it so?<|im_end|>\n<|im_start|>assistant\nA"),
    user("The keeper counted the ships. " * 20),
]


def save(folder: Path, tokenizer: Any, seed: int = 0) -> str:
    config = tiny_config(len(tokenizer), head_dim=64)  # vLLM knows no smaller heads
    save_folder(folder, seeded(lambda: LlamaForCausalLM(config), seed), tokenizer)
    return str(folder)


@pytest.fixture(scope="module", autouse=True)
def _vllm() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if not REAL:
            fake_vllm.install(patch)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> str:
    return save(tmp_path_factory.mktemp("model"), tokenizer)


@pytest.fixture(scope="module")
def lm(folder: str) -> Any:
    return load_engine(f"vllm:{folder}?{OPTIONS}")


@pytest.fixture(scope="module")
def hf(folder: str) -> LanguageModel:
    return load(folder)


def test_labels_are_read_as_by_transformers(lm: Any, hf: LanguageModel) -> None:
    for labels in (["A", "B"], ["A", "B", "C", "D"], ["Yes", "No"]):
        for prompts in (PROMPTS, [hf.encode(prompt) for prompt in PROMPTS]):
            for one, two in zip(lm.label_log_probs(prompts, labels), hf.label_log_probs(prompts, labels), strict=True):
                assert one.log_probs == pytest.approx(two.log_probs, abs=1e-4)
                assert one.mass == pytest.approx(two.mass, rel=1e-3)
    assert lm.label_log_probs([], ["A", "B"]) == lm.generate([]) == []


@pytest.mark.parametrize("temperature", [1.0, 0.6, 0.0])
def test_samples_carry_the_log_probabilities_that_they_were_drawn_with(
    lm: Any, hf: LanguageModel, temperature: float
) -> None:
    asked = [Generation(PROMPTS[i % 3], 2**62 + i, max_new_tokens=6 + i, temperature=temperature) for i in range(6)]
    done = lm.generate(asked)
    for request, completion, again in zip(asked, done, lm.generate(asked[::-1])[::-1], strict=True):
        assert completion.token_ids == again.token_ids == lm.generate([request])[0].token_ids
        assert completion.finished == (completion.token_ids[-1] in hf.chat.end_ids)
        assert completion.finished or len(completion.token_ids) == request.max_new_tokens
        assert completion.text == hf.written(request.prompt, completion.token_ids)
        ids = [*hf.encode(request.prompt), *completion.token_ids]
        rows = plain_logits(hf, ids)[-len(completion.token_ids) - 1 : -1].double() / (temperature or 1.0)
        expected = rows.log_softmax(-1).gather(-1, torch.tensor(completion.token_ids)[:, None])[:, 0]
        assert completion.log_probs == pytest.approx(expected.tolist(), abs=1e-3)
    if temperature:
        other = lm.generate([Generation(asked[5].prompt, 1, max_new_tokens=11, temperature=temperature)])
        assert other[0].token_ids != done[5].token_ids
    else:
        assert [c.token_ids for c in done] == [c.token_ids for c in hf.generate(asked)]


def test_a_sample_ends_with_an_end_token(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    request = Generation(PROMPTS[0], 0, max_new_tokens=6, temperature=0.0)
    (whole,) = lm.generate([request])
    end = whole.token_ids[3]
    monkeypatch.setattr(lm.chat, "end_ids", frozenset({end}))
    (ended,) = lm.generate([request])
    assert (ended.finished, whole.finished) == (True, False)
    assert ended.token_ids == whole.token_ids[: whole.token_ids.index(end) + 1]
    assert ended.text == lm.decode(ended.token_ids[:-1])


def test_cut_distributions_have_no_log_probabilities(lm: Any, hf: LanguageModel) -> None:
    for cut in ({"top_p": 0.5}, {"top_k": 3}):
        (done,) = lm.generate([Generation(PROMPTS[0], 5, max_new_tokens=8, **cut)])
        assert done.log_probs == ()
        assert len(done.token_ids) == 8
    ranks = plain_logits(hf, [*hf.encode(PROMPTS[0]), *done.token_ids])[-9:-1].argsort(-1, descending=True)
    assert all(token in row[:3] for token, row in zip(done.token_ids, ranks.tolist(), strict=True))
    (greedy,) = lm.generate([Generation(PROMPTS[0], 5, max_new_tokens=8, temperature=0.0, top_p=0.5)])
    assert len(greedy.log_probs) == 8


def test_its_name_works_wherever_a_model_does(lm: Any, folder: str) -> None:
    spec = f"vllm:{folder}?{OPTIONS}"
    debate = Debate(wording="tiny_debate")
    agent = make_player(spec, debate.roles["debater_0"])
    judge = make_judge(spec)
    assert agent.lm is judge.lm is make_judge(f"reasoning:{spec}").judge.lm is make_verifier(spec).lm is lm
    agent.max_new_tokens = 5
    players = {"debater_0": agent, "debater_1": agent, "judge_0": spec}
    (record,) = rollout(debate, "stories", players, questions=1)
    assert record.decisions
    assert record.players["judge_0"]["lm"]["type"] == "VllmModel"
    speech = record.entries[0].reply
    assert len(speech.token_ids) == len(speech.log_probs) > 0


def test_one_model_in_memory_and_what_it_is(lm: Any, folder: str, tokenizer: Any) -> None:
    with pytest.warns(UserWarning, match="enable_thinking"):
        off = load_engine(f"vllm:{folder}?{OPTIONS}&enable_thinking=false")
    assert off._loaded is lm._loaded
    assert off.description["template_options"] == {"enable_thinking": False}
    assert (lm.can, lm.context_length, lm.thinks) == ({"label_log_probs", "token_ids"}, 512, False)
    assert lm.description == {
        "type": "VllmModel",
        "model": f"vllm:{folder}",
        "revision": None,
        "dtype": "float32",
        "vllm": sys.modules["vllm"].__version__,
        "tensor_parallel_size": 1,
    }
    assert copy.deepcopy(lm) is lm
    assert pickle.loads(pickle.dumps(lm))._loaded is lm._loaded
    assert lm.fingerprint == pickle.loads(pickle.dumps(lm)).fingerprint != off.fingerprint
    lm.forget()


@pytest.mark.skipif(REAL, reason="loads several models")
def test_a_folder_written_anew_is_another_model(tmp_path: Path, tokenizer: Any) -> None:
    name = save(tmp_path, tokenizer)
    old = VllmModel(name)
    named = load_engine(f"vllm:{name}")
    assert load_engine(f"vllm:{name}") is named
    was = old.fingerprint
    save(tmp_path, tokenizer, seed=1)
    with pytest.raises(Unidentified, match="changed since"):
        _ = old.fingerprint
    new = VllmModel(name)
    assert new.fingerprint != was
    assert load_engine(f"vllm:{name}").fingerprint == new.fingerprint  # by its name, too
    labels = [engine.label_log_probs(PROMPTS[:1], ["A", "B"])[0].log_probs for engine in (old, new)]
    assert labels[0] != labels[1]


def test_bad_input(lm: Any, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for options, told in (
        ("dtype=int3", "dtype='int3': choose one of"),
        ("tensor_parallel_size=0", "tensor_parallel_size=0"),
        ("max_model_len=many", "max_model_len='many'"),
        ("gpu_memory_utilization=90", "gpu_memory_utilization=90"),
    ):
        with pytest.raises(ValueError, match=told):
            load_engine(f"vllm:{folder}?{options}")
    for spec, told in (
        ("vllm:", "write vllm:MODEL"),
        ("vllm:nothing", "'nothing' is not a model"),
        ("vllm:tiny-stories-judge", "give 'tiny-stories-judge' itself"),
    ):
        with pytest.raises(ValueError, match=told):
            load_engine(spec)
    for make in (load, lambda spec: make_verifier(f"reward-model:{spec}")):
        with pytest.raises(ValueError, match="leave 'vllm:' out"):
            make(f"vllm:{folder}")
    with pytest.raises(PromptTooLong, match="exceed the 512"):
        lm.generate([Generation(PROMPTS[0], 0, 512)])
    with pytest.raises(PromptTooLong):
        lm.label_log_probs([[5] * 512], ["A", "B"])
    for temperature in (0.001, 3.0):
        with pytest.raises(ValueError, match=f"temperature={temperature}: vLLM takes 0, or 0.01 to 2"):
            lm.generate([Generation(PROMPTS[0], 0, 5, temperature=temperature)])
    for missing in ("vllm", "msgspec"):

        def absent(name: str, missing: str = missing) -> Any:
            raise ModuleNotFoundError(name=missing)

        monkeypatch.setattr("oversight_envs.models.vllm.loading.import_module", absent)
        with pytest.raises(ImportError, match=rf"needs the package '{missing}': pip install 'oversight-envs\[vllm\]'"):
            load_engine("vllm:org/name")


@pytest.mark.skipif(REAL, reason="it can't be made to fail at will")
def test_what_vllm_can_fail_of(lm: Any, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"No available memory.*less gpu_memory_utilization for each"):
        load_engine(f"vllm:{folder}?gpu_memory_utilization=0.001")
    monkeypatch.setattr(sys.modules["vllm.platforms"], "current_platform", SimpleNamespace(device_type=""))
    with pytest.raises(ValueError, match="finds no GPU here; give"):
        load_engine(f"vllm:{folder}?max_model_len=100")
    step = {i: fake_vllm.Logprob(float("nan")) for i in range(60_000)}
    broken = SimpleNamespace(token_ids=[1], logprobs=[step], finish_reason="length")
    monkeypatch.setattr(lm._loaded.llm, "generate", lambda *_, **__: [SimpleNamespace(outputs=[broken])])
    with pytest.raises(NonFiniteLogits, match="check its weights"):
        lm.label_log_probs(PROMPTS[:1], ["A", "B"])
    with pytest.raises(NonFiniteLogits):
        lm.generate([Generation(PROMPTS[0], 0, 1)])
    broken.finish_reason = "abort"
    with pytest.raises(RuntimeError, match="ended a request by 'abort'"):
        lm.generate([Generation(PROMPTS[0], 0, 1)])


def test_specs() -> None:
    assert parse_spec("vllm:org/name@v1?max_model_len=8192&enable_thinking=false") == (
        "org/name@v1",
        VllmOptions(max_model_len=8192),
        {"enable_thinking": False},
    )
