"""Everything that leans on Gradio's inside.  It knows nothing of what the events do."""
