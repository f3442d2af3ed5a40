"""Pages of the evaluation: a campaign's results, and analyses of ratings collected elsewhere."""
