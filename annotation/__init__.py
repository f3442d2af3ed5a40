"""Campaigns put to raters: recruitment, slots, answers, and what researchers see of them."""
