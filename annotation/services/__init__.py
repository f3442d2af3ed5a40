"""What changes the tables of annotation. Every write is in here; times come from PostgreSQL."""
