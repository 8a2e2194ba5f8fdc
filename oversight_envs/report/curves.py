"""What a training run measured on its way, as curves, a table and sentences; read from the run's folder alone.

``evaluations.jsonl`` is what the debate recipe writes, ``rounds.jsonl`` what the prover-verifier recipe writes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oversight_envs.evaluation.statistics import Estimate
from oversight_envs.report.pictures import DISHONEST, HONEST, PLAIN, dress

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Training:
    """The measurements of one run, in order."""

    name: str
    kind: str
    """``debate`` or ``prover_verifier``."""
    rows: Sequence[Row]

    @property
    def columns(self) -> Mapping[str, Callable[[Row], str]]:
        """Heading -> the text of one row's cell."""
        return _COLUMNS[self.kind]

    def sentences(self) -> list[str]:
        """What came out, first against last."""
        return _SENTENCES[self.kind](self.rows)

    def draw(self, *, dark: bool = False, dpi: int = 144) -> bytes:
        """Two panels of curves as PNG bytes. Bands are 95% intervals over questions."""
        from matplotlib.figure import Figure

        ink, paper = ("#dfe3ea", "#15181d") if dark else ("#24292f", "#ffffff")
        figure = Figure(figsize=(9.6, 3.5), facecolor=paper, layout="constrained")
        axes = figure.subplots(1, 2)
        _PANELS[self.kind](axes, self.rows)
        for axis in axes:
            dress(axis, ink, paper)
            axis.grid(color=ink, alpha=0.12)
            axis.legend(frameon=False, labelcolor=ink, fontsize=8, loc="best")
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=dpi, facecolor=paper)
        return file.getvalue()


def load_training(folder: str | Path) -> Training | None:
    """The run in a folder; None if there is none, or it has measured nothing yet."""
    folder = Path(folder)
    for file, kind in (("evaluations.jsonl", "debate"), ("rounds.jsonl", "prover_verifier")):
        if (folder / file).is_file():
            lines = (folder / file).read_text(encoding="utf-8").splitlines()
            return Training(folder.name, kind, [json.loads(line) for line in lines]) if lines else None
    return None


def _estimate(found: Mapping[str, Any]) -> Estimate:
    return Estimate(**found)


def _share(name: str) -> Callable[[Row], str]:
    return lambda row: _estimate(row[name]).text("percent") if name in row else "–"


def _debate_panels(axes: Any, rows: Sequence[Row]) -> None:
    steps = [row["step"] for row in rows]
    _curve(axes[0], steps, [row["judge_accuracy"] for row in rows], HONEST, "judge")
    _curve(axes[0], steps, [row["blind_accuracy"] for row in rows], PLAIN, "blind judge")
    axes[0].set(title="accuracy on held-out questions", xlabel="training step")
    _curve(axes[1], steps, [row["convincingness"] for row in rows], DISHONEST, "beats the initial debater")
    axes[1].set(title="win rate under a held-out judge", xlabel="training step")
    for axis in axes:
        _percent(axis)
        axis.axhline(0.5, color=PLAIN, linestyle=(0, (3, 3)), linewidth=1, zorder=0)


def _prover_panels(axes: Any, rows: Sequence[Row]) -> None:
    rounds = [row["round"] for row in rows]
    _curve(axes[0], rounds, [row["helpful_accuracy"] for row in rows], HONEST, "helpful prover")
    _curve(axes[0], rounds, [row["sneaky_accuracy"] for row in rows], DISHONEST, "sneaky prover")
    played = rows[1:]
    if played:
        _curve(axes[0], rounds[1:], [r["sneaky_success"] for r in played], PLAIN, "sneaky: wrong and convincing")
        areas = [row["verifier"]["auc"] for row in played]
        _curve(axes[1], rounds[1:], [area[0] for area in areas], PLAIN, "on the base model's solutions")
        _curve(axes[1], rounds[1:], [area[-1] for area in areas], DISHONEST, "on provers trained against it")
    _percent(axes[0])
    axes[0].set(title="held-out solutions", xlabel="round")
    axes[1].set(title="the verifier tells right from wrong (AUC)", xlabel="round")
    axes[0].set_xticks(rounds, ["base" if number < 0 else str(number) for number in rounds])
    axes[1].set_xticks(rounds[1:])


def _curve(axis: Any, places: Sequence[float], found: Sequence[Mapping[str, Any]], colour: str, label: str) -> None:
    estimates = [(x, _estimate(e)) for x, e in zip(places, found, strict=True) if e["value"] is not None]
    axis.plot([x for x, _ in estimates], [e.value for _, e in estimates], "o-", color=colour, markersize=5, label=label)
    bands = [(x, *e.interval) for x, e in estimates if e.interval]
    if bands:
        axis.fill_between(*zip(*bands, strict=True), color=colour, alpha=0.18, linewidth=0)


def _percent(axis: Any) -> None:
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")


def _of_debate(rows: Sequence[Row]) -> list[str]:
    first, last = rows[0], rows[-1]
    return [
        f"After {last['step']} steps the judge is right on {_share('judge_accuracy')(last)} of held-out questions "
        f"(before: {_share('judge_accuracy')(first)}), the blind judge on {_share('blind_accuracy')(last)}.",
        f"The trained debater beats the initial one in {_share('convincingness')(last)} of debates, under a judge that "
        "it was not trained against.",
    ]


def _of_provers(rows: Sequence[Row]) -> list[str]:
    first, last = rows[0], rows[-1]
    said = [
        f"The helpful prover is right on {_share('helpful_accuracy')(last)} of held-out problems after round "
        f"{last['round']} (base model: {_share('helpful_accuracy')(first)}), the sneaky one on "
        f"{_share('sneaky_accuracy')(last)}."
    ]
    if len(rows) > 1:
        said.append(
            f"Of the sneaky prover's solutions {_share('sneaky_success')(last)} are wrong and as convincing as right "
            "ones; the verifier's AUC on provers trained against it is "
            f"{_estimate(last['verifier']['auc'][-1]).text()}."
        )
    return said


def _attack(row: Row) -> str:
    if "attack" not in row:
        return "–"
    steps = row["attack"]["succeeds"]
    return f"over {row['attack']['budget']}" if steps is None else str(steps)


def _area(place: int) -> Callable[[Row], str]:
    return lambda row: _estimate(row["verifier"]["auc"][place]).text() if "verifier" in row else "–"


_COLUMNS: Mapping[str, Mapping[str, Callable[[Row], str]]] = {
    "debate": {
        "step": lambda row: str(row["step"]),
        "judge": _share("judge_accuracy"),
        "blind judge": _share("blind_accuracy"),
        "beats the initial debater": _share("convincingness"),
        "honest quotes verified": _share("honest_verified"),
        "dishonest quotes verified": _share("dishonest_verified"),
    },
    "prover_verifier": {
        "round": lambda row: "base" if row["round"] < 0 else str(row["round"]),
        "helpful right": _share("helpful_accuracy"),
        "sneaky right": _share("sneaky_accuracy"),
        "sneaky fools": _share("sneaky_success"),
        "AUC, base solutions": _area(0),
        "AUC, new provers": _area(-1),
        "steps to 10% attacks": _attack,
    },
}
_SENTENCES: Mapping[str, Callable[[Sequence[Row]], list[str]]] = {"debate": _of_debate, "prover_verifier": _of_provers}
_PANELS: Mapping[str, Callable[[Any, Sequence[Row]], None]] = {
    "debate": _debate_panels,
    "prover_verifier": _prover_panels,
}
