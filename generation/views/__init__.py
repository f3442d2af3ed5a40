"""Pages of prompts, runs and images."""
