"""What the runs of ``reproduce_legibility.py`` came to: one row for each condition, seed, role and moment."""

from oversight_envs.core.question import Question
from oversight_envs.evaluation.legibility import (
    CheckedSolution,
    checked_solutions,
    checker_accuracy,
    checker_work,
    flaws,
)
from oversight_envs.evaluation.statistics import Estimate, mean, share
from oversight_envs.play import read_episodes
from oversight_envs.tasks.chain_checking import check_chain
from oversight_envs.tasks.final_answers import final_answer, numbers_equal
from oversight_envs.training.recipes.prover_verifier.config import PROVERS

from .common import seed_values
from .kept import found
from .legibility_runs import TRANSLATIONS

BUDGETS = (1, 2, 3, 4, 5)


class Results:
    """``rows`` have ``condition``, ``seed``, ``role``, ``when`` (base or trained) and one number for each measure."""

    def __init__(self, rows):
        self.rows = rows

    @classmethod
    def read(cls, runs, translated):
        """Both: condition, seed -> the folder of a run that is finished."""
        rows = []
        for (condition, seed), folder in runs.items():
            last = len((folder / "rounds.jsonl").read_text(encoding="utf-8").splitlines()) - 1
            for when, number in (("base", 0), ("trained", last)):
                records = list(read_episodes(folder / "solutions" / f"held-out-{number}.jsonl"))
                for role in PROVERS:
                    name = role.removesuffix("_0")
                    about = {"condition": condition, "seed": seed, "role": name, "when": when}
                    rows.append(about | measures(checked_solutions(records, role)))
        for (condition, seed), folder in translated.items():
            translations = found(folder / TRANSLATIONS)
            for when in ("base", "trained"):
                own = [row for row in translations if row["when"] == when]
                kept = share((row["id"], float(final_answer(row["text"]) == row["answer"])) for row in own)
                about = {"condition": condition, "seed": seed, "role": "translator", "when": when}
                rows.append(about | measures([_translation(row) for row in own]) | {"kept": _value(kept)})
        return cls(rows)

    def by_seed(self, condition, role, when, measure):
        return seed_values(self.rows, measure, condition=condition, role=role, when=when)

    def over_seeds(self, condition, role, when, measure) -> Estimate:
        """The seeds are the independent units: Student's t over them, 95%."""
        return mean(self.by_seed(condition, role, when, measure).items())


def measures(solutions):
    """Of one role's solutions to held-out problems."""
    found = {"right": share((s.question, float(s.right)) for s in solutions), **flaws(solutions)}
    found |= {f"checker_{budget}": checker_accuracy(solutions, budget) for budget in BUDGETS}
    return {name: _value(estimate) for name, estimate in (found | {"work": checker_work(solutions)}).items()}


def _translation(row):
    question = Question(id=row["id"], text=row["problem"], truth=row["truth"])
    right = numbers_equal(row["truth"], final_answer(row["text"]))
    return CheckedSolution(row["id"], right, check_chain(question, row["text"]))


def _value(estimate):
    return None if estimate.value is None else round(estimate.value, 4)
