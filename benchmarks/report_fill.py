"""Fills a scratch database with a closed campaign of a kind: a row per answer, made by PostgreSQL itself."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection

from annotation.choices import TaskKind

K: Final = 3
EACH: Final = 100
# Words of a prompt, all of which have a map in a campaign of scores.
WORDS: Final = {TaskKind.OPINION_SCORE: 10, TaskKind.OBJECT_PRESENCE: 6, TaskKind.PAIRWISE: 1}
CHECKLIST: Final = (
    "dog", "cat", "horse", "sheep", "cow", "bear", "bird", "ball", "box", "car", "bus", "boat", "train",
    "chair", "table", "bottle", "cup", "clock", "kite", "umbrella",
)  # fmt: skip

_START: Final = """
SET session_replication_role = replica;
INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff,
is_active,
    date_joined) VALUES (1, '', false, 'r', '', '', '', false, true, now());
INSERT INTO generation_project (id, name) VALUES (1, 'p');
INSERT INTO generation_promptset (id, project_id, owner_id, name, source_name, source_sha256, parser,
    created_at) VALUES (1, 1, 1, 'p', 'p.csv', repeat('0', 64), 'x', now());
INSERT INTO generation_run (id, owner_id, prompt_set_id, name, state, model_id, model_revision, scheduler,
steps,
    guidance, height, width, negative_prompt, images_per_prompt, first_seed, created_at, explored)
    VALUES (1, 1, 1, 'run', 'done', 'model', 'revision', 'dpm', 30, 7.5, 512, 512, '', 1, 0, now(), false);
INSERT INTO generation_image (id, run_id, prompt_id, seed, state, ready_at, fence, attempts, worker, failure,
    file, file_sha256, maps_file, maps_sha256, safety_verdict, versions, generated_at, seconds)
    SELECT n, 1, n, n, 'done', now(), 1, 1, 'w', '', 'f', md5(n::text) || md5(n::text), 'm', md5(n::text),
    'passed', '{}', now(), 1 FROM generate_series(1, %(images)s) n;
"""
_PROMPTS: Final = {
    TaskKind.OPINION_SCORE: """
INSERT INTO generation_prompt (id, prompt_set_id, row_number, text, extra)
    SELECT n, 1, n, 'a photograph of thing number ' || n, '{}' FROM generate_series(1, %(images)s) n;
INSERT INTO generation_promptword (id, prompt_id, position, text, start, "end", part_of_speech,
    part_of_speech_parsed, lemma, dependency, head_position)
    SELECT n, 1 + (n - 1) / %(words)s, (n - 1) %% %(words)s, 'word' || n %% 5000, 0, 4,
    (ARRAY['NOUN', 'VERB', 'ADJ', 'ADP', 'DET', 'PRON'])[1 + abs(hashint8(n)) %% 6], 'NOUN', 'word', 'dep', 0
    FROM generate_series(1, %(items)s) n;
INSERT INTO generation_wordmap (id, image_id, word_id, seen_by_model, peak)
    SELECT n, 1 + (n - 1) / %(words)s, n, true, 0.1 + n %% 97 FROM generate_series(1, %(items)s)
    n;
""",
    TaskKind.OBJECT_PRESENCE: """
INSERT INTO generation_prompt (id, prompt_set_id, row_number, text, extra)
    SELECT n, 1, n, 'a photograph of a ' || (%(vocabulary)s::text[])[1 + n %% 20] || ' and a '
    || (%(vocabulary)s::text[])[1 + (n + 1 + n %% 7) %% 20] || ', number ' || n,
    jsonb_build_object('relation', (ARRAY['cohyponym', 'other', 'same hue'])[1 + n %% 3])
    FROM generate_series(1, %(images)s) n;
INSERT INTO generation_promptword (id, prompt_id, position, text, start, "end", part_of_speech,
    part_of_speech_parsed, lemma, dependency, head_position)
    SELECT n, prompt, place, CASE place WHEN 4 THEN (%(vocabulary)s::text[])[1 + prompt %% 20]
    WHEN 5 THEN (%(vocabulary)s::text[])[1 + (prompt + 1 + prompt %% 7) %% 20] ELSE 'word' || place END, 0, 4,
    'NOUN', 'NOUN', 'lemma' || place, 'dep', 0
    FROM (SELECT n, 1 + (n - 1) / %(words)s AS prompt, (n - 1) %% %(words)s AS place
    FROM generate_series(1, %(images)s::int8 * %(words)s) n) words;
""",
}
# Pairs: the same prompts by a second run, whose images are numbered on from the first one's.
_PROMPTS[TaskKind.PAIRWISE] = """
INSERT INTO generation_prompt (id, prompt_set_id, row_number, text, extra)
    SELECT n, 1, n, 'a photograph of thing number ' || n, '{}' FROM generate_series(1, %(images)s) n;
INSERT INTO generation_run (id, owner_id, prompt_set_id, name, state, model_id, model_revision, scheduler,
    steps, guidance, height, width, negative_prompt, images_per_prompt, first_seed, created_at, explored)
    SELECT 2, owner_id, prompt_set_id, 'other', state, 'other', model_revision, scheduler, steps, guidance,
    height, width, negative_prompt, images_per_prompt, first_seed, created_at, explored FROM generation_run;
INSERT INTO generation_image (id, run_id, prompt_id, seed, state, ready_at, fence, attempts, worker, failure,
    file, file_sha256, maps_file, maps_sha256, safety_verdict, versions, generated_at, seconds)
    SELECT id + %(images)s, 2, prompt_id, seed, state, ready_at, fence, attempts, worker, failure, file,
    md5('other' || id) || md5(id::text), maps_file, maps_sha256, safety_verdict, versions, generated_at,
    seconds FROM generation_image WHERE run_id = 1;
"""
_CAMPAIGN: Final = """
INSERT INTO annotation_campaign (id, public_id, owner_id, run_id, name, state, task_kind, vocabulary, pair_of,
    language, title, question, instructions, consent_text, contact, parts_of_speech, raters_per_item,
    share_cap, items_per_rater, checks_per_rater, checks_allowed_wrong, lease_seconds, seconds_per_item,
    order_seed, completion_code, no_consent_code, completion_url, opened_at, closed_at) VALUES (1,
    gen_random_uuid(), 1, 1, 'A million', 'closed', %(kind)s, %(vocabulary)s, %(pair_of)s, 'en',
    't', 'q', 'i', 'c', 'c',
    '{NOUN}', %(k)s, 1, 1000000, 0, 0, 600, 8, 0, 'x', '', '', now(), now());
INSERT INTO annotation_campaignversion (id, campaign_id, number, wording, wording_sha256, consent_sha256,
    ratings_wanted) VALUES (1, 1, 1, '{}', repeat('0', 64), repeat('0', 64), %(ratings)s);
INSERT INTO annotation_rater (id, campaign_id, pseudonym, platform, outcome, ended_at, exclusion_reason,
simulated)
    SELECT n, 1, md5(n::text), 'link', 'completed', now(), '', false FROM generate_series(1, %(raters)s) n;
INSERT INTO annotation_consent (id, rater_id, version_id, text_sha256)
    SELECT n, n, 1, repeat('0', 64) FROM generate_series(1, %(raters)s) n;
"""
_ITEMS: Final = {
    TaskKind.OPINION_SCORE: """
INSERT INTO annotation_item (id, campaign_id, word_map_id, kind, position, accepted_answers)
    SELECT n, 1, n, 'rating', n, '{}' FROM generate_series(1, %(items)s) n;
""",
    TaskKind.OBJECT_PRESENCE: """
INSERT INTO annotation_item (id, campaign_id, image_id, kind, position, accepted_answers)
    SELECT n, 1, n, 'rating', n, '{}' FROM generate_series(1, %(items)s) n;
""",
}
_ITEMS[TaskKind.PAIRWISE] = """
INSERT INTO annotation_comparedrun (campaign_id, run_id, place) VALUES (1, 2, 1);
INSERT INTO annotation_item (id, campaign_id, image_id, other_image_id, kind, position, accepted_answers)
    SELECT n, 1, n, n + %(images)s, 'rating', n, '{}' FROM generate_series(1, %(items)s) n;
"""
_SLOTS: Final = """
INSERT INTO annotation_slot (id, campaign_id, item_id, number, "order", state, rater_id, leased_at,
void_reason)
    SELECT place, 1, 1 + place %% %(items)s, 1 + place / %(items)s, place, 'answered', 1 + place %%
    %(raters)s, now(), '' FROM generate_series(0, %(ratings)s - 1) place;
"""
_ANSWERS: Final = {
    TaskKind.OPINION_SCORE: """
INSERT INTO annotation_answer (id, score, opt_out, slot_id, rater_id, consent_id, version_id,
idempotency_key, place,
    shown_at, answered_at, client_milliseconds, view)
    SELECT place + 1,
    CASE WHEN abs(hashint8(place)) %% 50 > 1 THEN
        least(5, greatest(1, 3 + abs(hashint8(item_id)) %% 3 - abs(hashint8(place * 31)) %% 3
            + abs(hashint8(rater_id)) %% 2)) END,
    CASE abs(hashint8(place)) %% 50 WHEN 0 THEN 'word_too_abstract' WHEN 1 THEN 'image_too_poor' ELSE '' END,
    place, rater_id, rater_id, 1, gen_random_uuid(), 1, now(), now() + interval '1 ms' *
    (abs(hashint8(place)) %% 9000), 4000, 'side' FROM (SELECT id AS place, item_id, rater_id FROM
    annotation_slot ORDER BY id) slots;
""",
    TaskKind.OBJECT_PRESENCE: """
INSERT INTO annotation_answer (id, words, opt_out, slot_id, rater_id, consent_id, version_id, idempotency_key,
    place, shown_at, answered_at, client_milliseconds, view)
    SELECT place + 1, array_remove(ARRAY[
    CASE WHEN abs(hashint8(place)) %% 10 < 8 THEN (%(vocabulary)s::text[])[1 + item_id %% 20] END,
    CASE WHEN abs(hashint8(place * 7)) %% 10 < 7
        THEN (%(vocabulary)s::text[])[1 + (item_id + 1 + item_id %% 7) %% 20] END,
    CASE WHEN abs(hashint8(place * 11)) %% 10 < 1 THEN (%(vocabulary)s::text[])[1 + (item_id + 8) %% 20] END],
    NULL), '', place, rater_id, rater_id, 1, gen_random_uuid(), 1, now(), now() + interval '1 ms' *
    (abs(hashint8(place)) %% 9000), 4000, 'side' FROM (SELECT id AS place, item_id, rater_id FROM
    annotation_slot ORDER BY id) slots;
""",
}
_ANSWERS[TaskKind.PAIRWISE] = """
INSERT INTO annotation_answer (id, choice, opt_out, slot_id, rater_id, consent_id, version_id,
    idempotency_key, place, shown_at, answered_at, client_milliseconds, view)
    SELECT place + 1, CASE WHEN abs(hashint8(place)) %% 10 < 1 THEN 'tie'
    WHEN abs(hashint8(place)) %% 10 < 4 + item_id %% 4 THEN 'left' ELSE 'right' END, '', place, rater_id,
    rater_id, 1, gen_random_uuid(), 1, now(), now() + interval '1 ms' * (abs(hashint8(place)) %% 9000), 4000,
    'side' FROM (SELECT id AS place, item_id, rater_id FROM annotation_slot ORDER BY id) slots;
"""
_END: Final = "SET session_replication_role = origin;"


def fill(ratings: int, *, kind: TaskKind = TaskKind.OPINION_SCORE) -> int:
    """Fills the scratch database; returns the number of raters."""
    items = -(-ratings // K)
    # No rater meets an item twice: places of one item are `items` apart, and raters no divisor of that.
    raters = max(ratings // EACH, 2 * K)
    while any(items * step % raters == 0 for step in range(1, K)):
        raters += 1
    words = WORDS[kind]
    presence, by_word = kind == TaskKind.OBJECT_PRESENCE, kind == TaskKind.OPINION_SCORE
    values: dict[str, Any] = {
        "ratings": ratings, "items": items, "images": -(-items // words) if by_word else items,
        "words": words, "raters": raters, "k": K, "kind": str(kind),
        "vocabulary": list(CHECKLIST) if presence else [],
        "pair_of": "images" if kind == TaskKind.PAIRWISE else "",
    }  # fmt: skip
    parts = (_START, _PROMPTS[kind], _CAMPAIGN, _ITEMS[kind], _SLOTS, _ANSWERS[kind], _END)
    with connection.cursor() as cursor:
        for statement in "".join(parts).split(";\n"):
            if statement.strip():
                cursor.execute(statement, values)
        cursor.execute("ANALYZE")
    return raters
