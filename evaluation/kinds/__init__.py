"""Results of the campaigns that ask for objects, pairs or masks instead of an opinion score.

Every kind is one pure function from the file of its answers to a `KindReport`, which pages, files and bundles
show alike: what the database gives and what a bundle gives are the same cells.
"""
