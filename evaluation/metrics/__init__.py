"""Pure core of the evaluation: numbers from answers, masks and maps.

Only numpy and scipy are imported here; no Django, no database, no files. `scipy.stats` (over a second
to import) is loaded inside the functions that need it; `scipy.special` is cheap and loaded at the top.

    tables        RatingTable: one row per answer, and the flow of what each filter kept
    opinion       the founding protocol: drop rule, item medians, mean opinion score per group
    intervals     two-way cluster-robust interval, t, z, Wilson, Clopper-Pearson
    screening     attention outcomes, leave-one-out correlation, runs, response times
    shares        how evenly the raters shared the work

Undefined is NaN (or None) plus a reason in words; never 0, never a crash.
"""
