"""The page's parts; `app.py` puts them together.  Only `web/` and `gradio_patches/` know HTTP."""
