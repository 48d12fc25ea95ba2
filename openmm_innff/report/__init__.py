"""Reports of runs: one HTML page with its figures inside."""

from openmm_innff.report.ligand import LigandReport
from openmm_innff.report.page import RunReport, write_report

__all__ = ["LigandReport", "RunReport", "write_report"]
