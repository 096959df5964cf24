"""Figures of merit for lesion masks and grades."""
