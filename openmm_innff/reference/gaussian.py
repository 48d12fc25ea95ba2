"""Hartree-Fock, density functionals, MP2, CCSD and CCSD(T) with Gaussians, by PySCF.

Q. Sun et al., doi:10.1063/5.0006074. Gradients are analytic, dispersion is D3 with the damping of
Becke and Johnson (doi:10.1002/jcc.21759).
"""

import time
from collections.abc import Collection
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_innff.errors import MissingDependencyError
from openmm_innff.reference.level import HARTREE_FOCK, Level
from openmm_innff.reference.molecule import CalculationFailed, Label, Target
from openmm_innff.units import (
    BOHR_TO_ANGSTROM,
    HARTREE_PER_BOHR_TO_EV_PER_ANGSTROM,
    HARTREE_TO_EV,
)

FloatArray = NDArray[np.float64]
ENERGY_TOLERANCE = 1e-9
"""Of energies in hartree; forces are then good to some 1e-5 hartree/bohr."""
CORE_POTENTIALS_FROM = 37
"""def2 bases have effective core potentials from rubidium on."""


def check_installed(dispersion: bool) -> None:
    """Raise a MissingDependencyError if PySCF, or its dispersion if wanted, is not there."""
    try:
        import pyscf  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "method: Hartree-Fock, DFT, MP2 and CCSD(T) need the package pyscf: "
            "pip install 'openmm-innff[label]'"
        ) from error
    if not dispersion:
        return
    try:
        from pyscf.dispersion import dftd3  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "method: D3(BJ) needs the package pyscf-dispersion: pip install 'openmm-innff[label]'"
        ) from error


def make_molecule(target: Target, basis: str, ghosts: Collection[int] = ()) -> Any:
    """Return PySCF's molecule.

    Parameters
    ----------
    target : Target
    basis : str
    ghosts : collection of int
        Atoms of which only the basis functions are there.
    """
    from pyscf import gto

    places = target.positions / BOHR_TO_ANGSTROM
    names = [f"ghost-{s}" if i in ghosts else s for i, s in enumerate(target.symbols)]
    heavy = {s for s, z in zip(target.symbols, target.numbers, strict=True)
             if z >= CORE_POTENTIALS_FROM}  # fmt: skip
    return gto.M(
        atom=list(zip(names, places, strict=True)),
        basis=basis,
        ecp={symbol: basis for symbol in heavy if basis.lower().startswith("def2")},
        charge=target.charge,
        spin=target.unpaired,
        unit="Bohr",
        verbose=0,
    )


def calculate(
    target: Target, level: Level, ghosts: Collection[int] = (), dispersion: bool = True
) -> Label:
    """Return energy, forces and dipole at a single level, not a composite one.

    Parameters
    ----------
    target : Target
        Not periodic; of ghosts neither electrons nor charge count.
    level : Level
    ghosts : collection of int
        Atoms of which only the basis functions are there.
    dispersion : bool
        Whether to add that of the level.

    Raises
    ------
    CalculationFailed
        If the orbitals or amplitudes don't converge.
    """
    start = time.perf_counter()
    molecule = make_molecule(target, level.basis, ghosts)
    field = _mean_field(molecule, level, dispersion)
    if level.correlated:
        energy, gradient, density, details = _correlated(field, level)
    else:
        gradients = field.nuc_grad_method()
        # Without it, forces are not those of the energy on its grid; PySCF lacks it for meta-GGA.
        gradients.grid_response = bool(level.functional) and not _meta(level)
        energy, gradient = field.e_tot, gradients.kernel()
        density, details = field.make_rdm1(), {"dipole": "of the orbitals"}
    details["versions"] = _versions(level)
    dipole = field.dip_moment(molecule, density, unit="AU", verbose=0) * BOHR_TO_ANGSTROM
    return Label(
        energy=float(energy) * HARTREE_TO_EV,
        forces=-np.asarray(gradient) * HARTREE_PER_BOHR_TO_EV_PER_ANGSTROM,
        dipole=np.asarray(dipole) - target.charge * target.centre,
        seconds=time.perf_counter() - start,
        details=details,
    )


def _versions(level: Level) -> dict[str, str]:
    names = ["pyscf", "pyscf-dispersion"] if level.dispersed else ["pyscf"]
    return {name: version(name) for name in names}


def _meta(level: Level) -> bool:
    from pyscf.dft import libxc

    return bool(libxc.xc_type(functional_code(level)) == "MGGA")


def functional_code(level: Level) -> str:
    """Return the name of a functional for libxc: those with VV10 made for D3 have another one."""
    from pyscf.scf.dispersion import parse_dft

    suffix = "-d3bj" if level.dispersed else ""
    return str(parse_dft((level.functional + suffix).lower())[0])


def _mean_field(molecule: Any, level: Level, dispersion: bool) -> Any:
    """Return converged orbitals: by DIIS, and where that fails by second-order steps."""
    from pyscf import dft, scf

    if level.functional:
        kind = dft.UKS if molecule.spin else dft.RKS
        field = kind(molecule, xc=functional_code(level))
        field.grids.level = level.grid
        if level.dispersed:
            field.nlc = False
            field.disp = f"d3bj:{level.functional.lower()}" if dispersion else False
    else:
        field = (scf.UHF if molecule.spin else scf.RHF)(molecule)
        if level.dispersed:
            field.disp = "d3bj:hf" if dispersion else False
    if level.density_fit and not level.correlated:
        field = field.density_fit()
    field.conv_tol, field.max_cycle = ENERGY_TOLERANCE, 100
    field.kernel()
    if not field.converged:
        field = field.newton()
        field.kernel(field.mo_coeff, field.mo_occ)
        if not field.converged:
            name = "Kohn-Sham" if level.functional else HARTREE_FOCK
            raise CalculationFailed(f"the {name} orbitals did not converge")
        field = field.undo_newton()
    return field


def _correlated(field: Any, level: Level) -> tuple[float, FloatArray, Any, dict[str, Any]]:
    """Return energy, gradient, density matrix of the atomic orbitals, and details."""
    from pyscf import cc, mp
    from pyscf.data.elements import chemcore

    core = chemcore(field.mol) if level.frozen_core else 0
    details: dict[str, Any] = {"frozen_orbitals": core, "dipole": "of the unrelaxed density"}
    if level.method == "MP2":
        solver = mp.MP2(field, frozen=core or None)
        solver.kernel()
        gradient = solver.nuc_grad_method().kernel()
        return solver.e_tot, gradient, solver.make_rdm1(ao_repr=True), details
    solver = cc.CCSD(field, frozen=core or None)
    solver.conv_tol, solver.conv_tol_normt, solver.max_cycle = ENERGY_TOLERANCE, 1e-6, 100
    solver.kernel()
    if not solver.converged:
        raise CalculationFailed("the CCSD amplitudes did not converge")
    details["t1_diagnostic"] = _t1_diagnostic(solver)
    if level.method == "CCSD":
        solver.solve_lambda()
        _check_lambda(solver.converged_lambda)
        gradient = solver.nuc_grad_method().kernel()
        return solver.e_tot, gradient, solver.make_rdm1(ao_repr=True), details
    energy, gradient, density = _triples(solver)
    return energy, gradient, density, details


def _triples(solver: Any) -> tuple[float, FloatArray, Any]:
    """Return energy, gradient and density of CCSD(T), of converged amplitudes of CCSD."""
    from pyscf.cc import ccsd_t_lambda, ccsd_t_rdm
    from pyscf.grad import ccsd_t

    integrals = solver.ao2mo()
    energy = solver.e_tot + solver.ccsd_t(eris=integrals)
    converged, l1, l2 = ccsd_t_lambda.kernel(
        solver, integrals, solver.t1, solver.t2, max_cycle=100, tol=1e-7, verbose=0
    )
    _check_lambda(converged)
    amplitudes = solver.t1, solver.t2, l1, l2
    gradient = ccsd_t.Gradients(solver).kernel(*amplitudes, eris=integrals)
    density = ccsd_t_rdm.make_rdm1(solver, *amplitudes, eris=integrals, ao_repr=True)
    return energy, gradient, density


def _check_lambda(converged: bool) -> None:
    if not converged:
        raise CalculationFailed("the lambda equations of CCSD, of the gradient, did not converge")


def _t1_diagnostic(solver: Any) -> float:
    """Return T1: above 0.02, one determinant may be too few (doi:10.1002/qua.560360824)."""
    singles = solver.t1 if isinstance(solver.t1, tuple) else (solver.t1, solver.t1)
    electrons = max(sum(t.shape[0] for t in singles), 1)
    return round(float(np.sqrt(sum(np.sum(t**2) for t in singles) / electrons)), 5)
