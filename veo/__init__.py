"""What `veo_client` stands on: requests and answers, HTTP, waiting, downloads, clips, words.

It travels with `veo_client.py`, and its core needs nothing but `requests`.  It knows no server and
no page.
"""
