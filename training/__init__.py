"""Programs that make the models this project ships; nothing at run time imports from here."""
