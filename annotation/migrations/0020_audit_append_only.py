"""The audit trail is append-only in the database itself, also for who writes past the services."""

from django.db import migrations

TRIGGER = """
CREATE FUNCTION annotation_auditentry_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT FROM annotation_campaign WHERE id = OLD.campaign_id AND dry_run_of_id IS NOT NULL) THEN
            RETURN OLD;
        END IF;
    ELSIF OLD.rater_id IS NOT NULL AND NEW.rater_id IS NULL AND NEW.detail = '{"withdrawn": true}'::jsonb
        AND (NEW.id, NEW.at, NEW.campaign_id, NEW.act) = (OLD.id, OLD.at, OLD.campaign_id, OLD.act)
        AND NEW.actor_id IS NOT DISTINCT FROM OLD.actor_id
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'An audit entry is never changed or deleted (entry %, act %).', OLD.id, OLD.act
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER annotation_auditentry_append_only BEFORE UPDATE OR DELETE ON annotation_auditentry
    FOR EACH ROW EXECUTE FUNCTION annotation_auditentry_append_only();
"""
BACK = """
DROP TRIGGER annotation_auditentry_append_only ON annotation_auditentry;
DROP FUNCTION annotation_auditentry_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("annotation", "0019_comparing")]

    operations = [migrations.RunSQL(TRIGGER, BACK)]
