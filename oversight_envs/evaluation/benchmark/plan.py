"""Which parts of a suite a model can play, in which words, and with whom; the others with the reason why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from oversight_envs.agents.specs import Known, make_marker, make_speaker
from oversight_envs.core.checks import one_of
from oversight_envs.core.episode import Episode
from oversight_envs.core.players import answer_asks
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.requests import Ask, Duty
from oversight_envs.evaluation.benchmark.fixed import FIXED
from oversight_envs.evaluation.benchmark.suite import MODEL, ROLES, SUITES, Part, Suite, Variant
from oversight_envs.evaluation.robustness import knows
from oversight_envs.evaluation.scripted_games import episode_seed
from oversight_envs.models.api import without_secrets
from oversight_envs.protocols import find_protocol
from oversight_envs.tasks import make_task


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A part as it will be played: the variant, its questions, and who fills the roles. ``left_out``: why it is not."""

    part: Part
    left_out: str | None = None
    variant: Variant | None = None
    game: Protocol = None  # type: ignore[assignment]
    task: Task = None  # type: ignore[assignment]
    questions: Sequence[Question] = ()
    players: Mapping[str, Any] = field(default_factory=dict)

    @property
    def asked(self) -> str:
        """A digest of the questions: their texts, answers and truths, and passages before any is cut for a model."""
        digest = blake2b(digest_size=8)
        for question in self.questions:
            digest.update(repr((question.id, question.text, question.options, question.truth)).encode())
            digest.update(question.passage.encode("utf-8", "replace"))
        return digest.hexdigest()


def find_suite(name: str, size: str) -> Suite:
    """The suite of this name and size. Raises ValueError for one that there is not."""
    one_of("suite", name, tuple(SUITES))
    one_of("size", size, tuple(SUITES[name]))
    return SUITES[name][size]


def plan_suite(suite: Suite, specs: Mapping[str, str], files: Mapping[str, str] | None = None) -> list[Planned]:
    """Every part of the suite. Loads the models.

    Args:
        suite: what to play.
        specs: who plays which of ``ROLES``, by the names of ``agents/specs.py``.
        files: the path for each of ``quality`` and ``gsm8k`` that the suite needs.

    Raises ValueError for roles or files that there are not, or are missing, and for names that nobody has.
    """
    files = dict(files or {})
    for role, spec in specs.items():
        one_of("role", role, ROLES)
        if spec == "human":
            raise ValueError(f"{role}=human: a person would play every game of the suite; give a model")
    if not specs:
        raise ValueError(f"specs is empty: give a model for one or more of {', '.join(ROLES)}")
    needed = {v.file: part.name for part in suite.parts for v in part.variants if v.file and part.role in specs}
    if missing := [name for name in needed if name not in files]:
        raise ValueError(f"{suite.name} {suite.size} needs a file for {' and '.join(missing)} (--{missing[0]} PATH)")
    cast = _Cast(suite, specs)
    tasks: dict[str, Task] = {}
    return [_plan(part, cast, tasks, files) for part in suite.parts]


def _plan(part: Part, cast: _Cast, tasks: dict[str, Task], files: Mapping[str, str]) -> Planned:
    if part.role not in cast.specs:
        return Planned(part=part, left_out=f"nobody was given as {part.role}")
    seats = part.players or {"judge_0": MODEL}
    seat = next(role for role, who in seats.items() if who == MODEL)
    for variant in part.variants:
        options = {**variant.options, **({"path": files[variant.file]} if variant.file else {})}
        key = repr((variant.task, sorted(options.items())))
        if key not in tasks:
            tasks[key] = make_task(variant.task, **options)
        task = tasks[key]
        game = find_protocol(part.game)(**part.config, **({"wording": variant.wording} if variant.wording else {}))
        questions = task.sample(part.questions, seed=cast.suite.seed)
        if len(questions) < part.questions:
            raise ValueError(f"{part.name} is on {part.questions} questions, and {task.full_name} has {len(questions)}")
        known = (task, questions)
        players = {role: FIXED[who](questions) for role, who in seats.items() if who in FIXED}
        players |= {
            role: cast.player(part, who, game.roles[role].does, known) for role, who in seats.items() if who == MODEL
        }
        if all(_knows(game, question, cast.suite.seed, players, seat) for question in questions):
            for role, who in seats.items():
                if role not in players:
                    players[role] = cast.player(part, who, game.roles[role].does, known)
            return Planned(part=part, variant=variant, game=game, task=task, questions=questions, players=players)
    return Planned(part=part, left_out="its model does not know the words")


@dataclass(frozen=True)
class _Cast:
    """Makes players from names, each once."""

    suite: Suite
    specs: Mapping[str, str]
    made: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def player(self, part: Part, who: str, does: frozenset[Duty], known: Known) -> Any:
        """The part's model, or the model ``who`` of the suite's own."""
        spec = self.specs[part.role] if who == MODEL else who
        try:
            if "say" in does:
                return self._once(("say", spec, part.max_new_tokens), lambda: self._speaker(spec, part.max_new_tokens))
            if spec == "oracle":  # it knows these questions only
                return make_marker(spec, scores="score" in does, knows=known)
            return self._once((does, spec), lambda: make_marker(spec, scores="score" in does))
        except ValueError as error:
            raise ValueError(f"{part.role} {without_secrets(spec)}: {error}") from error

    def _once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    def _speaker(self, spec: str, tokens: int) -> Any:
        speaker = make_speaker(spec, max_new_tokens=tokens, temperature=self.suite.temperature)
        context = getattr(getattr(speaker, "lm", None), "context_length", None)
        if context is not None:  # a speech may fill an eighth of a short context, as on the command line
            speaker.max_new_tokens = max(1, min(tokens, context // 8))
        return speaker


def _knows(game: Protocol, question: Question, seed: int, players: Mapping[str, Any], seat: str) -> bool:
    """Whether the model of this role has a token for every word that it is first asked.

    For a stress test, whose speakers look for words that the judge knows, that is the question alone.
    """
    if set(players) == {"judge_0"}:
        game = game.baselines()["blind"]
    ask = _first_ask(game, question, seed, players, seat)
    return knows(players[seat], "\n".join(message.content for message in ask.prompt))


def _first_ask(game: Protocol, question: Question, seed: int, players: Mapping[str, Any], seat: str) -> Ask:
    episode = Episode(game, question, episode_seed(seed, question))
    while True:
        for ask in tuple(episode.asks):
            if ask.role == seat:
                return ask
        for ask in tuple(episode.asks):
            (reply,) = answer_asks(players[ask.role], [ask])
            episode.answer(ask, reply)
