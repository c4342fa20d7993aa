"""What stands between the network and Gradio.  It knows requests and answers, and no jobs."""
