"""The report of a run: one page with its plots inside."""

from openmm_innff.report.page import RunReport, write_report

__all__ = ["RunReport", "write_report"]
