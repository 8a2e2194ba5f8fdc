"""What a script asks for, what players are handed, and what comes back: one section for each kind of request.

Rule 1: a kind of request knows all that is its own: the asks it opens, how a reply is checked, read from words,
combined and written as JSON. ``KINDS`` lists them; a further kind is a further section here, and nothing elsewhere.
Rule 2: an ask is plain data. It holds neither truth nor, for a role that is no expert, passage, by any path of
attributes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np

from oversight_envs.core.answers import parse_decision, parse_score
from oversight_envs.core.checks import storable, whole
from oversight_envs.core.prompt import MAX_TEXT, Prompt, clean_text
from oversight_envs.core.question import Question
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.speech import FREE, SpeakingRules, Speech, Statement, make_statement
from oversight_envs.core.thinking import split_thinking
from oversight_envs.core.verdict import Mark, Verdict

Duty = Literal["say", "decide", "score"]
"""What a role does: it speaks, decides between options, or scores a solution."""

LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Reply = Speech | Verdict | float


@dataclass(frozen=True, slots=True, init=False)
class Role:
    """A role of a game: what may it see, and what must it do?

    ``kind`` is what people call it (``debater``, ``judge``): roles of one kind have one name in metrics. ``does`` are
    its duties; ``expert`` roles may read the passage. Raises ValueError for a duty that there is not.
    """

    kind: str
    does: frozenset[Duty]
    expert: bool

    def __init__(self, kind: str, does: Iterable[Duty], expert: bool = False) -> None:
        given = frozenset((does,) if isinstance(does, str) else does)
        if not given or not given <= KINDS.keys():
            raise ValueError(f"Role {kind!r}: does={sorted(given)!r}: give one or more of {', '.join(KINDS)}")
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "does", given)
        object.__setattr__(self, "expert", expert)

    @property
    def judges(self) -> bool:
        """Whether it decides or scores: it then earns the log score of what it decided, whatever it is called."""
        return not self.does <= {"say"}

    @property
    def speaks(self) -> bool:
        return "say" in self.does


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who argues for what, drawn before anyone has spoken. Roles that are not named argue for nothing."""

    sides: Mapping[str, int] = field(default_factory=dict)
    """Role -> the option that it argues for, an index into ``question.options``."""
    honest: Mapping[str, bool] = field(default_factory=dict)
    """Role -> whether it was told to be right (True) or wrong; left out where nobody tells it."""
    order: tuple[int, ...] = ()
    """The order in which a judge reads the options; with both orders judged, the first of them."""


@dataclass(frozen=True, slots=True)
class AskContext:
    """What a request makes its asks of. ``question`` has no truth."""

    game: str
    index: int
    seed: int
    question: Question
    roles: Mapping[str, Role]
    assigned: Assignment
    transcript: Sequence[Statement]
    look_ahead: Callable[[str], Any]
    """Role -> its ``LookAhead``."""

    def about(self, role: str, duty: Duty) -> tuple[str, str, str, int, int]:
        """The fields that all asks share, after role, prompt and index.

        Raises ValueError for a role that the game has not, or that can't do this.
        """
        if role not in self.roles:
            raise ValueError(f"{self.game} asks {role!r}, and its roles are {', '.join(self.roles)}")
        if duty not in self.roles[role].does:
            does = ", ".join(sorted(self.roles[role].does))
            raise ValueError(f"{self.game} asks {role} to {duty}, and this role does {does}: add {duty!r} to its Role")
        question = self.question
        return question.id, question.text, question.passage if self.roles[role].expert else "", self.seed, 0


@dataclass(frozen=True, slots=True, eq=False)
class Ask(ABC):
    """Something that an episode wants to know from one role: plain data.

    ``index`` is its place in the episode's log. ``passage`` is empty for roles that are no experts.
    """

    role: str
    prompt: Prompt
    index: int
    question_id: str
    question: str
    passage: str
    episode_seed: int
    draw: int = 0
    """Counts further draws for one ask, each with a random stream of its own: a decision asked again, best-of-N."""

    duty: ClassVar[Duty]
    method: ClassVar[str]
    """The method of a player that answers a batch of such asks."""
    verb: ClassVar[str]
    """What a player does that answers it, for people: ``speaks``."""
    clarify: ClassVar[str] = ""
    """What is said when an answer in words was ambiguous and is asked for again; empty where no words are ambiguous."""
    samples: ClassVar[tuple[str, ...]] = ()
    """Some answers in words, for the action space's ``sample``."""

    @property
    def seed(self) -> int:
        """This ask's own random stream: the same whatever else is in the batch."""
        return derive_seed(self.episode_seed, "ask", self.role, self.index, self.draw)

    @abstractmethod
    def checked(self, reply: Any) -> Reply:
        """The reply, tidied; raises TypeError or ValueError, naming the role and the reply, for one that can't be."""

    def cleaned(self, text: str) -> str:
        """What a player wrote, made safe to store and show; raises ValueError for a text that is too long."""
        if len(text) > MAX_TEXT:
            raise ValueError(f"{self.role} said {len(text):,} characters; the most is {MAX_TEXT:,}")
        return clean_text(text)

    @abstractmethod
    def read(self, text: str) -> Reply:
        """The reply that ``text`` gives in words; raises DecisionError where it is not clear."""

    @staticmethod
    def to_json(reply: Any) -> Any:
        """The reply as JSON values."""
        return reply

    @staticmethod
    @abstractmethod
    def from_json(data: Any) -> Reply:
        """What ``to_json`` wrote; raises ValueError or TypeError for anything else."""


class Request(ABC):
    """What a script yields: ``Say``, ``Decide`` or ``Score``."""

    __slots__ = ()

    @abstractmethod
    def asks(self, context: AskContext) -> list[Any]:
        """The asks that it opens, numbered from ``context.index``."""

    @abstractmethod
    def combined(self, replies: Sequence[Any], context: AskContext) -> tuple[Any, Sequence[Any]]:
        """What the script is sent, and what the replies (in the order of the asks) add to the episode."""


# --- Say: roles speak at once ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Say(Request):
    """These roles speak at once: none hears what the others say now. Reply: ``dict[role, Statement]``."""

    prompts: Mapping[str, Prompt]
    rules: SpeakingRules = FREE

    def asks(self, context: AskContext) -> list[Turn]:
        question, assigned = context.question, context.assigned
        turns = []
        for place, (role, prompt) in enumerate(self.prompts.items()):
            side = assigned.sides.get(role)
            turns.append(
                Turn(
                    role,
                    prompt,
                    context.index + place,
                    *context.about(role, "say"),
                    question.options,
                    None if side is None else question.options[side],
                    assigned.honest.get(role),
                    sum([statement.role == role for statement in context.transcript]),
                    context.look_ahead(role) if context.roles[role].expert else None,
                )
            )
        return turns

    def combined(self, replies: Sequence[Any], context: AskContext) -> tuple[Any, Sequence[Any]]:
        turn = context.transcript[-1].turn + 1 if context.transcript else 1
        statements = [
            make_statement(
                speech,
                self.rules,
                context.question.passage,
                role=role,
                turn=turn,
                index=context.index + place,
                readable=partial(_readable, role, context),
            )
            for place, (role, speech) in enumerate(zip(self.prompts, replies, strict=True))
            if speech is not None  # not yet, when the episode is cut off here
        ]
        return {statement.role: statement for statement in statements}, statements


def _readable(role: str, context: AskContext) -> list[str]:
    """What ``role`` may repeat in quotation marks without quoting the passage: question, answers, others' speeches."""
    others = [statement.text for statement in context.transcript if statement.role != role]
    return [context.question.text, *context.question.options, *others]


@dataclass(frozen=True, slots=True, eq=False)
class Turn(Ask):
    """A turn to speak."""

    options: tuple[str, ...] = ()
    argues_for: str | None = None
    """The words of the option that it is to argue for; None where it argues for none."""
    honest: bool | None = None
    """Whether it was told to be right (True) or wrong (False); None where nobody told it."""
    number: int = 0
    """How often this role has spoken before in this episode."""
    ahead: Any = None
    """A ``LookAhead`` of the episode, for experts."""

    duty: ClassVar[Duty] = "say"
    method: ClassVar[str] = "speak"
    verb: ClassVar[str] = "speaks"

    def checked(self, reply: Any) -> Speech:
        speech = Speech(reply) if isinstance(reply, str) else reply
        if not isinstance(speech, Speech) or not isinstance(speech.text, str):
            raise TypeError(f"{self.role} must say a string or a Speech, not {reply!r:.200}")
        if not all(type(drawn) is tuple and not drawn for drawn in (speech.token_ids, speech.log_probs)):
            speech = self._with_ids(speech)
        if speech.info:
            storable(f"Speech.info of {self.role}", dict(speech.info))
        text = self.cleaned(speech.text)
        # ids stand for the uncleaned text
        return speech if text == speech.text else Speech(text, info=speech.info)

    def _with_ids(self, speech: Speech) -> Speech:
        """Ids and log-probabilities as plain numbers: arrays and tensors are taken for what they hold."""
        ids, log_probs = speech.token_ids, speech.log_probs
        if type(ids) is not tuple or any(type(token) is not int for token in ids):
            try:
                ids = tuple([whole("Speech.token_ids", token) for token in getattr(ids, "tolist", lambda: ids)()])
            except TypeError:
                raise TypeError(f"{self.role}: Speech.token_ids must be token ids, not {ids!r:.80}") from None
        log_probs = _floats(f"{self.role}: Speech.log_probs", log_probs)
        if log_probs and len(log_probs) != len(ids):
            raise ValueError(f"{self.role}: a Speech of {len(ids)} token_ids with {len(log_probs)} log_probs")
        if any(math.isnan(p) for p in log_probs):
            raise ValueError(
                f"{self.role}: Speech.log_probs has NaN at place {[math.isnan(p) for p in log_probs].index(True)}"
            )
        return replace(speech, token_ids=ids, log_probs=log_probs)

    def read(self, text: str) -> Speech:
        return self.checked(text)

    @staticmethod
    def to_json(reply: Any) -> Any:
        plain: dict[str, Any] = {"text": reply.text}
        if reply.token_ids:
            # JSON has no infinity
            log_probs = [p if math.isfinite(p) else -1e30 for p in reply.log_probs]
            plain |= {"token_ids": reply.token_ids, "log_probs": log_probs}
        return plain | ({"info": dict(reply.info)} if reply.info else {})

    @staticmethod
    def from_json(data: Any) -> Speech:
        ids, log_probs = tuple(data.get("token_ids", ())), tuple(data.get("log_probs", ()))
        if not isinstance(data["text"], str):
            raise ValueError(f"a speech's text is {data['text']!r:.80}")
        return Speech(data["text"], ids, log_probs, data.get("info", {}))


def as_turn(ask: Ask, *, draw: int) -> Turn:
    """What is asked, as a turn to speak: for proposers, who write what a judge could answer too."""
    if isinstance(ask, Turn):
        return replace(ask, draw=draw)
    return Turn(ask.role, ask.prompt, ask.index, ask.question_id, ask.question, ask.passage, ask.episode_seed, draw)


def _floats(what: str, numbers: Any) -> tuple[float, ...]:
    """Numbers as a tuple of floats, itself where it is one; arrays and tensors are taken for what they hold."""
    if type(numbers) is tuple and set(map(type, numbers)) <= {float}:
        return numbers
    try:
        if isinstance(numbers, (str, bytes)) or any(isinstance(p, (str, bytes, bool)) for p in numbers):
            raise TypeError
        return tuple([float(p) for p in numbers])
    except (TypeError, ValueError):
        one = numbers[0] if isinstance(numbers, tuple) and len(numbers) == 1 else numbers
        raise TypeError(f"{what}: numbers are needed, not {one!r:.200}") from None


@runtime_checkable
class Speaker(Protocol):
    """Says something in each turn: one ``Speech`` (or plain string) for each, in order."""

    def speak(self, turns: Sequence[Turn]) -> Sequence[Speech | str]: ...


# --- Decide: a probability over options -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """One rendering of a case. ``order[k]`` is the option that carries label ``LABELS[k]`` here."""

    prompt: Prompt
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a role decided: the verdict over the options in their own order, averaged over the views.

    ``index`` is the place of its first view in the log. ``views`` are over labels, in each view's own order.
    """

    role: str
    index: int
    verdict: Verdict
    views: tuple[Verdict, ...]
    orders: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Decide(Request):
    """A probability over options, asked once for each view. Reply: ``Decision``."""

    role: str
    views: tuple[View, ...]
    options: tuple[str, ...]

    def asks(self, context: AskContext) -> list[Case]:
        if not 2 <= len(self.options) <= len(LABELS):
            raise ValueError(f"{context.game}: {len(self.options)} options to decide between; give 2 to {len(LABELS)}")
        about = context.about(self.role, "decide")
        labels = tuple(LABELS[: len(self.options)])
        cases = []
        for place, view in enumerate(self.views):
            shown = tuple([self.options[option] for option in view.order])
            cases.append(Case(self.role, view.prompt, context.index + place, *about, labels, shown))
        return cases

    def combined(self, replies: Sequence[Any], context: AskContext) -> tuple[Any, Sequence[Any]]:
        decision = combine_views(self.role, context.index, replies, [view.order for view in self.views])
        return decision, (decision,)


@dataclass(frozen=True, slots=True, eq=False)
class Case(Ask):
    """A case to decide: ``options[k]`` is the answer that the prompt labels ``labels[k]``."""

    labels: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    duty: ClassVar[Duty] = "decide"
    method: ClassVar[str] = "decide"
    verb: ClassVar[str] = "decides"
    clarify: ClassVar[str] = (
        "That could not be read as a decision. Reply with one label only, or with a probability such as 0.7 "
        "that the first label is right."
    )
    samples: ClassVar[tuple[str, ...]] = ("A", "B", "A: 0.7, B: 0.3", "B: 0.9, A: 0.1")

    def checked(self, reply: Any) -> Verdict:
        if not isinstance(reply, Verdict):
            raise TypeError(
                f"{self.role} must decide by a Verdict of {len(self.labels)} log-probabilities, not {reply!r:.200}"
            )
        log_probs = _floats(f"{self.role}: Verdict.log_probs", reply.log_probs)
        mass = reply.mass if reply.mass is None else _floats(f"{self.role}: Verdict.mass", (reply.mass,))[0]
        plain = log_probs is reply.log_probs and mass is reply.mass
        verdict: Verdict = reply if plain else replace(reply, log_probs=log_probs, mass=mass)
        if len(log_probs) != len(self.labels):
            raise ValueError(f"{self.role} gave {len(log_probs)} log-probabilities for {len(self.labels)} options")
        verdict.check()
        if verdict.info:
            storable(f"Verdict.info of {self.role}", dict(verdict.info))
        return verdict

    def read(self, text: str) -> Verdict:
        return parse_decision(split_thinking(text)[1], self.labels)

    @staticmethod
    def to_json(reply: Any) -> Any:
        return {"verdict": reply.log_probs, "mass": reply.mass} | ({"info": dict(reply.info)} if reply.info else {})

    @staticmethod
    def from_json(data: Any) -> Verdict:
        (mass,) = (None,) if data["mass"] is None else _floats("a verdict's mass", (data["mass"],))
        verdict = Verdict(_floats("a verdict", data["verdict"]), mass, data.get("info", {}))
        verdict.check()
        return verdict


@runtime_checkable
class Judge(Protocol):
    """Decides each case: one ``Verdict`` over its labels for each, in order. Raises where it can't; never guesses."""

    def decide(self, cases: Sequence[Case]) -> Sequence[Verdict]: ...


def combine_views(role: str, index: int, verdicts: Sequence[Verdict], orders: Sequence[tuple[int, ...]]) -> Decision:
    """Averages log-probabilities over the views, in the options' own order, and normalises.

    For two options this is the mean of the log-odds, in which a constant preference for a label cancels when both
    orders were judged.
    """
    if len(verdicts) == 1 and orders[0] == tuple(range(len(orders[0]))):
        return Decision(role, index, verdicts[0], tuple(verdicts), tuple(orders))
    total = [0.0] * len(orders[0])
    for verdict, order in zip(verdicts, orders, strict=True):
        for log_prob, option in zip(verdict.log_probs, order, strict=True):
            total[option] += log_prob / len(verdicts)
    normaliser = float(np.logaddexp(total[0], total[1]) if len(total) == 2 else np.logaddexp.reduce(total))
    masses = [verdict.mass for verdict in verdicts if verdict.mass is not None]
    mass = sum(masses) / len(masses) if masses else None
    return Decision(role, index, Verdict(tuple([p - normaliser for p in total]), mass), tuple(verdicts), tuple(orders))


# --- Score: one real number for a solution --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scored:
    """What a role scored: ``value`` is V, the log-odds that the solution is right; ``author`` is who wrote it."""

    role: str
    index: int
    author: str
    value: float
    info: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What else the verifier gave to be kept: see ``Verdict.info``."""


def scored(role: str, index: int, author: str, reply: float) -> Scored:
    """What a reply to ``Score`` adds to the episode."""
    return Scored(role, index, author, float(reply), reply.info if isinstance(reply, Mark) else {})


@dataclass(frozen=True, slots=True)
class Score(Request):
    """One real number for one solution: the log-odds that it is right. ``author`` wrote it. Reply: ``float``."""

    role: str
    prompt: Prompt
    problem: str
    solution: str
    author: str

    def asks(self, context: AskContext) -> list[Solution]:
        if self.author not in context.roles:
            raise ValueError(f"{context.game} scores {self.author!r}, and its roles are {', '.join(context.roles)}")
        about = context.about(self.role, "score")
        return [Solution(self.role, self.prompt, context.index, *about, self.problem, self.solution)]

    def combined(self, replies: Sequence[Any], context: AskContext) -> tuple[Any, Sequence[Any]]:
        (value,) = replies
        return value, (scored(self.role, context.index, self.author, value),)


@dataclass(frozen=True, slots=True, eq=False)
class Solution(Ask):
    """A solution to score."""

    problem: str = ""
    text: str = ""

    duty: ClassVar[Duty] = "score"
    method: ClassVar[str] = "score"
    verb: ClassVar[str] = "marks"
    clarify: ClassVar[str] = (
        "That could not be read as a mark. Reply with Yes or No only, or with the probability, such as 0.7, "
        "that the solution is right."
    )
    samples: ClassVar[tuple[str, ...]] = ("Yes", "No", "0.8", "35%")

    def checked(self, reply: Any) -> float:
        (score,) = _floats(f"{self.role} must score by a real number", (reply,))
        if not math.isfinite(score):
            raise ValueError(f"{self.role} gave a score that is not finite: {score}")
        if not isinstance(reply, Mark):
            return score
        storable(f"Mark.info of {self.role}", dict(reply.info))
        return Mark(score, reply.info)

    def read(self, text: str) -> float:
        return parse_score(split_thinking(text)[1])

    @staticmethod
    def to_json(reply: Any) -> Any:
        return {"score": float(reply), "info": dict(reply.info)} if isinstance(reply, Mark) else reply

    @staticmethod
    def from_json(data: Any) -> float:
        if isinstance(data, Mapping):
            return Mark(Solution.from_json(data["score"]), data["info"])
        if isinstance(data, bool) or not isinstance(data, (int, float)) or not math.isfinite(data):
            raise ValueError(f"a score is {data!r:.80}, not a finite number")
        return float(data)


@runtime_checkable
class Verifier(Protocol):
    """Scores each solution: one real V for each, in order; for a calibrated verifier the log-odds that it is right."""

    def score(self, solutions: Sequence[Solution]) -> Sequence[float]: ...


KINDS: Mapping[Duty, type[Ask]] = {"say": Turn, "decide": Case, "score": Solution}
"""Duty -> the asks of that kind."""
