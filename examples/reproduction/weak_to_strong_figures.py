"""The figures of ``reproduce_weak_to_strong.py``: means over seeds, with their 95% intervals."""

from matplotlib.ticker import PercentFormatter

from oversight_envs.report.pictures import DISHONEST, HONEST, PLAIN

from .common import GREEN, beside, draw_all, panels
from .weak_to_strong_table import PUBLISHED, SAID

COLOURS = {"soft": HONEST, "hard": GREEN, "confidence": "#8d6cc4"}


def draw(results, folder, name):
    """Writes the figures and returns their titles by file name."""
    figures = {
        "accuracy": ("What the strong model reaches with a weak judge's labels", accuracy),
        "recovered": ("Performance gap recovered", recovered),
    }
    return draw_all(figures, results, folder, name)


def accuracy(results):
    figure, (axis,) = panels(1)
    shown = [("weak", "weak judge", DISHONEST), *((loss, SAID[loss], COLOURS[loss]) for loss in results.losses)]
    for offset, (measure, label, colour) in enumerate(shown):
        points(axis, results, measure, label, colour, 0.12 * (offset - (len(shown) - 1) / 2))
    ceiling = results.over_seeds(results.debates[0], "ceiling")
    axis.axhline(ceiling.value, color=PLAIN, linestyle=(0, (4, 3)), linewidth=1, label="ceiling: learns from the truth")
    if ceiling.interval:
        axis.axhspan(*ceiling.interval, color=PLAIN, alpha=0.12, linewidth=0)
    axis.set(ylabel="accuracy on held-out questions")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    beside(axis)
    return figure


def recovered(results):
    figure, axes = panels(2)
    shares = {"recovered": "of the gap to its own weak judge", "recovered_from_blind": "of the gap to the blind judge"}
    for axis, (suffix, title) in zip(axes, shares.items(), strict=True):
        for offset, loss in enumerate(results.losses):
            points(axis, results, f"{loss}_{suffix}", SAID[loss], COLOURS[loss], 0.12 * (offset - 1))
        axis.set(title=title)
    for _, weak, student, strong in PUBLISHED:
        axes[0].axhline((student - weak) / (strong - weak), color=PLAIN, linestyle=(0, (4, 3)), linewidth=1)
    axes[0].plot([], [], color=PLAIN, linestyle=(0, (4, 3)), linewidth=1, label="published: ImageNet, other models")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def points(axis, results, measure, label, colour, offset):
    """A point with its interval for each supervisor for which there is one."""
    found = [(place + offset, results.over_seeds(n, measure)) for place, n in enumerate(results.debates)]
    known = [(place, e) for place, e in found if e.value is not None]
    bounds = [(e.value, *(e.interval or (e.value, e.value))) for _, e in known]
    errors = [[value - low for value, low, _ in bounds], [high - value for value, _, high in bounds]]
    values = [value for value, _, _ in bounds]
    axis.errorbar([place for place, _ in known], values, errors, fmt="o", color=colour, capsize=3, markersize=5,
                  label=label)  # fmt: skip
    names = {0: "question alone", 1: "one debate"}
    axis.set_xticks(range(len(results.debates)), [names.get(n, f"{n} debates") for n in results.debates])
    axis.set_xlabel("what the weak judge reads")
