"""Your own agent: anything with speak(turns), a batch in and a batch out. A plain str -> str function works as well."""

from oversight_envs.agents import LanguageModelAgent
from oversight_envs.judges import LogitJudge
from oversight_envs.play import rollout
from oversight_envs.protocols import Debate
from oversight_envs.tasks import make_task


class FirstSentence:
    """Quotes the passage's sentence that shares most words with the answer it argues for."""

    def speak(self, turns):
        return [self.best_quote(turn.passage, turn.argues_for) for turn in turns]

    def best_quote(self, passage, answer):
        words = answer.lower().split()
        sentences = passage.replace("\n", " ").split(". ")
        sentence = max(sentences, key=lambda s: sum(word in s.lower() for word in words))
        return f"<quote>{sentence}</quote> This shows it."


judge = LogitJudge("smollm2-135m")
model = LanguageModelAgent("smollm2-135m", max_new_tokens=60)
records = rollout(
    Debate(), make_task("passages"), {"debater_0": FirstSentence(), "debater_1": model, "judge_0": judge}, questions=8
)
won = sum(record.rewards["debater_0"] > 0 for record in records)
print(f"quoting the passage won {won} of {len(records)} debates against a 135M-parameter model")
