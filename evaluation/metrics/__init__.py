"""Pure core of the evaluation: numbers from answers, masks and maps.

Only numpy and scipy are imported here (and pycocotools, when asked for AP); no Django, no database, no
files. `scipy.special` is cheap and loaded at the top; `scipy.stats` (over a second), `optimize` and `sparse`
inside the functions that need them.

    tables         RatingTable: one row per answer, and the flow of what each filter kept
    item_scores    median or mean of each item, and the same without each rating
    opinion        the founding protocol: drop rule, item medians, mean opinion score per group
    two_way        the headline interval, over items and raters
    intervals      t, z, Wilson, Clopper-Pearson, and the shape of every interval
    methods        the register of all intervals by name
    mean_intervals the interval of each group by its method's name
    bounded        SOS model, intervals where the scores show no spread
    bootstrap      percentile and BCa interval of a mean of item scores
    bootstrap_two_way  the same with items and raters drawn anew
    running        the same scores answer by answer, during a campaign; running_sums  their sums
    responses      shares of all answers by option
    shares         how evenly the raters shared the work
    screening      attention outcomes, leave-one-out correlation, runs, response times
    rater_bias     bias and inconsistency of raters, scores without bias
    subjective_model   maximum likelihood of P.910 and P.913
    outlier_rules  BT.500 and P.808, and whether they could fire
    alpha          Krippendorff's alpha
    alpha_bootstrap    the same with items drawn anew
    checklist      alpha of words checked from a list, by counts alone
    kappas         Fleiss, Cohen, Gwet
    icc            intraclass correlation, two-way and one-way
    label_models   majority with flagged ties, Dawid-Skene
    pairwise       Bradley-Terry with ties
    overlap        IoU and its family from counts of pixels
    segmentation   mIoU, mIoU80, baselines, the published code's rules, the choice of a threshold
    coco_labels    which words name one of the 80 COCO objects
    average_precision  AP over IoU thresholds, through pycocotools
    resizing       soft maps at the size of a truth mask
    presence       which objects were seen, accuracy per relation
    presence_overlap   accuracy by overlap, overlap by correctness
    dependency_overlap heads and dependents, relation by relation
    ablation       curves by step and layer
    intensity      how much of an image a map covers
    correlations   scores against the changes of an intervention
    system_comparison  one system against another
    clustered      means of values that come in clusters
    tests          exact and paired tests, Holm
    planning       variance components, interval widths, sample sizes
    worlds         simulated studies with known truth

Undefined is NaN (or None) plus a reason in words; never 0, never a crash.
docs/protocols.md leads from every equation to its source and its function.
"""
