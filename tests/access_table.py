"""Who may do what: one row per route and method. A new route without a row fails tests/test_access.py."""

from typing import Final

# What a row says, by role. Everybody who is not named in one gets 404, or is asked to sign in.
OPEN: Final = "open"  # everybody
SIGNED_IN: Final = "signed in"  # every researcher, for herself
READ: Final = "read"  # members of the project and administrators
EDIT: Final = "edit"  # its managers and owners and administrators; 403 for viewers
OWN: Final = "own"  # its owners and administrators; 403 for the other members
PRIVATE: Final = "private"  # only whose it is: not even an administrator
TOKEN: Final = "token"  # whoever brings the token that it asks for, in the address or a header
MEMBER: Final = "member"  # members of the project, administrators only where they are
HALF: Final = "half"  # who has given a password and not yet the code; everybody else is sent to sign in
ABSENT: Final = "absent"  # as READ, but the test's data have none of it

GET: Final[dict[str, tuple[str, ...]]] = {
    OPEN: ("home", "health", "login", "admin_login", "rate:entry", "api:openapi-json"),
    SIGNED_IN: (
        "account", "api_page", "generation:projects", "generation:prompt_sets", "generation:prompt_import",
        "generation:example_file", "generation:runs", "generation:run_new", "generation:run_price",
        "annotation:campaigns", "annotation:campaign_new", "annotation:campaign_upload",
        "analyses:analyses", "plan:planner", "plan:planner_sums", "generation:questions",
        "generation:question_new", "generation:queue",
    ),
    READ: (
        "generation:project", "generation:prompt_set", "generation:prompt_words", "generation:run",
        "generation:run_progress", "generation:image", "generation:image_png", "generation:legend_png",
        "generation:mask_png", "generation:raw_npy", "generation:heat_png", "generation:overlay_png",
        "annotation:campaign", "annotation:campaign_progress", "annotation:campaign_specification",
        "annotation:adjudication", "annotation:adjudication_item",
        "annotation:recruitment", "annotation:outcomes", "annotation:history", "annotation:history_csv",
        "annotation:review", "annotation:rater", "annotation:preview", "annotation:preview_picture",
        "annotation:presence_csv",
        "annotation:pairs_csv", "annotation:masks_jsonl", "annotation:masks_zip", "evaluation:results",
        "evaluation:live", "evaluation:file", "evaluation:maps", "evaluation:maps_file", "studies:dry_run",
        "generation:question", "generation:question_state", "generation:question_png",
        "generation:question_npz", "generation:question_csv", "generation:question_map",
        "generation:question_npy", "generation:explore_state",
    ),
    HALF: ("second_step",),
    ABSENT: (
        "annotation:adjudication_mask", "annotation:known_drawn", "generation:explored_strip",
        "generation:explored_npy",
        "generation:explored_tile",
    ),
    EDIT: (
        "annotation:campaign_edit", "annotation:campaign_close", "annotation:campaign_extend",
        "annotation:campaign_back_fill", "annotation:campaign_budget", "annotation:rater_withdraw",
        "annotation:invitation_revoke",
        "webhooks:webhooks",
        "generation:prompt_pictures", "annotation:prolific",
        "annotation:known_answers", "annotation:known_answers_csv", "annotation:links_csv",
        "annotation:campaign_effort", "generation:image_question", "annotation:known_draw",
    ),
    PRIVATE: (
        "generation:prompt_preview", "generation:preview_state", "analyses:columns", "analyses:report",
        "analyses:file",
    ),
    TOKEN: (
        "rate:session", "rate:instructions", "rate:kept_draft", "rate:image", "rate:word_map", "rate:left",
        "rate:right", "rate:left_map", "rate:right_map", "rate:practice", "rate:practice_picture",
        "api:list_projects", "api:list_prompt_sets", "api:read_prompt_set", "api:list_runs", "api:read_run",
        "api:list_questions", "api:read_question", "api:read_maps", "api:read_map",
        "api:list_campaigns", "api:read_campaign", "api:read_specification", "api:read_progress",
        "api:read_endings",
        "api:read_results", "api:list_exports", "api:read_export", "api:api-root", "api:list_members",
        "api:list_webhooks", "api:list_deliveries", "api:list_prompts", "api:read_recruitment",
        "api:list_invitations", "api:list_raters", "api:read_rater", "api:list_waiting",
        "api:list_adjudications", "api:read_item", "api:read_dry_run",
        "api:read_queue",
    ),
}  # fmt: skip
POST: Final[dict[str, tuple[str, ...]]] = {
    OPEN: ("login", "logout", "admin_login", "rate:entry"),
    SIGNED_IN: (
        "account", "second_step_act", "password", "generation:projects", "generation:prompt_import",
        "generation:use_example", "generation:run_new",
        "annotation:campaign_upload", "analyses:analyses", "generation:question_new",
    ),
    READ: ("annotation:preview",),
    EDIT: (
        "generation:prompt_words", "generation:prompt_set_move", "generation:run_act",
        "annotation:prolific", "generation:prompt_pictures", "webhooks:webhooks", "webhooks:webhook_act",
        "webhooks:delivery_again",
        "annotation:campaign_edit", "annotation:campaign_open", "annotation:campaign_pause",
        "annotation:campaign_resume", "annotation:campaign_extend", "annotation:campaign_back_fill",
        "annotation:invitation_revoke",
        "annotation:automatic_back_fill",
        "annotation:campaign_archive", "annotation:campaign_restore", "annotation:campaign_budget",
        "annotation:payment_list",
        "annotation:known_answers", "annotation:known_draw",
        "annotation:recruitment", "annotation:review", "annotation:rater", "annotation:rater_include",
        "annotation:rater_find", "annotation:rater_withdraw",
        "annotation:adjudication_item", "annotation:adjudication_undo",
        "annotation:rater_refill", "annotation:rater_forget", "annotation:rater_approve",
        "annotation:rater_reject", "annotation:rater_take_back", "annotation:campaign_close",
        "studies:dry_run_start",
        "studies:dry_run_advance", "studies:dry_run_discard", "generation:image_question",
        "generation:explore", "generation:question_again", "generation:question_delete",
    ),
    HALF: ("second_step",),
    MEMBER: ("generation:project_leave",),
    OWN: ("generation:project", "generation:member_add", "generation:member_change"),
    PRIVATE: ("generation:prompt_preview", "analyses:delete", "token_revoke"),
    TOKEN: (
        "rate:consent", "rate:answer", "rate:undo", "rate:stop", "rate:draft", "rate:practice",
        "api:import_prompt_set", "api:ask_question", "api:start_run", "api:steer_run", "api:create_campaign",
        "api:withdraw_rater", "api:extend_campaign", "api:steer_campaign", "api:add_member",
        "api:change_member", "api:remove_member", "api:add_webhook", "api:steer_webhook", "api:send_again",
        "api:free_returned", "api:change_budget", "api:give_to_others", "api:set_automatic_back_fill",
        "api:found_project", "api:rename_project", "api:revoke_invitation",
        "api:leave_project", "api:correct_words", "api:move_prompt_set", "api:upload_pictures",
        "api:ask_again", "api:delete_question", "api:try_specification", "api:change_draft",
        "api:clone_campaign", "api:make_invitations", "api:find_rater", "api:approve_raters",
        "api:exclude_rater", "api:include_rater", "api:refill_places", "api:forget_rater",
        "api:approve_rater", "api:reject_rater", "api:reject_and_republish", "api:adjudicate",
        "api:take_back_decision",
        "api:undo_adjudication", "api:open_identities", "api:start_dry_run", "api:advance_dry_run",
        "api:discard_dry_run",
    ),
}  # fmt: skip
