"""Several judges, or several verifiers, as one."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from oversight_envs.core.players import Consult, describe_player, shape
from oversight_envs.core.record_json import as_json
from oversight_envs.core.requests import KINDS, Ask, Case, Decision, Duty, combine_views
from oversight_envs.core.seeding import derive_seed
from oversight_envs.core.verdict import Verdict, with_info
from oversight_envs.judges.functions import as_judge


class PanelJudge:
    """Decides by the mean of its members' log-odds, or scores by the mean of their scores.

    Between more than two options it is the mean of the log-probabilities, normalised (for two the same thing). Each
    member is asked alone, with a random stream of its own, and what it answered is kept with the verdict:
    ``info["members"]``, in the order of ``members``; see ``member_verdicts``. A member that fails fails the panel:
    there is never a mean over the rest.

    Args:
        members: two or more judges, or two or more verifiers, of any shape; plain functions too.
    """

    def __init__(self, members: Sequence[Any]) -> None:
        if isinstance(members, str) or not isinstance(members, Sequence):
            raise TypeError(
                f"members={members!r:.80}: give a list of judges, or make_judge('panel:KIND:MODEL+KIND:MODEL')"
            )
        if len(members) < 2:
            raise ValueError(f"members has {len(members)}: a panel needs two or more")
        self.members = tuple([as_judge(member) for member in members])
        duties = [_duties(place, member) for place, member in enumerate(self.members)]
        self.does: frozenset[Duty] = frozenset.intersection(*duties)
        if not self.does:
            found = ", ".join(f"members[{k}] does {' and '.join(sorted(does))}" for k, does in enumerate(duties))
            raise ValueError(f"{found}: a panel is of judges, who decide, or of verifiers, who score")

    def answer(self, ask: Ask) -> Generator[Consult, list[Any], Any]:
        replies = []
        for place, member in enumerate(self.members):
            own = replace(ask, episode_seed=derive_seed(ask.episode_seed, "member", place))
            (reply,) = yield Consult(member, [own])
            replies.append(reply)
        kept = as_json([type(ask).to_json(reply) for reply in replies])
        if isinstance(ask, Case):
            return with_info(_mean(replies), members=kept)
        return with_info(sum(map(float, replies)) / len(replies), members=kept)

    @property
    def description(self) -> dict[str, Any]:
        return {"type": "panel", "members": [describe_player(member) for member in self.members]}


def member_verdicts(decision: Decision) -> list[Verdict]:
    """What each member of the panel that came to ``decision`` decided, over the options in their own order.

    Raises ValueError for a decision that no panel came to.
    """
    if not all("members" in view.info for view in decision.views):
        raise ValueError(f"{decision.role} is no panel: its verdict has no members")
    each = zip(*[map(Case.from_json, view.info["members"]) for view in decision.views], strict=True)
    return [combine_views(decision.role, decision.index, views, decision.orders).verdict for views in each]


def _mean(verdicts: Sequence[Verdict]) -> Verdict:
    same = tuple(range(len(verdicts[0].log_probs)))
    return combine_views("", 0, verdicts, [same] * len(verdicts)).verdict


def _duties(place: int, member: Any) -> frozenset[Duty]:
    judging: frozenset[Duty] = frozenset({"decide", "score"})
    if isinstance(member, type):
        does: frozenset[Duty] = frozenset()
    elif shape(member) == "batch":
        does = frozenset(duty for duty in judging if callable(getattr(member, KINDS[duty].method, None)))
    else:
        does = judging & getattr(member, "does", judging)
    if not does:
        raise TypeError(f"members[{place}]={member!r:.80} can neither decide nor score: give judges, or verifiers")
    return does
