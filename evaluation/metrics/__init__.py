"""Pure core of the evaluation: numbers from answers, masks and maps.

Only numpy and scipy are imported here; no Django, no database, no files. `scipy.special` is cheap and loaded
at the top; `scipy.stats` (over a second), `optimize` and `sparse` inside the functions that need them.

    tables         RatingTable: one row per answer, and the flow of what each filter kept
    item_scores    median or mean of each item, and the same without each rating
    opinion        the founding protocol: drop rule, item medians, mean opinion score per group
    two_way        the headline interval, over items and raters
    intervals      t, z, Wilson, Clopper-Pearson, and the shape of every interval
    bootstrap      percentile interval of a mean of item scores
    responses      shares of all answers by option
    shares         how evenly the raters shared the work
    screening      attention outcomes, leave-one-out correlation, runs, response times
    alpha          Krippendorff's alpha
    kappas         Fleiss, Cohen, Gwet
    icc            intraclass correlation
    label_models   majority with flagged ties, Dawid-Skene
    pairwise       Bradley-Terry with ties
    overlap        IoU and its family from counts of pixels
    segmentation   mIoU, baselines, the choice of a threshold
    presence       which objects were seen, accuracy per relation
    tests          exact and paired tests, Holm
    planning       variance components, interval widths, sample sizes
    worlds         simulated studies with known truth

Undefined is NaN (or None) plus a reason in words; never 0, never a crash.
docs/protocols.md leads from every equation to its source and its function.
"""
