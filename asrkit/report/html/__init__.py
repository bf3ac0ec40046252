"""Scores and runs as one self-contained HTML file: works offline, mails well, light and dark, by keyboard."""

from asrkit.report.html.page import render_comparison, render_ranking, render_score
from asrkit.report.html.training import render_training

__all__ = ["render_comparison", "render_ranking", "render_score", "render_training"]
