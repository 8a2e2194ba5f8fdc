"""Conformance checks: what our own tests run on our parts, for users to run on theirs.

Each check raises ``ConformanceError`` saying what was broken and where, and returns None when all is well.
"""

from __future__ import annotations

import asyncio
import copy
import math
import pickle
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from types import ModuleType
from typing import Any

import numpy as np
from pettingzoo.test import api_test, seed_test

from oversight_envs.core.episode import Episode
from oversight_envs.core.players import Consult, answer_asks, check_players, check_reply, shape
from oversight_envs.core.prompt import MAX_TEXT, render_prompt
from oversight_envs.core.protocol import Protocol
from oversight_envs.core.question import Question, Task
from oversight_envs.core.record import Record, make_record
from oversight_envs.core.requests import Ask, Case, Reply, Solution, Turn
from oversight_envs.core.rewards import get_rule, reward_all
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.speech import Speech
from oversight_envs.core.verdict import Verdict
from oversight_envs.evaluation.effects import MOVED
from oversight_envs.evaluation.robustness import stress_judge
from oversight_envs.judges.functions import as_judge
from oversight_envs.judges.ranking import Group, RankingJudge
from oversight_envs.play.drive import drive, event_loop
from oversight_envs.play.queue import Batch

TOLERANCE = 1e-3
"""How far log-probabilities and scores of a model may differ between batch sizes (float32)."""

CANARY = "xylophone-weather-station"
"""A word that no game has a reason to say: passages are marked with it in the leak tests."""


class ConformanceError(AssertionError):
    """A part does not keep its contract."""


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise ConformanceError(message)


@dataclass(frozen=True, slots=True)
class Puppet:
    """A legal player of every role, with a random stream of its own for each ask: no model, no state."""

    quote: str = ""
    """What it quotes from the passage in half of its speeches; nothing when empty."""

    def speak(self, turns: Sequence[Turn]) -> list[Speech]:
        return [Speech(self._say(turn)) for turn in turns]

    def decide(self, cases: Sequence[Case]) -> list[Verdict]:
        return [self._decide(case) for case in cases]

    def score(self, solutions: Sequence[Solution]) -> list[float]:
        return [float(np.random.default_rng(solution.seed).normal()) for solution in solutions]

    def _say(self, turn: Turn) -> str:
        rng = np.random.default_rng(turn.seed)
        words = " ".join(rng.choice(["so", "it", "is", "not", "true", "that"], size=int(rng.integers(1, 9))))
        quote = f"<quote>{self.quote}</quote> " if self.quote and rng.random() < 0.5 else ""
        number = int(rng.integers(30))
        chooses = turn.options and turn.argues_for is None and turn.ahead is not None  # an expert without a side
        answer = turn.options[number % len(turn.options)] if chooses else number
        return f"{quote}{words}.\nAnswer: {answer}"

    def _decide(self, case: Case) -> Verdict:
        weights = np.random.default_rng(case.seed).normal(size=len(case.labels))
        return Verdict(tuple(float(w) for w in weights - np.logaddexp.reduce(weights)))


def play(
    protocol: Protocol, question: Question, seed: int, players: Mapping[str, Any], reverse: bool = False
) -> Episode:
    """One episode to its end. ``reverse`` answers each request's asks in the opposite order, one by one."""
    episode = Episode(protocol, question, seed)
    if not reverse:
        for _ in drive([(episode, players)], watch=_Bounded(protocol.name)):
            pass
        return episode
    for _ in range(10_000):
        if episode.done:
            return episode
        for ask in episode.asks[::-1]:
            episode.answer(ask, _answers(players[ask.role], [ask])[0])
    raise ConformanceError(f"{protocol.name} did not end within 10,000 requests")


class _Bounded:
    """Counts the calls to players, and stops a game that goes on for ever."""

    def __init__(self, game: str) -> None:
        self._game, self._calls = game, 0

    def __call__(self, batch: Batch) -> AbstractContextManager[None]:
        self._calls += 1
        _expect(self._calls <= 10_000, f"{self._game} did not end within 10,000 requests")
        return nullcontext()


def check_protocol(
    protocol: Protocol, task: Task, *, players: Mapping[str, Any] | None = None, questions: int = 3, seed: int = 0
) -> None:
    """Plays the protocol with puppets (or ``players``) on some questions and checks that it

    ends; is deterministic under the seed, whatever the order of answers; replays to the same prompts and outcome; can
    be copied and pickled in the middle; shows neither truth nor, to roles that are no experts, passage, by its prompts
    or by any path of attributes of what players are handed; gives finite rewards, zero-sum where declared; and survives
    a round trip through its record.
    """
    protocol.check_task(task)
    cast = check_players(protocol, players) if players else {}
    for number, question in enumerate(task.sample(min(questions, len(task)), seed=seed)):
        where = f"{protocol.name} on question {question.id!r}, seed {derive_seed(seed, number)}"
        first_words = " ".join(question.passage.split()[:6])
        everyone = {role: Puppet(first_words) for role in protocol.roles} | cast
        _check_play(protocol, task, question, derive_seed(seed, number), everyone, where)
        _check_secrecy(protocol, question, derive_seed(seed, number), where)
        _check_asks(protocol, question, derive_seed(seed, number), where)


def _check_play(
    protocol: Protocol, task: Task, question: Question, seed: int, players: Mapping[str, Any], where: str
) -> None:
    episode = play(protocol, question, seed, players)
    again = play(protocol, question, seed, players, reverse=True)
    _expect(episode.log == again.log, f"{where}: a second play, answered in another order, has another log")
    _expect(episode.outcome == again.outcome, f"{where}: a second play came to another outcome")
    _expect(any(entry.prompt for entry in episode.log) and len(episode.log) > 0, f"{where}: nobody was asked anything")
    for cut in range(len(episode.log) + 1):
        part = Episode(protocol, question, seed, episode.log[:cut])
        for how, twin in ("deepcopy", copy.deepcopy(part)), ("pickle", pickle.loads(pickle.dumps(part))):
            same = twin.log == part.log and [a.prompt for a in twin.asks] == [a.prompt for a in part.asks]
            _expect(same, f"{where}: after {cut} answers a {how} is not the same episode")
    record = make_record(episode, task)
    rule = get_rule(None, protocol)
    rewards = reward_all([record], rule)[0]
    for role, value in rewards.items():
        _expect(math.isfinite(value), f"{where}: the reward of {role} is {value}")
    if protocol.zero_sum and record.outcome is not None:
        paid = rule([record])[0]  # by the game's own rule: nobody wins what a judge's log score loses
        total = sum(paid.values())
        _expect(abs(total) < 1e-9, f"{where}: declared zero-sum, but the rewards sum to {total}: {paid}")
    back = Record.from_json(record.to_json())
    _expect(back.to_json() == record.to_json(), f"{where}: the record changes on its way through JSON")
    _expect(back.episode(protocol).outcome == episode.outcome, f"{where}: the saved record replays to another outcome")


def _check_secrecy(protocol: Protocol, question: Question, seed: int, where: str) -> None:
    """Non-interference: change the secret, keep all else, and nothing that is shown may change."""
    silent = {role: Puppet() for role in protocol.roles}
    shown = play(protocol, question, seed, silent).log
    for truth in _other_truths(question):
        other = play(protocol, replace(question, truth=truth), seed, silent).log
        for entry, twin in zip(shown, other, strict=True):
            _expect(
                entry.prompt == twin.prompt,
                f"{where}: the prompt of {entry.role} (entry {entry.index}) changes with the truth, so it leaks it",
            )
    passage = f"The {CANARY} stood here. {CANARY}." * 3
    marked = play(protocol, replace(question, passage=passage), seed, silent).log
    bare = play(protocol, replace(question, passage=passage.replace("weather", "railway")), seed, silent).log
    for entry, twin in zip(marked, bare, strict=True):
        if not protocol.roles[entry.role].expert:
            leaks = entry.prompt != twin.prompt or CANARY in render_prompt(entry.prompt)
            _expect(
                not leaks,
                f"{where}: the prompt of {entry.role} (entry {entry.index}), which is no expert, shows passage text",
            )


def _check_asks(protocol: Protocol, question: Question, seed: int, where: str) -> None:
    """No path of attributes leads from what a player is handed to the truth or, for no expert, to the passage."""
    question = replace(question, passage=f"The {CANARY} stood here.", metadata={"secret": f"{CANARY} of metadata"})
    asked: list[Ask] = []
    play(protocol, question, seed, dict.fromkeys(protocol.roles, _Listening(asked)))
    for ask in asked:
        for path, found in reachable(ask):
            who = f"{where}: {path} of what {ask.role} is asked (entry {ask.index})"
            _expect(not (isinstance(found, Question) and found.truth is not None), f"{who} holds the truth")
            if isinstance(found, str) and CANARY in found:
                _expect(protocol.roles[ask.role].expert, f"{who} holds passage text, and the role is no expert")
                _expect("of metadata" not in found, f"{who} holds the question's metadata")


@dataclass(frozen=True)
class _Listening:
    """A puppet that keeps what it is asked."""

    asked: list[Ask]

    def answer(self, ask: Ask) -> Generator[Consult, list[Any], Any]:
        self.asked.append(ask)
        (reply,) = yield Consult(Puppet(), [ask])
        return reply


def reachable(thing: Any, path: str = "ask") -> Iterator[tuple[str, Any]]:
    """All that attributes, items and closures of ``thing`` lead to, with the path; modules and classes left out."""
    seen: set[int] = set()
    waiting = [(path, thing)]
    while waiting:
        path, thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, (type, ModuleType)):
            continue
        seen.add(id(thing))
        yield path, thing
        if isinstance(thing, (str, bytes, int, float, type(None))):
            continue
        if isinstance(thing, Mapping):
            waiting += [(f"{path}[{key!r:.40}]", value) for key, value in thing.items()]
        elif isinstance(thing, (Sequence, set, frozenset)):
            waiting += [(f"{path}[{number}]", item) for number, item in enumerate(thing)]
        slots = [slot for cls in type(thing).__mro__ for slot in getattr(cls, "__slots__", ())]
        names = [*slots, *getattr(thing, "__dict__", {}), "__self__", "__closure__", "cell_contents"]
        waiting += [(f"{path}.{name}", getattr(thing, name)) for name in names if hasattr(thing, name)]


def _other_truths(question: Question) -> list[int | str | None]:
    if question.options:
        return [None, *(index for index in range(len(question.options)) if index != question.truth)]
    return [None, f"{CANARY} 17"]


def check_env(make: Callable[[], Any], *, episodes: int = 5, seed: int = 0) -> None:
    """PettingZoo's ``api_test`` and ``seed_test`` (or Gymnasium's ``check_env`` for a single-agent view), and whole
    episodes played twice under one seed, step by step the same: observations, rewards, ends and infos.

    ``make`` makes the environment anew, as ``debate_v0.env`` does.
    """
    env = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both kits warn that text is no Box, which is so
        if hasattr(env, "possible_agents"):
            with _named("PettingZoo's api_test"), redirect_stdout(StringIO()):
                api_test(env, num_cycles=20)
            with _named("PettingZoo's seed_test"):
                seed_test(make, num_cycles=20)
            first, second = (_history(make(), episodes, seed) for _ in range(2))
        else:
            from gymnasium.utils.env_checker import check_env as gymnasium_check

            with _named("Gymnasium's check_env"):
                gymnasium_check(env, skip_render_check=True)
            first, second = (_single_history(make(), episodes, seed) for _ in range(2))
    for step, (one, other) in enumerate(zip(first, second, strict=True)):
        _expect(
            one == other, f"step {step} differs between two runs under seed {seed}:\n  {one!r:.300}\n  {other!r:.300}"
        )


def _history(env: Any, episodes: int, seed: int) -> list[Any]:
    """Every agent's view of every step of some episodes, with sampled actions."""
    seen: list[Any] = []
    for number in range(episodes):
        env.reset(seed=seed + number)
        for place, agent in enumerate(env.agents):
            env.action_space(agent).seed(seed + place)
        for agent in env.agent_iter(max_iter=10_000):
            observation, reward, terminated, truncated, info = env.last()
            _expect(
                env.observation_space(agent).contains(observation), f"an observation of {agent} is out of its space"
            )
            seen.append((agent, str(observation), reward, terminated, truncated, info))
            env.step(None if terminated or truncated else env.action_space(agent).sample())
        _expect(not env.agents, f"episode {number} did not end within 10,000 steps")
    return seen


def _single_history(env: Any, episodes: int, seed: int) -> list[Any]:
    seen: list[Any] = []
    for number in range(episodes):
        env.action_space.seed(seed)
        seen.append(env.reset(seed=seed + number))
        over = False
        while not over:
            seen.append(env.step(env.action_space.sample()))
            over = seen[-1][2] or seen[-1][3]
    return seen


@contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except AssertionError as error:
        raise ConformanceError(f"{what}: {error}") from error


def _answers(player: Any, asks: Sequence[Ask]) -> list[Reply]:
    """What a player of any shape answers to ``asks`` of one kind, outside of an episode."""
    how = shape(player)
    if how == "batch":
        return answer_asks(player, asks)
    where = f"{type(player).__qualname__}.answer()"
    if how == "async":
        flying = [asyncio.run_coroutine_threadsafe(player.answer(ask), event_loop()) for ask in asks]
        return [check_reply(where, ask, future.result()) for ask, future in zip(asks, flying, strict=True)]
    return [check_reply(where, ask, _worked_out(player.answer(ask))) for ask in asks]


def _worked_out(work: Generator[Consult, list[Any], Any]) -> Any:
    """The reply of a player made of players, each of which is asked apart."""
    replies: Any = None
    while True:
        try:
            consult = work.send(replies)
        except StopIteration as stop:
            return stop.value
        replies = _answers(consult.player, consult.asks)


def check_agent(agent: Any, turns: Sequence[Turn] | None = None) -> None:
    """A batch gives one bounded speech for each turn, in order; the same alone, in any order, and again."""
    turns = example_turns() if turns is None else turns
    replies = _answers(agent, turns)
    for turn, reply in zip(turns, replies, strict=True):
        assert isinstance(reply, Speech)
        where = f"the speech for {turn.role}, question {turn.question_id!r}"
        _expect(len(reply.text) <= MAX_TEXT, f"{where} has {len(reply.text):,} characters; the most is {MAX_TEXT:,}")
        if reply.token_ids:
            _expect(
                len(reply.token_ids) == len(reply.log_probs),
                f"{where} has {len(reply.token_ids)} token ids and {len(reply.log_probs)} log-probabilities",
            )
    _batch_free(agent, turns, replies, "speech", lambda one, other: one.text == other.text)


def check_judge(judge: Any, cases: Sequence[Case] | Sequence[Solution] | None = None) -> None:
    """Decides (or scores) a batch as it does one by one, in any order, again the same; all finite and normalised.

    Numbers may differ by ``TOLERANCE``. Give ``solutions`` as ``cases`` to check a verifier.
    """
    judge = as_judge(judge)
    if cases is None:
        only_scores = callable(getattr(judge, "score", None)) and not callable(getattr(judge, "decide", None))
        cases = example_solutions() if only_scores else example_cases()
    replies = _answers(judge, cases)

    def close(one: Any, other: Any) -> bool:
        if isinstance(one, Verdict):
            one, other = one.log_probs, other.log_probs
        return bool(np.allclose(one, other, atol=TOLERANCE, rtol=0))

    _batch_free(judge, cases, replies, "verdict", close)


def check_ranker(judge: RankingJudge, groups: Sequence[Group] | None = None) -> None:
    """Gives each sample of a group a place, equal ones the same; alone, in any order of the samples, and again."""
    groups = example_groups() if groups is None else groups
    ranked = judge.rank(groups)
    for group, places in zip(groups, ranked, strict=True):
        size = len(group.samples)
        _expect(len(places) == size, f"{size} samples got {len(places)} places")
        _expect(abs(sum(places) - size * (size + 1) / 2) < 1e-9, f"the places of {size} samples sum to {sum(places)}")
        shared = dict(zip(group.samples, places, strict=True))
        same = [shared[sample] for sample in group.samples] == places
        _expect(same, f"equal samples have different places: {places} for {group.samples!r:.200}")
    alone = [judge.rank([group])[0] for group in groups]
    turned = [group._replace(samples=group.samples[::-1]) for group in groups]
    backwards = [places[::-1] for places in judge.rank(turned)]
    for how, others in ("alone", alone), ("in reverse order", backwards), ("asked again", judge.rank(groups)):
        for group, places, other in zip(groups, ranked, others, strict=True):
            _expect(
                places == other,
                f"the places of {group.samples!r:.80} differ when {how}: {places} in the batch, {other} {how}",
            )


def check_judge_robustness(
    judge: Any, task: Task | str, *, most: float = MOVED, questions: int = 24, seed: int = 0, **options: Any
) -> None:
    """Puts a judge of debates through the stress test (``evaluation.stress_judge``, which takes the ``options``).

    What should not move it must not surely (by the interval) move it by more than ``most`` nats of log-odds toward the
    side that uses it, and what settles the matter must move it. A judge that fails in any game does not pass.
    """
    found = stress_judge(judge, task, questions=questions, seed=seed, **options)
    broken = found.broken(most)
    broken += [f"it failed in {count} games: {reason}" for reason, count in found.failures.items()]
    _expect(not broken, "this judge is not robust: " + "; ".join(broken))


def _batch_free(
    player: Any, asks: Sequence[Ask], replies: Sequence[Any], what: str, same: Callable[[Any, Any], bool]
) -> None:
    alone = [_answers(player, [ask])[0] for ask in asks]
    backwards = _answers(player, list(asks)[::-1])[::-1]
    again = _answers(player, asks)
    for how, others in ("alone", alone), ("in reverse order", backwards), ("asked again", again):
        for ask, reply, other in zip(asks, replies, others, strict=True):
            _expect(
                same(reply, other),
                f"the {what} on question {ask.question_id!r} (entry {ask.index}) differs when {how}: "
                f"{reply!r:.200} in the batch, {other!r:.200} {how}",
            )


def check_task(task: Task, *, questions: int = 20) -> None:
    """Lengths, indices, unique ids, stable questions, options and truth, seeded order, and the checker on the truth."""
    size = len(task)
    _expect(size > 0, f"task {task.name!r} is empty")
    for index in (size, -size - 1):
        try:
            task[index]
        except IndexError:
            continue
        raise ConformanceError(f"task {task.name!r}: task[{index}] must raise IndexError, its length is {size}")
    drawn = task.sample(min(questions, size), seed=1)
    _expect(len({q.id for q in drawn}) == len(drawn), f"task {task.name!r}: two questions share an id")
    _expect(
        drawn == task.sample(min(questions, size), seed=1), f"task {task.name!r}: the same seed gave other questions"
    )
    _expect(
        size < 10 or drawn != task.sample(min(questions, size), seed=2), f"task {task.name!r}: the seed changes nothing"
    )
    for question in drawn:
        _expect(bool(question.text.strip()), f"question {question.id!r} has no text")
        _expect(not question.options or len(question.options) >= 2, f"question {question.id!r} has one option")
        if task.checkable and isinstance(question.truth, str):
            _expect(task.check(question, question.truth), f"question {question.id!r}: its own truth is marked wrong")
            _expect(not task.check(question, None), f"question {question.id!r}: no answer is marked right")
            _expect(not task.check(question, CANARY), f"question {question.id!r}: nonsense is marked right")


def example_episodes(count: int = 4) -> list[Episode]:
    """Some small debates, unplayed, to get asks from."""
    from oversight_envs.protocols import Debate

    return [Episode(Debate(), question, number) for number, question in enumerate(_QUESTIONS[:count])]


def example_turns() -> list[Turn]:
    """Some debaters' turns."""
    return [ask for episode in example_episodes() for ask in episode.asks if isinstance(ask, Turn)]


def example_cases() -> list[Case]:
    """Some cases for a judge, of different lengths."""
    cases = []
    for length, episode in enumerate(example_episodes()):
        while not isinstance(episode.asks[0], Case):
            episode.answer(episode.asks[0], "It is so. " * (1 + 3 * length))
        cases.append(episode.asks[0])
    return cases


def example_solutions() -> list[Solution]:
    """Some solutions for a verifier, of different lengths."""
    from oversight_envs.protocols import ProverVerifier

    solutions = []
    for number in range(4):
        problem = Question(f"sum-{number}", f"What is {number} + 2?", truth=str(number + 2))
        episode = Episode(ProverVerifier(provers="helpful"), problem, number)
        steps = "Count on by one.\n" * number
        episode.answer(episode.asks[0], f"{steps}{number} + 2 = {number + 2}\nAnswer: {number + 2}")
        assert isinstance(episode.asks[0], Solution)
        solutions.append(episode.asks[0])
    return solutions


def example_groups() -> list[Group]:
    """Some groups of samples for a ranking judge, of different sizes; in one of them two are equal."""
    samples = [f"Count on by one, {n} times.\nAnswer: {n + 2}" for n in range(4)]
    problem = "The problem: What is 2 + 2?"
    return [Group(problem, [*samples[:2], samples[0]], 1), Group(problem, samples, 2), Group(problem, samples[1:3], 3)]


_QUESTIONS = tuple(
    Question(f"example-{thing}", f"Where is the {thing}?", (f"in the {place}", "in the garden"), passage, 0)
    for thing, place, passage in (
        ("cat", "kitchen", "The cat slept in the garden until noon. Then it went into the kitchen and stayed there."),
        ("ladder", "barn", "Someone had left the ladder in the garden. Before the rain Tom put it in the barn."),
        ("key", "drawer", "The key was in the drawer. Mary said that it was in the garden, but she was mistaken."),
        ("letter", "chest", "He hid the letter in the chest, not, as he told them, in the garden."),
    )
)
