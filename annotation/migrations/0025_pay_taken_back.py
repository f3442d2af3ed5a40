"""Decisions about pay can be taken back, but for approvals that were handed out.

Which those are was not stored so far. The history says when a list of payments was taken and when approvals
were sent to Prolific: each approval from before such a moment counts as handed out then.
"""

from django.db import migrations, models

HANDED_OUT = """
UPDATE annotation_paymentdecision AS decision SET handed_out_at = (
    SELECT max(entry.at) FROM annotation_auditentry AS entry
    WHERE entry.campaign_id = rater.campaign_id AND entry.at >= decision.at
        AND (entry.act = 'download_payments' OR entry.act = 'prolific_approve' AND rater.platform = 'prolific')
)
FROM annotation_rater AS rater
WHERE rater.id = decision.rater_id AND decision.verdict = 'approved';
"""


class Migration(migrations.Migration):
    dependencies = [("annotation", "0024_revoked_invitations")]

    operations = [
        migrations.AddField(
            model_name="paymentdecision",
            name="handed_out_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When a list of payments or Prolific last got it as approved.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="paymentdecision",
            name="taken_back_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunSQL(HANDED_OUT, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="paymentdecision",
            constraint=models.CheckConstraint(
                condition=models.Q(handed_out_at__isnull=True)
                | models.Q(verdict="approved", taken_back_at__isnull=True),
                name="payment_handed_out_is_an_approval_that_stands",
                violation_error_message="What was handed out for payment is an approval, and stands.",
            ),
        ),
    ]
