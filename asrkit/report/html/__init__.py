"""Scores as one self-contained HTML file: works offline, mails well, light and dark, by mouse and by keyboard."""

from asrkit.report.html.page import render_comparison, render_score

__all__ = ["render_comparison", "render_score"]
