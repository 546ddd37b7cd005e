"""A comparison as charts, which can be read without colour: hatches, markers, and numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orm_async_tests.bench.shown import SCALES
from orm_async_tests.charts import new_figure, svg_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Found = Mapping[str, Any]
HATCHES = {"idiomatic": "", "tuned": "//", "raw": ".."}
GREYS = {"idiomatic": "0.75", "tuned": "0.9", "raw": "0.95"}
MARKERS = "osD^vP*X"
DASHES = ("-", "--", "-.", ":")
EDGE: dict[str, Any] = {"edgecolor": "black", "capsize": 2}
WIDTH, BAR, LABEL = 11.0, 0.32, 80  # inches of a chart and of one bar; characters of a label
PERCENTILES = {"0.5": "|", "0.95": "o", "0.99": "D", "1": "x"}


def charts(document: Found) -> Iterator[tuple[str, str]]:
    """Names of files and their SVG."""
    for workload in document["workloads"]:
        yield workload["name"], bars(workload)
        if "percentiles" in workload["patterns"][0]:
            yield f"{workload['name']}-percentiles", percentiles(workload)
    for name, unit in SCALES.items():
        for table in document.get(name, ()):
            yield f"{table['workload']}-{name}", lines(table, unit)


def bars(workload: Found) -> str:
    """A bar for each pattern: its ratio, with the interval."""
    patterns = workload["patterns"]
    axes = _axes(len(patterns), f"{workload['title']}: multiples of raw asyncpg's rate")
    for place, each in enumerate(patterns):
        ratio = each["ratio"]
        ends = [[ratio["middle"] - ratio["low"]], [ratio["high"] - ratio["middle"]]]
        how: dict[str, Any] = {"hatch": HATCHES[each["mark"]], "color": GREYS[each["mark"]]}
        axes.barh(place, ratio["middle"], xerr=ends, label=each["mark"], **how, **EDGE)
        axes.annotate(f" {ratio['middle']:.2f}", (ratio["high"], place), va="center", fontsize=8)
    axes.axvline(1, color="black", linewidth=0.8, linestyle="--")
    return _finished(axes, patterns)


def percentiles(workload: Found) -> str:
    """The milliseconds of single reads: the median, 95 and 99 of 100, and the longest."""
    patterns = [each for each in workload["patterns"] if "percentiles" in each]
    axes = _axes(len(patterns), f"{workload['title']}: milliseconds of a read")
    for place, each in enumerate(patterns):
        found = each["percentiles"]
        axes.plot(list(found.values()), [place] * len(found), color="0.6", linewidth=1)
        for share, marker in PERCENTILES.items():
            label = "longest" if share == "1" else f"{float(share):.0%}"
            axes.plot(found[share], place, marker, color="black", markersize=5, label=label)
        axes.annotate(f" {found['0.99']:.3g}", (found["1"], place), va="center", fontsize=8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.set_xlabel("milliseconds; the number is that of 99%")
    return _finished(axes, patterns)


def lines(table: Found, unit: str) -> str:
    """A line for each pattern: its ratio at each step."""
    figure = new_figure(WIDTH, 5.0)
    axes = figure.add_subplot()
    base, *others = table["lines"]
    places = range(len(table["steps"]))
    for number, each in enumerate(others):
        ratios = [ratio["middle"] for ratio in each["ratios"]]
        style: dict[str, Any] = {
            "marker": MARKERS[number % len(MARKERS)],
            "linestyle": DASHES[number % 4],
        }
        grey = f"{0.6 * (number % 3) / 2:.1f}"
        axes.plot(places, ratios, color=grey, label=_label(each), **style)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xticks(list(places), [f"{step:g}" for step in table["steps"]])
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.tick_params(axis="y", which="both", labelsize=7)
    axes.set_xlabel(unit)
    axes.set_title(f"{table['workload']}: multiples of the rate of {_label(base)}", fontsize=9)
    figure.legend(loc="outside lower center", fontsize=7, ncols=1)
    return svg_of(figure)


def _axes(places: int, title: str) -> "Axes":
    axes = new_figure(WIDTH, 1.2 + BAR * places).add_subplot()
    axes.set_title(title, fontsize=10)
    return axes


def _finished(axes: "Axes", patterns: Sequence[Found]) -> str:
    """With a name at each place, and one entry in the legend for what many places have."""
    axes.set_yticks(range(len(patterns)), [_label(each) for each in patterns], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.legend(
        list(once.values()), list(once), loc="outside lower right", ncols=len(once), fontsize=8
    )
    return svg_of(figure)


def _label(each: Found) -> str:
    label = f"{each['contender']}: {each['label']}"
    return label if len(label) <= LABEL else f"{label[: LABEL - 1]}\u2026"
