"""What is trained, what it is tested on, and what others have published for the same frames."""

from dataclasses import dataclass, field

Errors = tuple[float, float]
"""Of the energy of a molecule in meV, and of a force component in meV/angstrom."""


@dataclass(frozen=True)
class Row:
    """A model of the table.

    Attributes
    ----------
    name : str
        Of the TOML file beside this one, of the folder of the run, and of the model.
    title : str
    frames : int
        Labelled frames at the level of the test.
    base : str
        Row that training goes on from; "" for none.
    tests : dict
        Test files (without ".xyz.gz") by what they are called in the table.
    metric : str
        "RMSE" or "MAE", whichever was published.
    model : str
        Name of a model that comes with the package, instead of one that is trained here.
    published : dict
        Errors of other models, by the name of the test.
    """

    name: str
    title: str
    frames: int
    base: str = ""
    tests: dict[str, str] = field(default_factory=dict)
    metric: str = "RMSE"
    model: str = ""
    published: dict[str, dict[str, Errors]] = field(default_factory=dict)


ACAC = {"300 K": "acac-test-300K", "600 K": "acac-test-600K"}
ACAC_OTHERS = {"300 K": {"MACE": (0.9, 5.1), "NequIP": (0.81, 5.9), "BOTNet": (0.89, 6.3)}}
"""arXiv:2206.07697 and arXiv:2205.06643; their frames at 600 K are others than ours."""
ASPIRIN_OTHERS = {
    950: {"MACE": (2.2, 6.6), "Allegro": (2.3, 7.3), "NequIP": (2.3, 8.2), "ACE": (6.1, 17.9)},
    50: {"MACE": (17.0, 43.9), "NequIP": (19.5, 52.0)},
}
"""arXiv:2206.07697, table 1; their test frames are others of the same trajectory."""


def _aspirin(frames: int, base: str) -> Row:
    return Row(
        name=f"aspirin-{frames}" + ("" if base else "-alone"),
        title="aspirin",
        frames=frames,
        base=base,
        tests={"held out": f"aspirin-{frames}-test"},
        metric="MAE",
        published={"held out": ASPIRIN_OTHERS[frames]},
    )


ROWS = (
    Row("acac-base", "acetylacetone, GFN2-xTB", 6860),
    Row("acac", "acetylacetone", 460, "acac-base", ACAC, published=ACAC_OTHERS),
    Row("acac-alone", "acetylacetone", 460, "", ACAC, published=ACAC_OTHERS),
    Row(
        "acac-cold",
        "acetylacetone, coldest nine tenths",
        410,
        "acac-base",
        {"hottest tenth": "acac-cold-test"},
    ),
    Row("aspirin-base", "aspirin, GFN2-xTB", 7840),
    _aspirin(50, "aspirin-base"),
    _aspirin(50, ""),
    _aspirin(950, "aspirin-base"),
    _aspirin(950, ""),
    Row("ethanol-base", "ethanol, GFN2-xTB", 2940),
    Row("ethanol", "ethanol", 950, "ethanol-base", {"test": "ethanol-test"}),
    Row("3bpa-base", "3BPA, GFN2-xTB", 1960),
    Row("3bpa", "3BPA", 400, "3bpa-base", {"held out": "3bpa-test"}),
    Row("water", "64 waters", 240, tests={"validation": "water-valid"}, model="water-pbe0"),
)
