"""Stories with scripted arguments, as token ids, in batches: what the story models are warmed up on.

Every prompt comes from the real protocols, played once for each story. Arguments are then put into their place in those
ids, many different ones to a story; ``check`` plays whole debates and compares.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from oversight_envs.core.episode import Episode
from oversight_envs.core.question import Question
from oversight_envs.core.seeding import derive_seed
from oversight_envs.models.hf.chat import ChatEncoder
from oversight_envs.protocols import Debate, Direct
from oversight_envs.tasks.stories import NAMES, PLACES, TYPICAL, Stories

DEBATE = Debate(wording="tiny_debate", both_orders=True)
DIRECT = Direct(wording="tiny_debate", both_orders=True)

KINDS = ("best own line", "line about the thing", "any line", "fabricated")
EVEN = (0.25, 0.25, 0.25, 0.25)


class StoryArguments:
    """``count`` stories of one split, from number ``first`` on.

    ``prompts`` [stories, options, length]: what a debater for that option reads. ``truth`` [stories]. ``direct``
    [stories, orders, length]: the question alone, as a judge reads it. A quote is ``<quote>``, four tokens of a line,
    ``</quote>``; ``cases`` puts two of them into the judge's prompt.
    """

    def __init__(self, tokenizer: Any, split: str, count: int, *, first: int = 0) -> None:
        task = Stories(split)
        self.chat = ChatEncoder(tokenizer, "tiny")
        self.questions = [task[first + index] for index in range(count)]
        self.rng = np.random.default_rng(derive_seed("story arguments", split, first))
        ids: dict[str, int] = tokenizer.get_vocab()
        self.tags = torch.tensor([[ids["<u_quote>"], ids["</u_quote>"]], [ids["<v_quote>"], ids["</v_quote>"]]])
        self.plain = torch.tensor([ids["<quote>"], ids["</quote>"]])
        self.blank = torch.tensor([ids["("], ids["nothing"], ids[")"]])
        self.labels = torch.tensor([ids["A"], ids["B"]])
        self.quoting, self.end = ids[">"], tokenizer.eos_token_id
        self.day_ids = np.array([ids[f"Day {day}:"] for day in range(1, task.days + 1)])
        self.name_ids = np.array([ids[name] for name in NAMES[: task.names]])
        thing_ids = {thing: ids[f"moved the {thing}"] for thing in TYPICAL}
        place_ids = {f"the {place}": ids[f"to the {place}."] for place in PLACES}

        questions = self.questions
        self.truth = np.array([question.truth for question in questions])
        self.lines = np.array([[self.chat.encode_text(str(m)) for m in q.metadata["moves"]] for q in questions])
        self.own = np.array([[m.thing == q.metadata["thing"] for m in q.metadata["moves"]] for q in questions])
        self.best = np.array([[-1 if b is None else b for b in q.metadata["best"]] for q in questions])
        self.thing = np.array([thing_ids[q.metadata["thing"]] for q in questions])
        self.places = np.array([[place_ids[option] for option in q.options] for q in questions])
        self.prompts = torch.tensor([self._debaters_prompts(question) for question in questions])
        self.direct = torch.tensor([self._views(Episode(DIRECT, question, 0), question) for question in questions])
        self.empty = torch.tensor([self._views(_with_speeches(question, "", ""), question) for question in questions])
        """The judge's prompt after two empty speeches: [stories, orders, length]; in order k, A is option k."""

    def draw(self, stories: np.ndarray, options: np.ndarray, mix: tuple[float, ...]) -> tuple[Tensor, Tensor]:
        """An argument for each (story, option) by the kinds' shares: ids [n, 4], and whether it is a true line [n].

        Where no line supports the option, its best own line is any line about the thing.
        """
        n, rng = len(stories), self.rng
        kind = rng.choice(len(KINDS), size=n, p=mix)
        best = self.best[stories, options]
        kind = np.where((kind == 0) & (best < 0), 1, kind)
        about = np.where(self.own[stories], rng.random((n, self.own.shape[1])), -1).argmax(axis=1)
        anywhere = rng.integers(self.lines.shape[1], size=n)
        line = self.lines[stories, np.choose(kind, [best, about, anywhere, anywhere])]
        day, name = rng.choice(self.day_ids, size=n), rng.choice(self.name_ids, size=n)
        made_up = np.stack([day, name, self.thing[stories], self.places[stories, options]], axis=1)
        chosen = np.where((kind == 3)[:, None], made_up, line)
        return torch.tensor(chosen), torch.tensor((self.lines[stories] == chosen[:, None]).all(-1).any(-1))

    def speeches(self, stories: np.ndarray, options: np.ndarray, mix: tuple[float, ...]) -> tuple[Tensor, Tensor]:
        """Debaters' prompts [n, length] and their speeches with the end token [n, 7]."""
        words, _ = self.draw(stories, options, mix)
        opening, closing = (tag.expand(len(words), 1) for tag in self.plain)
        said = torch.cat([opening, words, closing, torch.full_like(opening, self.end)], dim=1)
        return self.prompts[stories, options], said

    def cases(
        self, stories: np.ndarray, orders: np.ndarray, mix: tuple[float, ...], *, true_tags: bool
    ) -> tuple[Tensor, Tensor]:
        """Judge's prompts [n, length] with an argument for each answer, and the right label's number (0: A) [n].

        In order k, A is option k. Without ``true_tags`` each quote is marked verified or not by the toss of a coin.
        """
        frames = self.empty[stories, orders]
        opened, width = self.blank[0], len(self.blank)
        places = (frames == opened).nonzero()[:, 1].view(-1, 2)
        first, second = int(places[0, 0]), int(places[0, 1])
        assert (places == places[0]).all()
        pieces = [frames[:, :first], frames[:, first + width : second], frames[:, second + width :]]
        blocks = [self._marked(stories, options, mix, true_tags) for options in (orders, 1 - orders)]
        ids = torch.cat([pieces[0], blocks[0], pieces[1], blocks[1], pieces[2]], dim=1)
        return ids, torch.tensor((self.truth[stories] != orders).astype(int))

    def _marked(self, stories: np.ndarray, options: np.ndarray, mix: tuple[float, ...], true_tags: bool) -> Tensor:
        words, verified = self.draw(stories, options, mix)
        if not true_tags:
            verified = torch.tensor(self.rng.random(len(stories)) < 0.5)
        tags = self.tags[verified.long()]
        return torch.cat([torch.full_like(tags[:, :1], self.quoting), tags[:, :1], words, tags[:, 1:]], dim=1)

    def check(self, count: int = 20) -> None:
        """Plays debates in full; what the judge reads there must be what ``cases`` makes."""
        stories, orders = np.arange(count), np.arange(count) % 2
        ids, _ = self.cases(stories, orders, EVEN, true_tags=True)
        for story, order, row in zip(stories.tolist(), orders.tolist(), ids.tolist(), strict=True):
            opens = [at for at, token in enumerate(row) if token in self.tags[:, 0].tolist()]
            said = [f"<quote>{self.chat.decode(row[at + 1 : at + 5])}</quote>" for at in opens]
            episode = _with_speeches(self.questions[story], *(said if order == 0 else said[::-1]))
            assert self._views(episode, self.questions[story])[order] == row

    def _debaters_prompts(self, question: Question) -> list[list[int]]:
        episode = Episode(DEBATE, question, 0)
        prompts = {episode.assigned.sides[ask.role]: self.chat.encode(ask.prompt) for ask in episode.asks}
        return [prompts[side] for side in range(len(question.options))]

    def _views(self, episode: Episode, question: Question) -> list[list[int]]:
        views = {ask.options[0]: self.chat.encode(ask.prompt) for ask in episode.asks}  # type: ignore[attr-defined]
        return [views[option] for option in question.options]


def _with_speeches(question: Question, *speeches: str) -> Episode:
    """A debate in which the debater for option k has said ``speeches[k]``."""
    episode = Episode(DEBATE, question, 0)
    for ask in episode.asks:
        episode.answer(ask, speeches[episode.assigned.sides[ask.role]])
    return episode
