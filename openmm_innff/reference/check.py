"""Everything that can be known to fail before hours are spent on it."""

import warnings
from collections.abc import Sequence

import numpy as np
from ase.data import covalent_radii
from scipy.spatial.distance import pdist, squareform

from openmm_innff.elements import SYMBOLS
from openmm_innff.errors import ConfigError, DataError, UnsupportedElementError
from openmm_innff.reference import gaussian, tight_binding
from openmm_innff.reference.compute import two_molecules
from openmm_innff.reference.level import HARTREE_FOCK, Level
from openmm_innff.reference.molecule import MIN_DISTANCE, Target

_EXAMPLES = "GFN2-xTB, HF, MP2, CCSD, CCSD(T), wB97X-D3BJ, B3LYP-D3BJ, PBE0-D3BJ, r2SCAN-D3BJ"


def check(level: Level, targets: Sequence[Target]) -> None:
    """Check a level, and each structure at it.

    Parameters
    ----------
    level : Level
    targets : sequence of Target

    Raises
    ------
    MissingDependencyError
        If a program is not installed.
    ConfigError
        If the method is unknown, or charge, spin and electrons don't fit.
    UnsupportedElementError
        If an element has no parameters or basis.
    DataError
        If atoms overlap, or a structure repeats and the method can't.
    """
    check_level(level)
    elements = sorted({int(z) for target in targets for z in target.numbers})
    check_elements(level, elements)
    for number, target in enumerate(targets):
        try:
            _check_target(level, target)
        except (ConfigError, DataError) as error:
            raise type(error)(f"frame {number} ({target.formula}): {error}") from error


def check_level(level: Level) -> None:
    """Check that the programs are there and know the method."""
    for _, part in level.parts():
        if part.tight_binding:
            tight_binding.check_installed()
        else:
            gaussian.check_installed(part.dispersed)
            if part.functional:
                _check_functional(part)
            elif part.dispersed and part.method != f"{HARTREE_FOCK}-D3BJ":
                raise ConfigError(f"method: D3(BJ) is for HF and DFT, found {part.method}")


def _check_functional(level: Level) -> None:
    from pyscf.dft import libxc

    _check_no_other_dispersion(level.functional)
    try:
        code = gaussian.functional_code(level)
        libxc.parse_xc(code)
        unsupported = bool(libxc.is_nlc(code)) and not level.dispersed
    except (KeyError, ValueError, NotImplementedError) as error:
        raise ConfigError(
            f"method: wanted one such as {_EXAMPLES}, found {level.method!r}"
        ) from error
    if unsupported:
        raise ConfigError(
            f"method: functionals with VV10 are not supported, found {level.method!r}; wanted one "
            f"such as {_EXAMPLES}"
        )
    if level.dispersed:
        _check_dispersion(level)


def _check_no_other_dispersion(functional: str) -> None:
    """Refuse names of other dispersions, which PySCF would leave out without a word."""
    from pyscf.scf.dispersion import parse_dft

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = parse_dft(functional.lower())[2]
    except NotImplementedError:
        other = functional
    if other or functional.lower().endswith("-d"):
        raise ConfigError(
            f"method: of dispersions there is D3(BJ) alone, as in PBE0-D3BJ; found {functional!r}"
        )


def _check_dispersion(level: Level) -> None:
    from pyscf import gto
    from pyscf.dispersion import dftd3

    try:
        dftd3.DFTD3Dispersion(
            gto.M(atom="He", verbose=0), xc=level.functional.lower(), version="d3bj"
        )
    except RuntimeError as error:
        raise ConfigError(
            f"method: D3(BJ) has no parameters for the functional {level.functional!r}"
        ) from error


def check_elements(level: Level, numbers: Sequence[int]) -> None:
    """Check that there are parameters or a basis for each element."""
    for _, part in level.parts():
        if part.tight_binding:
            heavy = [SYMBOLS[z] for z in numbers if z > tight_binding.HEAVIEST]
            if heavy:
                raise UnsupportedElementError(
                    f"method: {part.method} has no parameters for {', '.join(heavy)}"
                )
        else:
            _check_basis(part.basis, [SYMBOLS[z] for z in numbers])


def _check_basis(basis: str, symbols: Sequence[str]) -> None:
    from pyscf.gto.basis import load
    from pyscf.lib.exceptions import BasisNotFoundError

    missing = []
    for symbol in symbols:
        try:
            with warnings.catch_warnings():  # about other packages that may know more
                warnings.simplefilter("ignore")
                found = load(basis, symbol)
        except (BasisNotFoundError, KeyError, RuntimeError, ValueError):
            found = []
        if not found:
            missing.append(symbol)
    if missing and len(missing) == len(symbols):
        raise ConfigError(f"basis: {basis!r} is unknown, or has no functions for {missing[0]}")
    if missing:
        raise UnsupportedElementError(f"basis: {basis!r} has no functions for {', '.join(missing)}")


def _check_target(level: Level, target: Target) -> None:
    _check_electrons(target)
    _check_overlap(target)
    for _, part in level.parts():
        if part.tight_binding:
            if target.cell is not None and part.method != "GFN1-xTB":
                raise ConfigError(
                    f"method: of structures that repeat wanted GFN1-xTB, found {part.method}"
                )
            continue
        if target.cell is not None:
            raise ConfigError(
                f"method: {part.method} is for single molecules, found a structure that repeats; "
                f"wanted GFN1-xTB, or pbc = F F F"
            )
        if part.correlated:
            _check_correlation(part, target)
        if part.counterpoise:
            two_molecules(target)


def _check_electrons(target: Target) -> None:
    electrons, unpaired = target.electrons, target.unpaired
    if electrons < 1:
        raise ConfigError(f"charge: {target.charge:+d} leaves no electrons")
    if not 0 <= unpaired <= electrons:
        raise ConfigError(f"spin: wanted 0 to {electrons} unpaired electrons, found {unpaired}")
    if (electrons - unpaired) % 2:
        raise ConfigError(
            f"spin: {electrons} electrons can't have {unpaired} unpaired ones; wanted an "
            f"{'odd' if electrons % 2 else 'even'} number, or another charge than "
            f"{target.charge:+d} (a radical, or an atom too many or too few?)"
        )


def _check_overlap(target: Target) -> None:
    if not np.isfinite(target.positions).all():
        raise DataError("positions: wanted finite numbers, found NaN or infinity")
    if len(target.numbers) < 2 or target.cell is not None:
        return
    radii = covalent_radii[target.numbers]
    ratios = squareform(pdist(target.positions)) / (radii[:, None] + radii)
    np.fill_diagonal(ratios, np.inf)
    first, second = np.unravel_index(np.argmin(ratios), ratios.shape)
    if ratios[first, second] < MIN_DISTANCE:
        raise DataError(
            f"positions: atoms {first} and {second} overlap, at "
            f"{ratios[first, second]:.2f} of the sum of their covalent radii"
        )


def _check_correlation(level: Level, target: Target) -> None:
    """Correlation needs two electrons outside of the core, and orbitals to go to."""
    from pyscf.data.elements import chemcore

    if level.method == "CCSD(T)" and target.unpaired:
        raise ConfigError(
            f"method: forces of CCSD(T) are for closed shells, found {target.unpaired} unpaired "
            f"electrons; wanted CCSD or MP2"
        )
    molecule = gaussian.make_molecule(target, level.basis)
    core = chemcore(molecule) if level.frozen_core else 0
    correlated = molecule.nelectron - 2 * core
    if correlated < 2:
        raise ConfigError(
            f"method: {level.method} wants at least 2 electrons outside of the core, found "
            f"{max(correlated, 0)}; wanted HF"
        )
    if molecule.nao_nr() <= max(molecule.nelec):
        raise ConfigError(
            f"basis: {level.basis!r} leaves {level.method} no empty orbitals for {target.formula}"
        )
