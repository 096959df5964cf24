"""Clinics, patients, studies, images, predictions, corrected masks, readings and reports."""
