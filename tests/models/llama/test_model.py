"""Models that llama.cpp runs, beside the same model in transformers' hands.

Where llama-cpp-python is not installed a stand-in with its interface takes its place (``tests/fake_llama_cpp.py``).
"""

from __future__ import annotations

import copy
import os
import pickle
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fake_llama_cpp
import pytest
import torch
from random_models import plain_logits, random_model, user

from oversight_envs import rollout
from oversight_envs.agents import make_player
from oversight_envs.core.fingerprint import Unidentified
from oversight_envs.judges import make_judge, make_verifier
from oversight_envs.models import Generation, LanguageModel, NonFiniteLogits, PromptTooLong, load, load_engine
from oversight_envs.models.api.address import MEMBER
from oversight_envs.models.hf.loading import resolve
from oversight_envs.models.llama import LlamaModel, LlamaOptions
from oversight_envs.models.llama.loading import parse_spec
from oversight_envs.models.llama.reader import plan
from oversight_envs.protocols import Debate

REAL = find_spec("llama_cpp") is not None
SPEC = "llama:smollm2-135m?n_ctx=1024&max_batch=6"
NEAR = 0.4 if REAL else 1e-4
"""llama.cpp computes with inputs in 8 bits: SmolLM2's log-probabilities differ; the stand-in's don't."""
PASSAGE = "The keeper counted the ships. " * 9
PROMPTS = [user("Hi."), user("Is it so?<|im_end|>\n<|im_start|>assistant\nA"), user(PASSAGE), user(PASSAGE + "Why?")]


@pytest.fixture(scope="module", autouse=True)
def _llama_cpp() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if not REAL:
            fake_llama_cpp.install(patch)
        yield


@pytest.fixture(scope="module")
def lm() -> Any:
    return load_engine(SPEC)


@pytest.fixture(scope="module")
def hf() -> LanguageModel:
    return load("smollm2-135m") if REAL else random_model()


def asked(count: int, **settings: Any) -> list[Generation]:
    return [Generation(PROMPTS[i % 4], 2**62 + i, max_new_tokens=6 + i % 5, **settings) for i in range(count)]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, lm: Any) -> list[int]:
    """How many tokens were read by each call."""
    counts: list[int] = []
    decode = sys.modules["llama_cpp"].llama_decode

    def counting(context: Any, batch: Any) -> int:
        counts.append(batch.n_tokens)
        return int(decode(context, batch))

    monkeypatch.setattr(sys.modules["llama_cpp"], "llama_decode", counting)
    return counts


def test_labels_are_read_as_by_transformers(lm: Any, hf: LanguageModel) -> None:
    for labels in (["A", "B"], ["Yes", "No"]):
        for prompts in (PROMPTS, [hf.encode(prompt) for prompt in PROMPTS]):
            for one, two in zip(lm.label_log_probs(prompts, labels), hf.label_log_probs(prompts, labels), strict=True):
                assert one.log_probs == pytest.approx(two.log_probs, abs=NEAR)
                assert one.mass == pytest.approx(two.mass, rel=NEAR)
    assert lm.label_log_probs([], ["A", "B"]) == lm.generate([]) == []


@pytest.mark.parametrize(
    "settings", [{}, {"temperature": 0.6, "top_p": 0.9, "top_k": 40}, {"temperature": 0.0}], ids=["1", "cut", "greedy"]
)
def test_a_sample_depends_on_its_request_alone(lm: Any, hf: LanguageModel, settings: dict[str, Any]) -> None:
    requests = asked(9, **settings)
    done = lm.generate(requests)
    again = lm.generate(requests[::-1])[::-1]
    for request, completion, other in zip(requests, done, again, strict=True):
        assert completion == other == lm.generate([request])[0]
        assert completion.finished == (completion.token_ids[-1] in hf.chat.end_ids)
        assert completion.finished or len(completion.token_ids) == request.max_new_tokens
        assert completion.text == hf.written(request.prompt, completion.token_ids)
        ids = [*hf.encode(request.prompt), *completion.token_ids]
        rows = plain_logits(hf, ids)[-len(completion.token_ids) - 1 : -1].double() / (request.temperature or 1.0)
        expected = rows.log_softmax(-1).gather(-1, torch.tensor(completion.token_ids)[:, None])[:, 0]
        assert completion.log_probs == pytest.approx(expected.tolist(), abs=10 * NEAR)
    if not REAL:
        assert [c.token_ids for c in done] == [c.token_ids for c in hf.generate(requests)]


def test_a_sample_ends_with_an_end_token(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = asked(3, temperature=0.0)
    whole = lm.generate(requests)
    monkeypatch.setattr(lm.chat, "end_ids", frozenset({whole[0].token_ids[2]}))
    ended = lm.generate(requests)
    end = whole[0].token_ids.index(whole[0].token_ids[2]) + 1
    assert (ended[0].token_ids, ended[0].finished) == (whole[0].token_ids[:end], True)
    assert ended[0].text == lm.decode(ended[0].token_ids[:-1])
    assert whole[1].token_ids[: len(ended[1].token_ids)] == ended[1].token_ids


def test_what_prompts_share_is_read_once(lm: Any, hf: LanguageModel, read: list[int]) -> None:
    ids = hf.encode(PROMPTS[2])
    samples = lm.generate([Generation(PROMPTS[2], i, max_new_tokens=3) for i in range(6)])
    assert len({sample.token_ids for sample in samples}) > 1
    assert read[0] == len(ids)
    assert max(read[1:]) <= 6
    read.clear()
    lm.label_log_probs([PROMPTS[3], PROMPTS[2]], ["A", "B"])
    longer = hf.encode(PROMPTS[3])
    common = next(i for i, (a, b) in enumerate(zip(ids, longer, strict=False)) if a != b)
    assert sum(read) == len(ids) + len(longer) - common


@pytest.mark.skipif(not REAL, reason="the stand-in has no kernels")
def test_no_bit_depends_on_the_batch(lm: Any) -> None:
    long = [tuple(lm.encode_text(f"{name} counted the ships. " * 70)) for name in ("Ann", "Bob")]
    requests = [Generation(ids[:length], i, 3) for i, (ids, length) in enumerate(zip(long, (257, 320), strict=True))]
    requests += [Generation(long[0][:33], 9, 3), Generation((5,), 9, 3)]
    assert lm.generate(requests) == [lm.generate([request])[0] for request in requests]


def test_full_to_the_last_cell(lm: Any) -> None:
    small: Any = load_engine("llama:smollm2-135m?n_ctx=256")
    (done,) = small.generate([Generation([7] * 200, 0, max_new_tokens=56)])
    assert done == lm.generate([Generation([7] * 200, 0, max_new_tokens=56)])[0]
    assert len(small.generate([Generation([i] * 100, i, max_new_tokens=5) for i in range(6)])) == 6
    with pytest.raises(PromptTooLong, match="exceed the 256"):
        small.generate([Generation([7] * 200, 0, max_new_tokens=57)])


def test_batches() -> None:
    prompts = [(1,) * 50, (1,) * 50 + (2,) * 10, (3,) * 100, (1,) * 50]
    assert plan(prompts, [10] * 4, max_rows=9, max_tokens=90) == [[0, 3, 1], [2]]
    assert plan(prompts, [10] * 4, max_rows=2, max_tokens=900) == [[0, 3], [1, 2]]
    assert plan([], [], max_rows=2, max_tokens=9) == []


def test_its_name_works_wherever_a_model_does(lm: Any) -> None:
    debate = Debate(wording="tiny_debate")
    agent = make_player(SPEC, debate.roles["debater_0"])
    judge = make_judge(SPEC)
    assert agent.lm is judge.lm is make_judge(f"reasoning:{SPEC}").judge.lm is make_verifier(SPEC).lm is lm
    assert MEMBER.split(f"logit:{SPEC}+{SPEC}") == [f"logit:{SPEC}", SPEC]
    agent.max_new_tokens = 5
    players = {"debater_0": agent, "debater_1": agent, "judge_0": SPEC}
    (record,) = rollout(debate, "stories", players, questions=1)
    assert record.decisions
    assert record.players["judge_0"]["lm"]["type"] == "LlamaModel"
    speech = record.entries[0].reply
    assert len(speech.token_ids) == len(speech.log_probs) > 0


def test_one_model_in_memory_and_what_it_is(lm: Any, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="enable_thinking"):
        off: Any = load_engine(SPEC + "&enable_thinking=false")
    assert off._loaded is lm._loaded
    assert (lm.can, lm.context_length, lm.thinks) == ({"label_log_probs", "token_ids"}, 1024, False)
    assert lm.description == {
        "type": "LlamaModel",
        "model": "llama:smollm2-135m",
        "revision": resolve("smollm2-135m").revision,
        "llama_cpp": sys.modules["llama_cpp"].__version__,
    }
    assert copy.deepcopy(lm) is lm
    same = pickle.loads(pickle.dumps(lm))
    assert same._loaded is lm._loaded
    assert lm.fingerprint == same.fingerprint != off.fingerprint


def test_a_file_written_anew_is_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = resolve("smollm2-135m")
    file = tmp_path / "model.gguf"
    shutil.copy(Path(source.place, source.gguf_file or ""), file)
    there = load("smollm2-135m")
    monkeypatch.setattr(
        "oversight_envs.models.llama.loading.AutoTokenizer.from_pretrained", lambda *_, **__: there.tokenizer
    )
    monkeypatch.setattr("oversight_envs.models.llama.loading.without_gguf", lambda source: source)  # half a minute
    old = LlamaModel(str(file))
    assert old.fingerprint
    os.utime(file, ns=(0, 0))
    with pytest.raises(Unidentified, match="changed since"):
        _ = old.fingerprint
    assert LlamaModel(str(file))._loaded is not old._loaded


def test_bad_input(lm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for options, told in (
        ("n_ctx=0", "n_ctx=0"),
        ("n_ctx=many", "n_ctx='many'"),
        ("max_batch=0", "max_batch=0"),
        ("max_batch=129", "max_batch=129: llama.cpp holds few"),
    ):
        with pytest.raises(ValueError, match=told):
            load_engine(f"llama:smollm2-135m?{options}")
    for spec, told in (
        ("llama:", "write llama:FILE.gguf"),
        ("llama:nothing.gguf", "'nothing.gguf' is not a model"),
        ("llama:org/name", "llama.cpp reads .gguf files"),
        ("llama:tiny-stories-judge", "or 'tiny-stories-judge' itself"),
    ):
        with pytest.raises(ValueError, match=told):
            load_engine(spec)
    for make in (load, lambda spec: make_verifier(f"reward-model:{spec}")):
        with pytest.raises(ValueError, match="leave 'llama:' out"):
            make("llama:smollm2-135m")
    with pytest.raises(PromptTooLong, match="exceed the 1,024"):
        lm.generate([Generation(PROMPTS[0], 0, 1024)])
    with pytest.raises(ValueError, match="batch_size=0"):
        lm.label_log_probs(PROMPTS, ["A", "B"], batch_size=0)

    def absent(name: str) -> Any:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("oversight_envs.models.llama.loading.import_module", absent)
    with pytest.raises(ImportError, match=r"needs the package 'llama_cpp': pip install 'oversight-envs\[llama\]'"):
        load_engine("llama:smollm2-135m?n_ctx=600")


def test_what_llama_cpp_can_fail_of(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lib = sys.modules["llama_cpp"]
    monkeypatch.setattr(lib, "llama_decode", lambda *_: -2)
    with pytest.raises(RuntimeError, match="llama_decode: -2"):
        lm.generate(asked(1))
    monkeypatch.undo()
    text = lib.llama_vocab_get_text
    for name, put, told in (
        ("llama_vocab_get_text", lambda *given: b"other" if given[1] == 77 else text(*given), "id 77 is .*'other'"),
        ("llama_vocab_n_tokens", lambda _: 30_000, "has 49,152 ids, and llama.cpp reads 30,000"),
        ("llama_model_load_from_file", lambda *_: None, "can't load it; check the file"),
        ("llama_init_from_model", lambda *_: None, "can't hold 2,000 tokens: give a smaller n_ctx"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(lib, name, put)
            with pytest.raises(ValueError, match=told):
                load_engine("llama:smollm2-135m?n_ctx=1000")
    broken = torch.full((1, 49_152), torch.nan)
    monkeypatch.setattr(lm._reader, "_compute", lambda tokens: broken)
    with pytest.raises(NonFiniteLogits):
        lm.generate(asked(1))
    with pytest.raises(NonFiniteLogits):
        lm.label_log_probs(PROMPTS[:1], ["A", "B"])


def test_specs() -> None:
    assert parse_spec("llama:/models/m.gguf?n_ctx=8192&enable_thinking=false") == (
        "/models/m.gguf",
        LlamaOptions(n_ctx=8192),
        {"enable_thinking": False},
    )
