"""Boxes of water to start from: molecules on a lattice, settled by a classical force field."""

from itertools import product

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import app, unit

from openmm_innff.errors import ConfigError
from openmm_innff.units import ANGSTROM_TO_NM, ATOMIC_MASS

WATER_MASS = 18.01528
"""Mass of one water molecule, amu."""

_BOND, _ANGLE = 0.9572, np.deg2rad(104.52)
_MOLECULE = _BOND * np.array(
    [
        [0.0, 0.0, 0.0],
        [np.sin(_ANGLE / 2), np.cos(_ANGLE / 2), 0.0],
        [-np.sin(_ANGLE / 2), np.cos(_ANGLE / 2), 0.0],
    ]
)
"""O, H, H of the gas-phase molecule, angstrom."""

_LATTICES = {
    "simple cubic": np.zeros((1, 3)),
    "body-centred": np.array([[0, 0, 0], [1, 1, 1]]) / 2,
    "face-centred": np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2,
}
"""Fractional positions in the cubic cell of each lattice."""

_NEAR = 5.0
"""Atoms further than this from an oxygen can't touch its hydrogens, angstrom."""

_SETTLE_SMALLEST = 6.0
"""Edge below which no classical cutoff fits, angstrom."""

_SETTLE_STEP_PS = 0.004
"""Safe for rigid water with hydrogens of 3 amu."""


def box_edge(n_waters: int, density: float) -> float:
    """Edge of the cubic box that holds some waters at a density.

    Parameters
    ----------
    n_waters
        Number of molecules.
    density
        Mass density, g/cm3.

    Returns
    -------
    float
        Edge, angstrom.
    """
    grams_per_amu, cm3_per_angstrom3 = ATOMIC_MASS * 1e3, 1e-24
    return float(np.cbrt(n_waters * WATER_MASS * grams_per_amu / (density * cm3_per_angstrom3)))


def water_box(
    n_waters: int = 64, density: float = 0.997, seed: int = 0
) -> tuple[app.Topology, NDArray[np.float64]]:
    """Place waters with random orientations on the roomiest cubic lattice that holds them.

    Parameters
    ----------
    n_waters
        Number of molecules.
    density
        Mass density, g/cm3.
    seed
        Seed of the sites that stay empty and of the orientations.

    Returns
    -------
    topology : openmm.app.Topology
        Residues HOH of O, H1, H2 with their bonds, and the periodic box.
    positions : ndarray, shape (3 * n_waters, 3)
        Angstrom; molecules are whole.

    Raises
    ------
    ConfigError
        If the number or the density isn't positive, or the waters would overlap.
    """
    if n_waters < 1:
        raise ConfigError(f"n_waters: wanted at least 1, found {n_waters}")
    if not 0.0 < density <= 1.3:
        raise ConfigError(f"density: wanted 0 to 1.3 g/cm3, found {density}")
    generator = np.random.default_rng(seed)
    edge = box_edge(n_waters, density)
    sites = _lattice_sites(n_waters) * edge
    chosen = np.sort(generator.choice(len(sites), n_waters, replace=False))
    positions = np.empty((0, 3))
    for site in sites[chosen]:
        molecule = _best_oriented(site, positions, edge, generator)
        positions = np.vstack([positions, molecule])
    return water_topology(n_waters, edge), positions


def water_topology(n_waters: int, edge: float) -> app.Topology:
    """Topology of waters in a cubic box, ordered O, H1, H2 molecule by molecule.

    Parameters
    ----------
    n_waters
        Number of molecules.
    edge
        Edge of the box, angstrom.
    """
    topology = app.Topology()
    chain = topology.addChain()
    oxygen, hydrogen = app.Element.getBySymbol("O"), app.Element.getBySymbol("H")
    for _ in range(n_waters):
        residue = topology.addResidue("HOH", chain)
        centre = topology.addAtom("O", oxygen, residue)
        for name in ("H1", "H2"):
            topology.addBond(centre, topology.addAtom(name, hydrogen, residue))
    topology.setPeriodicBoxVectors(np.eye(3) * edge * ANGSTROM_TO_NM * unit.nanometer)
    return topology


def settle_classically(
    topology: app.Topology,
    positions: NDArray[np.float64],
    temperature: float = 300.0,
    length_ps: float = 10.0,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Melt the lattice with a rigid classical water (TIP3P-FB), about a second of work.

    A learned potential knows only what its data show, and a lattice of random orientations
    isn't among them: this brings the start to where the model is reliable.

    Parameters
    ----------
    topology
        Waters in a periodic box (see `water_topology`).
    positions
        Shape (n_atoms, 3), angstrom.
    temperature
        K.
    length_ps
        Length of the classical run, ps.
    seed
        Seed of velocities and noise.

    Returns
    -------
    ndarray, shape (n_atoms, 3)
        Angstrom. Returned unchanged if the box is too small for a classical cutoff.
    """
    edge = topology.getUnitCellDimensions().value_in_unit(unit.angstrom)[0]
    if edge < _SETTLE_SMALLEST:
        return positions
    cutoff = min(9.0, 0.49 * edge) * unit.angstrom
    system = app.ForceField("amber14/tip3pfb.xml").createSystem(
        topology,
        nonbondedMethod=app.CutoffPeriodic,
        nonbondedCutoff=cutoff,
        hydrogenMass=3.0,
    )
    integrator = openmm.LangevinMiddleIntegrator(temperature, 5.0, _SETTLE_STEP_PS)
    integrator.setRandomNumberSeed(seed + 1)  # 0 would mean a seed of OpenMM's own choice
    # One deterministic thread: the same seed then gives the same box on the same machine.
    platform = openmm.Platform.getPlatformByName("CPU")
    properties = {"Threads": "1", "DeterministicForces": "true"}
    context = openmm.Context(system, integrator, platform, properties)
    context.setPositions(positions * ANGSTROM_TO_NM)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 500)
    context.setVelocitiesToTemperature(temperature, seed + 1)
    integrator.step(round(length_ps / _SETTLE_STEP_PS))
    state = context.getState(positions=True)
    return np.asarray(state.getPositions(asNumpy=True).value_in_unit(unit.angstrom))


def _lattice_sites(n_sites: int) -> NDArray[np.float64]:
    """Fractional sites, shape (at least n_sites, 3), of the lattice with the widest spacing."""
    best_spacing, best = 0.0, np.empty((0, 3))
    for basis in _LATTICES.values():
        cells = int(np.ceil(np.cbrt(n_sites / len(basis)) - 1e-9))
        nearest = 1.0 if len(basis) == 1 else float(np.linalg.norm(basis[1]))
        if nearest / cells > best_spacing:
            corners = np.array(list(product(range(cells), repeat=3)), dtype=float)
            best_spacing = nearest / cells
            best = ((corners[:, None, :] + basis) / cells).reshape(-1, 3)
    return best


def _best_oriented(
    site: NDArray[np.float64],
    placed: NDArray[np.float64],
    edge: float,
    generator: np.random.Generator,
    tries: int = 30,
) -> NDArray[np.float64]:
    """Of some random orientations, the one that stays furthest from what is placed already."""
    # Random orthogonal matrices: reflections do no harm, water is its own mirror image.
    turns = np.linalg.qr(generator.normal(size=(tries, 3, 3)))[0]
    turned = site + _MOLECULE @ turns
    from_site = placed - site
    from_site -= edge * np.round(from_site / edge)
    near = from_site[np.linalg.norm(from_site, axis=1) < _NEAR]
    if len(near) == 0:
        return np.asarray(turned[0])
    apart = (turned - site)[:, :, None, :] - near
    nearest = np.linalg.norm(apart, axis=-1).min(axis=(1, 2))
    return np.asarray(turned[np.argmax(nearest)])
