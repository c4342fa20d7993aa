"""What leans on Gradio's inside: `docs/gradio-patches.md` has the reason, gain and test of each."""
