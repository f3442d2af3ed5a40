"""Founding experiments as recipes: prompts, items, campaign, analysis."""
