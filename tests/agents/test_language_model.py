"""Language models that speak."""

from __future__ import annotations

from random_models import PROMPTS, about, random_model

from oversight_envs.agents.language_model import LanguageModelAgent
from oversight_envs.core.requests import Turn


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
