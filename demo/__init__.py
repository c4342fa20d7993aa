"""The demo service: the real one's HTTP, answered on this machine with drawn clips.

It knows nothing of the client.
"""
