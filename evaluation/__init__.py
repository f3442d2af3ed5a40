"""Evaluation: from answers to tables, figures and reports. It owns no database tables."""
