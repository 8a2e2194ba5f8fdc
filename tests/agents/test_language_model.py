"""Language models that speak."""

from __future__ import annotations

import pytest
from chat_templates import TEMPLATES, tokenizer
from random_models import PROMPTS, about, random_model, seeded, tiny_config, user
from transformers import LlamaForCausalLM

from oversight_envs.agents.language_model import LanguageModelAgent
from oversight_envs.core.requests import Turn
from oversight_envs.core.thinking import split_thinking
from oversight_envs.models import LanguageModel, PromptTooLong


def test_agent_speaks_with_its_own_streams() -> None:
    tiny = random_model()
    agent = LanguageModelAgent(tiny, max_new_tokens=9)
    turns = [Turn("debater_0", prompt, i, *about(7)) for i, prompt in enumerate(PROMPTS)]
    speeches = agent.speak(turns)
    assert [s.token_ids for s in agent.speak(turns[::-1])] == [s.token_ids for s in speeches[::-1]]
    for speech in speeches:
        assert tiny.chat.decode(tiny.chat.without_end(speech.token_ids)) == speech.text
        assert len(speech.log_probs) == len(speech.token_ids) <= 9
    [other] = agent.speak([Turn("debater_0", PROMPTS[0], 0, *about(8))])
    assert other.token_ids != speeches[0].token_ids
    assert agent.description["lm"] == tiny.description
    twins = agent.speak([Turn(role, PROMPTS[0], 0, *about(7)) for role in ("debater_0", "debater_1")])
    assert twins[0].token_ids != twins[1].token_ids


def thinking_model(style: str) -> LanguageModel:
    made = tokenizer("byte level", TEMPLATES[style])
    model = seeded(lambda: LlamaForCausalLM(tiny_config(len(made))))
    return LanguageModel(model, made, name=style)


def test_thinking_has_a_budget_of_its_own() -> None:
    turns = [Turn("debater_0", user(f"Is it {i}?"), i, *about(7)) for i in range(12)]
    lm = thinking_model("r1")  # a random model hardly ever closes a block
    speeches = LanguageModelAgent(lm, max_new_tokens=5, max_thinking_tokens=9).speak(turns)
    for speech in speeches:
        thinking, _ = split_thinking(speech.text)
        assert speech.text.startswith("<think>\n")
        assert thinking
        assert "</think>" in speech.text
        assert len(speech.token_ids) <= 14  # none where it was closed for it
    assert any(split_thinking(speech.text)[1] for speech in speeches)
    alone = [LanguageModelAgent(lm, max_new_tokens=5, max_thinking_tokens=9).speak([turn])[0] for turn in turns]
    assert [speech.text for speech in alone] == [speech.text for speech in speeches]
    with pytest.raises(PromptTooLong, match="max_thinking_tokens"):
        LanguageModelAgent(lm, max_thinking_tokens=2000).speak(turns)
    for budget in (3, 9):  # a model that speaks at once has no more for that
        said = LanguageModelAgent(thinking_model("qwen3"), max_new_tokens=5, max_thinking_tokens=budget).speak(turns)
        assert all(len(speech.token_ids) <= 5 for speech in said if "</think>" not in speech.text)
        assert sum(len(speech.token_ids) == 5 for speech in said) >= 6
