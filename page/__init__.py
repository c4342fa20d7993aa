"""The page's parts; `app.py` puts them together.  They know neither HTTP nor the database."""
