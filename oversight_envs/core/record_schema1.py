"""Records of schema 1, in which a game had one decision and texts stood as often as they were shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oversight_envs.core.speech import SpeakingRules, Speech, make_statement

_EXPERTS = ("debater", "consultant", "helpful", "sneaky")


def upgrade(old: Mapping[str, Any]) -> dict[str, Any]:
    """The record in schema 2. What schema 1 did not keep (who is an expert, say) is read off the rest."""
    messages: list[dict[str, Any]] = []
    entries = []
    passage = old["question"]["passage"]
    for entry in old["entries"]:
        numbers = []
        for message in entry["prompt"]:
            content = message["content"]
            plain = {**message, "content": content if isinstance(content, str) else passage.join(content)}
            if plain not in messages:
                messages.append(plain)
            numbers.append(messages.index(plain))
        entries.append({**entry, "duty": _duty(entry), "prompt": numbers})
    outcome = old["outcome"] or {"transcript": [], "sides": {}, "decision": None, "scores": {}, "answers": {}}
    decision = outcome["decision"]
    deciding = [entry["index"] for entry in entries if entry["duty"] == "decide" and entry["reply"] is not None]
    orders = decision["orders"] if decision else []
    provers = {"helpful_0": True, "sneaky_0": False}
    return {
        **{name: value for name, value in old.items() if name not in ("schema", "entries", "outcome", "config")},
        "config": _config(old["protocol"], old["config"]),
        "roles": {role: _role(role, entries, old["config"]) for role in _roles(old, entries)},
        "assigned": {
            "sides": outcome["sides"],
            "honest": {role: told for role, told in provers.items() if role in outcome["answers"]},
            "order": orders[0] if orders else [],
        },
        "messages": messages,
        "entries": entries,
        "transcript": [_statement(statement, place, entries) for place, statement in enumerate(outcome["transcript"])]
        if old["outcome"] is not None
        else _said(entries, old["config"], passage),
        "decisions": [{"index": deciding[-len(orders)], "orders": orders}] if orders else [],
        "scores": [
            {"index": entry["index"], "author": author}
            for author, entry in zip(
                outcome["scores"], [e for e in entries if e["duty"] == "score" and e["reply"] is not None], strict=False
            )
        ],
        "outcome": None if old["outcome"] is None else {"answers": outcome["answers"]},
        "failed": None,
    }


def _duty(entry: Mapping[str, Any]) -> str:
    reply = entry["reply"]
    if isinstance(reply, dict):
        return "decide" if "verdict" in reply else "say"
    if reply is None:
        return "score" if entry["role"].startswith("verifier") else "decide"
    return "score"


def _config(protocol: str, config: Mapping[str, Any]) -> dict[str, Any]:
    changed = dict(config)
    if protocol == "prover_verifier" and "roles" in changed:
        changed["provers"] = changed.pop("roles")
    return changed


def _roles(old: Mapping[str, Any], entries: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys([*old["players"], *(entry["role"] for entry in entries)]))


def _role(role: str, entries: list[dict[str, Any]], config: Mapping[str, Any]) -> list[Any]:
    kind = role.rpartition("_")[0]
    does = sorted({entry["duty"] for entry in entries if entry["role"] == role}) or [
        "decide" if kind == "judge" else "score" if kind == "verifier" else "say"
    ]
    return [kind, does, kind in _EXPERTS or (kind == "judge" and bool(config.get("expert")))]


def _statement(old: Mapping[str, Any], place: int, entries: list[dict[str, Any]]) -> dict[str, Any]:
    said = [entry for entry in entries if entry["duty"] == "say"][place]
    shown = "".join(segment["text"] for segment in old["segments"])
    kept = old["kept"]
    end = kept.lower().rfind("</scratchpad>")
    cut = end + len("</scratchpad>") if end >= 0 and "<scratchpad>" not in shown else 0
    segments = [[s["text"], s["spans"]] if s["quoted"] else [s["text"]] for s in old["segments"]]
    return {
        "index": said["index"],
        "role": old["role"],
        "turn": old["turn"],
        "private": kept[:cut] if shown or cut else kept,
        "spoken": kept[cut:] if shown or cut else "",
        "segments": segments,
        "cut": old["cut"],
        "token_ids": bool(old["token_ids"]),
    }


def _said(entries: list[dict[str, Any]], config: Mapping[str, Any], passage: str) -> list[dict[str, Any]]:
    """The statements of an episode that was cut off, which schema 1 left out: the rules stand in its options."""
    rules = SpeakingRules(config.get("max_words"), bool(config.get("quotes")), bool(config.get("scratchpad")))
    said: list[dict[str, Any]] = []
    for entry in entries:
        if entry["duty"] != "say":
            continue
        role, turn = entry["role"], 1 + sum(statement["role"] == entry["role"] for statement in said)
        speech = Speech(entry["reply"]["text"], tuple(entry["reply"].get("token_ids", ())))
        made = make_statement(speech, rules, passage, role=role, turn=turn, index=entry["index"])
        said.append(
            {
                "index": made.index,
                "role": role,
                "turn": turn,
                "private": made.scratchpad,
                "spoken": made.spoken,
                "segments": [[s.text, *s.findings] for s in made.segments],
                "cut": made.cut,
                "token_ids": bool(made.token_ids),
            }
        )
    return said
