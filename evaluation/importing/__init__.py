"""Ratings collected elsewhere, from a file to a study. Nothing is guessed and nothing is lost in silence.

mapping     which column holds what, and what to do with values
reading     CSV or JSON lines, row by row, with row numbers
gathering   rows to arrays; every row that can't be used becomes a fault with its row number
faults      what was wrong, in words, with a remedy
assembling  arrays to a study
"""
