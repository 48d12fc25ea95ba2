"""The free energy from a force field to a model, of a ligand in vacuum, solvent or complex.

    python correction.py recipe.toml                            # of any recipe with a ligand
    python correction.py --p-xylene vacuum                      # p-xylene of openmmtools
    python correction.py --p-xylene OBC2 --length 50            # ... in implicit solvent

The correction of a binding free energy is that of the complex less that of the solvent.
Needs pip install "openmm-innff[freeenergy,openmmtools]".
"""

import argparse
from importlib import util
from pathlib import Path

import numpy as np
import openmm

from openmm_innff import load_model
from openmm_innff.correction import STAGES, Sampling, convergence, correction, sample_stages
from openmm_innff.recipe import RunConfig, load_recipe
from openmm_innff.simulation.complexes import load_complex

MODEL = Path(__file__).parents[1] / "p-xylene" / "p-xylene.innff"


def p_xylene(solvent: str) -> RunConfig:
    """Amber's files of the ligand alone, which openmmtools has beside those of its complex."""
    package = util.find_spec("openmmtools")
    if package is None or package.origin is None:
        raise SystemExit("--p-xylene needs openmmtools")
    folder = Path(package.origin).parent / "data" / "T4-lysozyme-L99A-implicit"
    return RunConfig(
        title="p-xylene",
        prmtop=str(folder / "ligand.prmtop"),
        inpcrd=str(folder / "ligand.crd"),
        implicit_solvent=None if solvent == "vacuum" else solvent,
        ligand="TMP",
        model=str(MODEL),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", nargs="?", help="a recipe with a ligand")
    parser.add_argument("--p-xylene", metavar="SOLVENT", help="vacuum, OBC2, ...")
    parser.add_argument("--length", type=float, default=20.0, help="of each stage, ps")
    parser.add_argument("--stages", type=float, nargs="+", default=STAGES)
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if (given.recipe is None) == (given.p_xylene is None):
        parser.error("give a recipe or --p-xylene")

    config = p_xylene(given.p_xylene) if given.p_xylene else load_recipe(given.recipe)
    found = load_complex(config)
    system = load_model(config.model).create_mixed_system(
        found.topology, found.system, config.ligand, interpolate=True, mollified=False,
        backend="python", precision="double",
    )  # fmt: skip
    sampling = Sampling(stages=tuple(given.stages), length_ps=given.length, seed=given.seed)
    samples = sample_stages(
        system,
        found.positions / 10,
        sampling,
        platform=openmm.Platform.getPlatformByName(given.platform),
        on_stage=lambda stage: print(f"lambda {stage:g}", flush=True),
    )
    result = correction(samples)
    # The zero of the model's energy is arbitrary, so compare differences between environments only.
    print(f"\nMBAR        {result.value:10.3f} +- {result.error:.3f} kJ/mol")
    print(f"reweighting {result.reweighted:10.3f} +- {result.reweighted_error:.3f} kJ/mol")
    print(f"independent frames of each stage: {', '.join(map(str, result.independent))}")
    print("overlap of the stages:")
    print(np.array2string(result.overlap, precision=2, suppress_small=True))
    print("with more and more samples:")
    for fraction, value, error in convergence(samples, 5):
        print(f"  {fraction:4.0%} {value:10.3f} +- {error:.3f}")


if __name__ == "__main__":
    main()
